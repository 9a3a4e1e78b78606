"""T1 and T2 of one model, recomputed without the code under test: bare hooks, ``F.linear`` of weights, eager attention."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel, StaticCache

from neuronscope.capture.taps import read_taps
from neuronscope.models.loaded import LoadedModel
from support.architectures import random_ids
from support.comparing import LENGTH, PADDED, Truth, linear, served
from support.heads import check_attention, check_heads

Tensors = dict[str, Tensor]


def padded_batch(rows: int = 2) -> tuple[Tensor, Tensor]:
    """Ids and mask ``[2, 12]``: the first row is padded on the right from its ninth token on."""
    ids = random_ids(PADDED, rows)
    mask = torch.ones_like(ids)
    ids[0, LENGTH:], mask[0, LENGTH:] = 0, 0
    return ids, mask


@torch.no_grad()
def tapped(loaded: LoadedModel, ids: Tensor, mask: Tensor, **options: Any) -> tuple[Tensors, Any]:
    """Copies of every served point in one pass, and the model's output."""
    found: Tensors = {}
    anatomy = loaded.anatomy
    shape = (int(ids.shape[0]), int(ids.shape[1]))
    with read_taps(loaded, anatomy.sites, shape, lambda a, t: found.__setitem__(str(a), t.detach().clone())):
        output = loaded.model(input_ids=ids, attention_mask=mask, **options)
    return found, output


@torch.no_grad()
def check(loaded: LoadedModel, eager: PreTrainedModel) -> Truth:
    """Every comparison that applies to this model; ``eager`` has the same weights and runs eager attention."""
    truth = Truth()
    ids, mask = padded_batch()
    plain = loaded.model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    taken, output = tapped(loaded, ids, mask, use_cache=False)
    again = loaded.model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    for what, logits in (("with taps", output.logits), ("afterwards", again), ("as captured", taken["logits"])):
        if not torch.equal(plain.nan_to_num(), logits.nan_to_num()):
            truth.wrong.append(f"logits {what} are not those of the plain model")
    truth.compared["logits"] = 0.0
    _hidden_states(truth, loaded, taken, ids, mask)
    _sums(truth, loaded, taken)
    _projections(truth, loaded, ids, mask, taken)
    check_heads(truth, loaded, eager, ids, mask)
    _routers(truth, loaded, taken)
    _step(truth, loaded, eager, ids[1:], mask[1:], taken)
    _rows(truth, loaded, eager, taken, ids, mask)
    return truth


def _hidden_states(truth: Truth, loaded: LoadedModel, taken: Tensors, ids: Tensor, mask: Tensor) -> None:
    """The stream against bare hooks on the blocks, and against the hidden states that transformers reports."""
    layers = range(loaded.anatomy.layer_count)
    bare: dict[tuple[str, int], Tensor] = {}
    with ExitStack() as stack:
        for layer in layers:
            block = loaded.anatomy.blocks[layer].module

            def before(_m: nn.Module, args: Any, kwargs: Any, layer: int = layer) -> None:
                bare["resid_pre", layer] = (args[0] if args else kwargs["hidden_states"]).clone()

            def after(_m: nn.Module, _a: Any, out: Any, layer: int = layer) -> None:
                bare["resid_post", layer] = (out[0] if isinstance(out, tuple | list) else out).clone()

            stack.callback(block.register_forward_pre_hook(before, with_kwargs=True).remove)
            stack.callback(block.register_forward_hook(after).remove)
        try:
            reported = loaded.model(
                input_ids=ids, attention_mask=mask, use_cache=False, output_hidden_states=True
            ).hidden_states
        except (TypeError, AttributeError, KeyError, IndexError, ValueError):
            reported = None
            loaded.model(input_ids=ids, attention_mask=mask, use_cache=False)
    for point in ("resid_pre", "resid_post"):
        for layer in served(loaded, point):
            truth.near(f"{point}.{layer} against the block", taken[f"{point}.{layer}"], bare[point, layer], 0.0)
    if not reported or len(reported) != loaded.anatomy.layer_count + 1:
        truth.unseen.append("hidden states")
        return
    # Most families report what enters each block and what leaves the last; some report what leaves each block.
    after = torch.equal(reported[0], bare["resid_post", 0])
    for layer in served(loaded, "resid_post"):
        point = "resid_post" if after else "resid_pre"
        truth.near(f"{point}.{layer} against hidden states", taken[f"{point}.{layer}"], reported[layer], 0.0)
    last = taken.get("ln_f", taken.get(f"resid_post.{layers[-1]}"))
    if last is not None and torch.equal(reported[-1], last):
        truth.near("ln_f against hidden states", last, reported[-1], 0.0)


def _sums(truth: Truth, loaded: LoadedModel, taken: Tensors) -> None:
    for layer in range(loaded.anatomy.layer_count):
        pre, mid, post, attn, mlp = (
            taken.get(f"{p}.{layer}") for p in ("resid_pre", "resid_mid", "resid_post", "attn_add", "mlp_add")
        )
        if pre is None or post is None:
            continue
        if attn is not None and mid is not None:
            truth.near(f"resid_mid.{layer} = resid_pre + attn_add", mid, pre + attn)
        if mlp is not None and mid is not None:
            truth.near(f"resid_post.{layer} = resid_mid + mlp_add", post, mid + mlp)
        if mid is None and (attn is not None or mlp is not None):
            parts = sum(t for t in (attn, mlp) if t is not None)
            truth.near(f"resid_post.{layer} = resid_pre + what is added", post, pre + parts)


def _projections(truth: Truth, loaded: LoadedModel, ids: Tensor, mask: Tensor, taken: Tensors) -> None:
    """Neurons by a bare hook on a projection found by its weights, and its output recomputed from these weights."""
    _neurons(truth, loaded, ids, mask, taken)
    for layer in served(loaded, "mlp_act"):
        block = loaded.anatomy.blocks[layer]
        neurons, out = taken[f"mlp_act.{layer}"], taken[f"mlp_out.{layer}"]
        assert block.mlp_out is not None
        truth.near(f"mlp_out.{layer} = output projection of mlp_act", out, linear(block.mlp_out, neurons))
        for point, module in (("mlp_pre", block.mlp_in), ("mlp_gate", block.gate), ("mlp_up", block.up)):
            plain = (
                block.mlp is not None and "rwkv" not in type(block.mlp).__name__.lower()
            )  # which mixes two positions
            if f"{point}.{layer}" in taken and f"ln2.{layer}" in taken and module is not None and plain:
                expected = linear(module, taken[f"ln2.{layer}"])
                truth.near(f"{point}.{layer} = projection of ln2", taken[f"{point}.{layer}"], expected)
    for layer in served(loaded, "attn_weights"):
        check_attention(truth, loaded, layer, taken, ids, mask)


OUT_NAMES = re.compile(
    r"(^|\.)((mlp|ffn|feed_forward|ff|ffwd|mixer)\.([a-z_]+\.)?"
    r"(down_proj|c_proj|fc2|dense_4h_to_h|fc_out|w2|wo|proj_down|out_proj|lin2|dense2|output_linear|Wo|w_out)|fc2)$"
    r"|^output\.dense$|^ffn\.2$|^feed_forward\.value$|^mlp_block\.down_proj$"
)
"""What families call the MLP's output projection, as people know it: inspection does not go by this."""


def _neurons(truth: Truth, loaded: LoadedModel, ids: Tensor, mask: Tensor, taken: Tensors) -> None:
    """Neurons are what a bare hook takes that finds the output projection by its name alone."""
    caught: dict[int, Tensor] = {}
    with ExitStack() as stack:
        for layer in served(loaded, "mlp_act"):
            modules = loaded.anatomy.blocks[layer].module.named_modules()
            named = [m for n, m in modules if OUT_NAMES.search(n) and "expert" not in n and "norm" not in n]
            if len(named) != 1:
                truth.unseen.append("a name for the output projection")
                continue

            def before(_m: nn.Module, args: Any, layer: int = layer) -> None:
                caught[layer] = args[0].clone()

            stack.callback(named[0].register_forward_pre_hook(before).remove)
        loaded.model(input_ids=ids, attention_mask=mask, use_cache=False)
    for layer, neurons in caught.items():
        truth.near(f"mlp_act.{layer} by a bare hook", taken[f"mlp_act.{layer}"], neurons.view(*ids.shape, -1), 0.0)


def _routers(truth: Truth, loaded: LoadedModel, taken: Tensors) -> None:
    """Each row is made of probabilities: softmaxed ones sum to 1, sigmoids lie between 0 and 1."""
    for layer in served(loaded, "router"):
        rows = taken[f"router.{layer}"]
        if not bool(((rows >= 0) & (rows <= 1)).all()):
            truth.wrong.append(f"router.{layer}: not probabilities")
        block = loaded.anatomy.blocks[layer]
        entered = taken.get(f"ln2.{layer}")
        if entered is None or block.mlp is None:
            truth.unseen.append("router's weights")
            continue
        expected = [
            f(functional.linear(entered.float(), w.float()))
            for w in block.mlp.parameters()
            if w.ndim == 2 and w.shape == (rows.shape[-1], entered.shape[-1])
            for f in (lambda t: torch.softmax(t, -1), torch.sigmoid)
        ]
        best = [e for e in expected if torch.allclose(e, rows.float(), atol=1e-5)]
        if best:
            truth.near(f"router.{layer} from its weights", rows.float(), best[0])
        else:
            truth.unseen.append("router's weights")


def _rows(
    truth: Truth,
    loaded: LoadedModel,
    eager: PreTrainedModel,
    taken: Tensors,
    ids: Tensor,
    mask: Tensor,
    exact: bool = False,
) -> None:
    layers = served(loaded, "attn_weights")
    if not layers:
        return
    try:
        reported = eager(input_ids=ids, attention_mask=mask, use_cache=False, output_attentions=True).attentions
    except (TypeError, AttributeError, KeyError, IndexError, ValueError):
        reported = None
    given = [t for t in reported or () if isinstance(t, Tensor) and t.ndim == 4 and t.shape[-1] == PADDED]
    if len(given) != len(layers):
        truth.unseen.append("attention rows")
        return
    real = mask.bool()
    for layer, expected in zip(layers, given, strict=True):
        rows = taken[f"attn_weights.{layer}"]
        if rows.shape != expected.shape:
            truth.wrong.append(f"attn_weights.{layer}: {tuple(rows.shape)} is not {tuple(expected.shape)}")
            continue
        got, want = (t.transpose(1, 2)[real] for t in (rows, expected))
        if exact or float((got - want).abs().max()) <= 1e-5:
            truth.near(f"attn_weights.{layer} against eager", got, want)
        else:
            # Roundings of two kernels, grown over layers, or a mistake? In double precision only a mistake is left.
            loaded.model.double()
            eager.double()
            taken, _ = tapped(loaded, ids, mask, use_cache=False)
            _rows(truth, loaded, eager, taken, ids, mask, exact=True)
            loaded.model.float()
            return


UNCACHED = (TypeError, AttributeError, KeyError, IndexError, ValueError, RuntimeError, NotImplementedError)
"""What families raise that can't run over this kind of cache."""


def _step(truth: Truth, loaded: LoadedModel, eager: PreTrainedModel, ids: Tensor, mask: Tensor, taken: Tensors) -> None:
    """One more token over a cache gives the same row at every point as the whole text did; and so does a static cache."""
    for kind, make in (("a cache", lambda: None), ("a static cache", lambda: _static(loaded.model))):
        try:
            caches = [
                m(
                    input_ids=ids[:, :-1], attention_mask=mask[:, :-1], use_cache=True, past_key_values=make()
                ).past_key_values
                for m in (loaded.model, loaded.model, eager)
            ]
            if caches[0] is None:
                raise ValueError("no cache")
            options: dict[str, Any] = {"use_cache": True, "attention_mask": mask}
            plain = loaded.model(input_ids=ids[:, -1:], past_key_values=caches[1], **options).logits
            reported = eager(
                input_ids=ids[:, -1:], past_key_values=caches[2], output_attentions=True, **options
            ).attentions
        except UNCACHED:
            truth.unseen.append(kind)
            continue
        step, output = tapped(loaded, ids[:, -1:], mask, use_cache=True, past_key_values=caches[0])
        if not torch.equal(output.logits, plain):
            truth.wrong.append(f"logits over {kind} are not those of the plain model")
        # Some families look at fewer keys over a cache, or at more: then there the whole text is no measure.
        itself = torch.allclose(plain[0, -1], taken["logits"][1, -1], atol=1e-4, rtol=1e-4)
        if not itself:
            truth.unseen.append(f"the same values over {kind}")
        for name, tensor in step.items() if itself else ():
            if name.startswith("attn_weights"):
                continue
            truth.near(f"{name} over {kind}", tensor[0, 0], taken[name][1, -1], 2e-3)
        layers = served(loaded, "attn_weights")
        given = [t for t in reported or () if isinstance(t, Tensor) and t.ndim == 4 and t.shape[2] == 1]
        if len(given) != len(layers):
            truth.unseen.append(f"rows over {kind}")
            continue
        for layer, expected in zip(layers, given, strict=True):
            truth.near(f"attn_weights.{layer} over {kind}", step[f"attn_weights.{layer}"], expected, 1e-4)


def _static(model: PreTrainedModel) -> StaticCache:
    return StaticCache(config=model.config.get_text_config(decoder=True), max_cache_len=16)
