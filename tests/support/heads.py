"""Whether each head is the one that it is said to be: of queries, keys and values, changed and looked for in the kernel; and
of what attention hands to its output projection, made again of rows and values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from neuronscope.core.address import Address
from neuronscope.models.loaded import LoadedModel
from support.comparing import PADDED, Truth, linear, served

LOOKING = "looking_on"
_looking: list[Callable[..., None]] = []


def _look(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **kwargs: Any
) -> Any:
    _looking[0](module, query, key, value)
    return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)


AttentionInterface.register(LOOKING, _look)
AttentionMaskInterface.register(LOOKING, sdpa_mask)


def kernel_inputs(loaded: LoadedModel, layer: int, ids: Tensor, mask: Tensor) -> list[Tensor]:
    """Queries, keys and values ``[b, h, p, e]`` that a layer hands to the kernel, by an attention function of the test."""
    inside = set(loaded.anatomy.blocks[layer].module.modules())
    caught: list[list[Tensor]] = []
    _looking[:] = [lambda m, *tensors: caught.append([t.clone() for t in tensors]) if m in inside else None]
    configs = {id(c): c for m in loaded.model.modules() if (c := getattr(m, "config", None)) is not None}.values()
    switched = [c for c in configs if getattr(c, "_attn_implementation", None) == "sdpa"]
    for config in switched:
        config._attn_implementation_internal = LOOKING
    try:
        loaded.model(input_ids=ids, attention_mask=mask, use_cache=False)
    finally:
        for config in switched:
            config._attn_implementation_internal = "sdpa"
    return caught[0] if len(caught) == 1 else []


def check_heads(truth: Truth, loaded: LoadedModel, eager: PreTrainedModel, ids: Tensor, mask: Tensor) -> None:
    """Changing the outputs that a head is said to have changes that head, and no other, of what reaches the kernel.

    Where the kernel is not called through transformers' interface, it is the rows of eager attention that must change.
    """
    names = {module: name for name, module in loaded.model.named_modules()}
    for place, point in enumerate(("q", "k", "v")):
        layers = served(loaded, point)
        if not layers:
            continue
        layer = layers[-1]
        site = loaded.anatomy.sites[Address(point, layer)]
        module = site.module

        def reached(layer: int = layer, place: int = place) -> Tensor | None:
            caught = kernel_inputs(loaded, layer, ids, mask)
            return functional.normalize(caught[place], dim=-1) if caught else None

        plain = reached()
        if plain is None and point != "v":
            number = served(loaded, "attn_weights").index(layer)
            module = eager.get_submodule(names[module])

            def reached(number: int = number) -> Tensor | None:
                rows = eager(input_ids=ids, attention_mask=mask, use_cache=False, output_attentions=True).attentions
                given = [t for t in rows or () if isinstance(t, Tensor) and t.ndim == 4 and t.shape[-1] == PADDED]
                return given[number] if len(given) > number else None

            plain = reached()
        if plain is None:
            truth.unseen.append(f"heads of {point}")
            continue
        heads = site.take(torch.arange(_width(loaded, site.module, ids, mask))[None, None])[0, 0]
        repeats = plain.shape[1] // len(heads)
        for head, changed in enumerate(heads):

            def turn(_m: nn.Module, _args: Any, out: Tensor, changed: Tensor = changed) -> Tensor:
                out = out.clone()
                out[..., changed] = out[..., changed].flip(-1) - 0.3
                return out

            handle = module.register_forward_hook(turn)
            try:
                other = reached()
            finally:
                handle.remove()
            assert other is not None
            far = (other - plain)[mask.bool().all(1)].abs().amax((0, 2, 3))
            moved = {int(h) for h in (far > 1e-3).nonzero()}
            if moved != set(range(head * repeats, (head + 1) * repeats)):
                truth.wrong.append(f"{point}.{layer}: changing head {head} changes {sorted(moved)}")
        truth.compared[point] = 0.0


def _width(loaded: LoadedModel, module: nn.Module, ids: Tensor, mask: Tensor) -> int:
    caught: list[int] = []
    handle = module.register_forward_hook(lambda _m, _a, out: caught.append(int(out.shape[-1])))
    try:
        loaded.model(input_ids=ids, attention_mask=mask, use_cache=False)
    finally:
        handle.remove()
    return caught[0]


def check_attention(
    truth: Truth, loaded: LoadedModel, layer: int, taken: dict[str, Tensor], ids: Tensor, mask: Tensor
) -> None:
    """Rows times values is what attention's output projection takes, unless the family gates it in between."""
    rows, values = taken[f"attn_weights.{layer}"], taken.get(f"v.{layer}")
    block = loaded.anatomy.blocks[layer]
    if block.attn_out is None or f"attn_out.{layer}" not in taken:
        return
    caught: list[Tensor] = []
    handle = block.attn_out.register_forward_pre_hook(lambda _m, args: caught.append(args[0].clone()))
    try:
        loaded.model(input_ids=ids, attention_mask=mask, use_cache=False)
    finally:
        handle.remove()
    entered = caught[0].view(*ids.shape, -1)
    truth.near(f"attn_out.{layer} = projection", taken[f"attn_out.{layer}"].flatten(2), linear(block.attn_out, entered))
    norms = taken.get(f"head_norm.{layer}")
    if norms is not None:
        parts = entered.unflatten(-1, (rows.shape[1], -1))
        truth.near(f"head_norm.{layer} = root of the sum of squares", norms, parts.square().sum(-1).sqrt())
        alike = _side_by_side(truth, loaded, layer, rows, entered, ids, mask)
        if not alike and (values is None or not _mixed(rows, values, entered, mask)):
            truth.unseen.append("heads side by side")
    if values is None:
        return
    if not _mixed(rows, values, entered, mask):
        truth.unseen.append("rows times values")
    else:
        truth.compared.setdefault("v", 0.0)


def _mixed(rows: Tensor, values: Tensor, entered: Tensor, mask: Tensor) -> bool:
    """Whether rows times values ``[b, k, g, e]``, head after head, is what entered the projection."""
    groups = rows.shape[1] // values.shape[2]
    mixed = torch.einsum("bhpk,bkhe->bphe", rows, values.repeat_interleave(groups, dim=2)).flatten(2)
    return torch.allclose(mixed[mask.bool()], entered[mask.bool()], atol=1e-5)


def _side_by_side(
    truth: Truth, loaded: LoadedModel, layer: int, rows: Tensor, entered: Tensor, ids: Tensor, mask: Tensor
) -> bool:
    """The heads that ``head_norm`` tells apart are the kernel's: rows times its own values, one after the other.

    False where the kernel could not be looked at.
    """
    projection = loaded.anatomy.blocks[layer].attn_out
    assert projection is not None
    again: list[Tensor] = []
    handle = projection.register_forward_pre_hook(lambda _m, args: again.append(args[0].clone()))
    try:
        kernel = kernel_inputs(loaded, layer, ids, mask)
    finally:
        handle.remove()
    # Sparse attention asks for the kernel by name: another name is another computation, and no measure here.
    if not kernel or not torch.equal(again[0].view_as(entered), entered):
        return False
    groups = rows.shape[1] // kernel[2].shape[1]
    mixed = torch.einsum("bhpk,bhke->bphe", rows, kernel[2].repeat_interleave(groups, dim=1)).flatten(2)
    truth.near(f"head_norm.{layer}: heads side by side", entered[mask.bool()], mixed[mask.bool()])
    return True
