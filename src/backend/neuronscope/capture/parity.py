"""The proof behind the badge: a tapped model against the plain one, on a short text, when it has been loaded.

Four passes over the same few tokens: plain, plain with bare hooks and transformers' own hidden states, tapped at every
point at once, and eager attention where rows are served. For a quantized model all of them run on the same quantized
weights. The identities are those of T2: what the MLP's output projection makes of the neurons, and what adds up to the
stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from neuronscope.capture.taps import read_taps
from neuronscope.core.address import Address
from neuronscope.core.errors import CorruptModel
from neuronscope.models.anatomy import Anatomy, Site
from neuronscope.models.attention import configs_of
from neuronscope.models.inspection.probe import hidden_of, output_of, with_batch
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.parity import Parity, ParityRow

TEXT = "Ada counts: 3 cats and 12 dogs make 15.\nThen she asks “which of them fired, and where?”"
TOKENS = 24
ROUNDING = 64
"""Roundings of the dtype, relative to the largest value, that a sum or a product may differ by in another order."""
ROWS_BOUND = 3e-5
"""What float32 rows may differ by: roundings of two kernels, grown over layers (1.5e-5 on a tiny Gemma 4, 6e-6 in double)."""

PLAIN = "the plain model's logits"
HIDDEN = "the hidden states that transformers reports"
BARE = "a bare hook on the same module, in a pass of its own"
EAGER = "the rows of eager attention"

Tensors = dict[Address, Tensor]


@torch.no_grad()
def measure(loaded: LoadedModel) -> Parity:
    """Run the check. Every point that the model serves gets a row, at its worst layer."""
    ids = _ids(loaded)
    shape = (1, int(ids.shape[1]))
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "use_cache": False}
    anatomy, model = loaded.anatomy, loaded.model
    with loaded.lock:
        plain = model(**inputs).logits
        overflow = "" if bool(plain.isfinite().all()) else _not_finite(loaded)
        bare, hidden = _bare_pass(model, anatomy, shape, inputs)
        tapped: Tensors = {}
        with read_taps(loaded, anatomy.sites, shape, lambda a, t: tapped.__setitem__(a, t.detach().clone())):
            logits = model(**inputs).logits
        rows, why_not = _eager_rows(model, anatomy, inputs)
        table = _Table(tapped)
        # What two passes of the plain model differ by, on devices whose kernels add up in no fixed order, is not ours.
        noise = _largest(bare[Address("logits")], plain)
        table.compare("logits", PLAIN, {Address("logits"): plain}, noise)
        table.compare("logits", PLAIN, {Address("logits"): plain}, noise, found={Address("logits"): logits})
        table.compare("", HIDDEN, hidden, noise)
        table.compare("", EAGER, rows, max(ROWS_BOUND, 4 * torch.finfo(model.dtype).eps))
        _identities(table, anatomy, tapped)
        table.compare("", BARE, {a: t for a, t in bare.items() if a not in table.covered}, noise)
    result = table.rows()
    worst = next(row for row in result if row.point == "logits")
    return Parity(
        holds=all(row.holds for row in result),
        tokens=shape[1],
        largest_absolute=worst.largest_absolute,
        largest_relative=worst.largest_relative,
        rows=result,
        note=" ".join(filter(None, (overflow, why_not))),
    )


def _not_finite(loaded: LoadedModel) -> str:
    """Why the plain model's scores are no numbers. Raises :class:`CorruptModel` where its weights are none already."""
    for name, weight in loaded.model.named_parameters():
        if weight.is_floating_point() and not bool(weight.isfinite().all()):
            raise CorruptModel(
                f"The weights of {loaded.model_id} hold values that are infinite or not a number: {name} is the first.",
                "Fetch or save the model anew; training that diverged leaves such weights.",
            )
    wider = " Load it in bfloat16 or float32." if loaded.dtype == "float16" else ""
    return f"On this text the plain model itself overflows in {loaded.dtype}: its logits are not finite.{wider}"


def _ids(loaded: LoadedModel) -> Tensor:
    length = min(TOKENS, loaded.context_length or TOKENS)
    ids = [i for i in loaded.tokenizer(TEXT)["input_ids"][:length] if i < loaded.anatomy.vocabulary]
    # A tokenizer that knows none of the text still leaves the model something to run on.
    chosen = ids or [n * 7919 % loaded.anatomy.vocabulary for n in range(length)]
    return torch.tensor([chosen], device=loaded.device)


def _bare_pass(
    model: nn.Module, anatomy: Anatomy, shape: tuple[int, int], inputs: dict[str, Any]
) -> tuple[Tensors, Tensors]:
    """What plain hooks see at every site, and transformers' hidden states under the addresses that they stand for."""
    seen: Tensors = {}

    def before(address: Address, site: Site) -> Callable[..., None]:
        def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            value = hidden_of(args, kwargs)
            if value is not None:
                seen[address] = site.take(with_batch(value, *shape)).detach().clone()

        return hook

    def after(address: Address, site: Site) -> Callable[..., None]:
        def hook(_module: nn.Module, _args: object, output: Any) -> None:
            value = output_of(output)
            if value is not None:
                seen[address] = site.take(with_batch(value, *shape)).detach().clone()

        return hook

    with ExitStack() as stack:
        for address, site in anatomy.sites.items():
            if site.side == "input":
                handle = site.module.register_forward_pre_hook(before(address, site), with_kwargs=True)
            elif site.side == "output" and site.module is not model:
                handle = site.module.register_forward_hook(after(address, site))
            else:
                continue
            stack.callback(handle.remove)
        output = model(**inputs, output_hidden_states=True)
    seen[Address("logits")] = output.logits
    return seen, _hidden_states(anatomy, getattr(output, "hidden_states", None), seen)


def _hidden_states(anatomy: Anatomy, states: Any, bare: Tensors) -> Tensors:
    """transformers reports what enters each block and the final norm's output; for state spaces, what leaves each block."""
    count = anatomy.layer_count
    if not isinstance(states, tuple | list) or len(states) != count + 1:
        return {}
    first = bare.get(Address("resid_post", 0))
    if first is not None and torch.equal(states[0], first):
        named = {Address("resid_post", layer): states[layer] for layer in range(count)}
    else:
        named = {Address("resid_post", layer): states[layer + 1] for layer in range(count - 1)}
        named[Address("embed")] = states[0]
    named[Address("ln_f")] = states[-1]
    same_shape = all(isinstance(t, Tensor) and t.shape[-1] == anatomy.d_model for t in named.values())
    return {a: t for a, t in named.items() if a in anatomy.sites} if same_shape else {}


def _eager_rows(model: PreTrainedModel, anatomy: Anatomy, inputs: dict[str, Any]) -> tuple[Tensors, str]:
    """Attention rows of eager attention by address, and why there are none where they can't be had."""
    layers = [layer for layer in range(anatomy.layer_count) if Address("attn_weights", layer) in anatomy.sites]
    if not layers:
        return {}, ""
    try:
        with _eager(model):
            rows = model(**inputs, output_attentions=True).attentions
    except (ValueError, RuntimeError, TypeError, AttributeError, KeyError) as error:
        return {}, f"Attention rows were not compared: this family has no eager attention to compare with ({error})."
    given = [row for row in rows or () if isinstance(row, Tensor)]
    if len(given) == anatomy.layer_count:
        given = [given[layer] for layer in layers]
    if len(given) != len(layers):
        return {}, f"Attention rows were not compared: eager attention returns {len(given)} of {len(layers)}."
    return {Address("attn_weights", layer): row for layer, row in zip(layers, given, strict=True)}, ""


@contextmanager
def _eager(model: PreTrainedModel) -> Iterator[None]:
    switched = [c for c in configs_of(model) if getattr(c, "_attn_implementation", None) == "sdpa"]
    for config in switched:
        config._attn_implementation_internal = "eager"
    try:
        yield
    finally:
        for config in switched:
            config._attn_implementation_internal = "sdpa"


def _identities(table: _Table, anatomy: Anatomy, tapped: Tensors) -> None:
    for layer, block in enumerate(anatomy.blocks):
        at = {point: tapped.get(Address(point, layer)) for point in IDENTITY_POINTS}
        pre, mid, post = at["resid_pre"], at["resid_mid"], at["resid_post"]
        attn, mlp = at["attn_add"], at["mlp_add"]
        if at["mlp_act"] is not None and at["mlp_out"] is not None and block.mlp_out is not None:
            expected = block.mlp_out(at["mlp_act"])
            table.compare("mlp_out", "output_projection(mlp_act)", {Address("mlp_out", layer): expected}, None)
        if pre is None or post is None:
            continue
        if mid is not None and attn is not None:
            table.compare("resid_mid", "resid_pre + attn_add", {Address("resid_mid", layer): pre + attn}, None)
        if mid is not None and mlp is not None:
            sums = {Address("resid_post", layer): mid + mlp}
            table.compare("mlp_add", "resid_post, by resid_mid + mlp_add", sums, None)
        if mid is None and attn is not None and mlp is not None:
            sums = {Address("resid_post", layer): pre + attn + mlp}
            table.compare("mlp_add", "resid_post, by resid_pre + attn_add + mlp_add", sums, None)


IDENTITY_POINTS = ("resid_pre", "resid_mid", "resid_post", "attn_add", "mlp_add", "mlp_act", "mlp_out")


def _largest(a: Tensor, b: Tensor) -> float:
    if a.shape != b.shape:
        return float("inf")
    x, y = a.to("cpu", torch.float64), b.to("cpu", torch.float64)
    # Where both are the same infinity, or both no number, they agree; where one is, they could not differ more.
    same = (x == y) | (x.isnan() & y.isnan())
    difference = (x - y).abs().nan_to_num(nan=float("inf")).masked_fill(same, 0.0)
    return float(difference.max()) if difference.numel() else 0.0


class _Table:
    """The rows under way: for each point the layer at which it lies furthest out of what is allowed."""

    def __init__(self, tapped: Tensors) -> None:
        self._tapped = tapped
        self._rows: dict[tuple[str, str], ParityRow] = {}
        self.covered: set[Address] = set()

    def compare(
        self, point: str, expected_is: str, expected: Tensors, bound: float | None, found: Tensors | None = None
    ) -> None:
        """Compare tapped tensors with expected ones; ``bound`` ``None`` means the rounding of the tensors' dtype."""
        for address, value in expected.items():
            tapped = (found or self._tapped).get(address)
            if tapped is None:
                continue
            size = float(value.detach().float().nan_to_num(posinf=0, neginf=0).abs().max()) if value.numel() else 0.0
            allowed = ROUNDING * torch.finfo(value.dtype).eps * size + 1e-12 if bound is None else bound
            difference = _largest(tapped, value)
            row = ParityRow(
                point=point or address.point,
                compared_with=expected_is,
                layers=1,
                largest_absolute=difference,
                largest_relative=difference / size if size else difference,
                bound=allowed,
                holds=difference <= allowed,
            )
            self._put(row)
            self.covered.add(Address(row.point, address.layer))

    def _put(self, row: ParityRow) -> None:
        key = (row.point, row.compared_with)
        before = self._rows.get(key)
        if before is None:
            self._rows[key] = row
            return
        worse = max(before, row, key=_badness)
        layers = before.layers + (row.point != "logits")
        self._rows[key] = ParityRow(
            worse.point,
            worse.compared_with,
            layers,
            worse.largest_absolute,
            max(before.largest_relative, row.largest_relative),
            worse.bound,
            before.holds and row.holds,
        )

    def rows(self) -> list[ParityRow]:
        """All rows, logits first, then those that fail, then by name."""
        return sorted(self._rows.values(), key=lambda r: (r.point != "logits", r.holds, r.point, r.compared_with))


def _badness(row: ParityRow) -> float:
    if row.bound == 0:
        return float("inf") if row.largest_absolute > 0 else 0.0
    return row.largest_absolute / row.bound
