"""How a layer's attention weights follow from its queries and keys: the candidates are computed, the one that fits is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from neuronscope.models.attention import AttentionCall
from neuronscope.models.cards.formulas.evidence import Evidence, difference, number
from neuronscope.models.cards.formulas.rotary import Frequencies, Pairing, RotaryFacts, all_frequencies, rotary_facts
from neuronscope.models.inspection.probe import PROBE_LENGTH
from neuronscope.models.inspection.structure import is_norm

QkNorm = Literal["none", "head", "whole", "after"]
"""Norm of queries and keys: per head or over the whole projection, before the rotation; or per head after it."""
ABSOLUTE = {torch.float32: 1e-4, torch.float64: 1e-6, torch.float16: 8e-3, torch.bfloat16: 5e-2}
"""Largest difference of an attention weight, which is at most 1, that a dtype's rounding explains."""


@dataclass(frozen=True, slots=True)
class AttentionFacts:
    """``proved`` is ``projected`` where the weights follow from what the projections gave, ``kernel`` where only from
    what reached the kernel, ``None`` where neither could be compared. ``difference`` is that of the weights."""

    heads: int
    kv_heads: int
    head_dim: int
    scale: float
    softcap: float | None
    window: int | None
    qk_norm: QkNorm
    rotary: RotaryFacts | None
    alibi: tuple[float, ...] | None
    sinks: bool
    proved: Literal["projected", "kernel"] | None
    difference: float | None
    output_follows: bool | None


@torch.no_grad()
def attention_facts(evidence: Evidence, layer: int) -> AttentionFacts | str:
    """The formula of a layer's attention, or a sentence that says why none could be established."""
    attention = evidence.anatomy.blocks[layer].attention
    if attention is None:
        return "this block has no attention"
    inside = set(attention.modules())
    call = next((c for m, c in evidence.seen.attention.items() if m in inside), None)
    eager = next((w for m, w in evidence.seen.attention_outputs.items() if m in inside), None)
    weights = call.weights()[0] if call is not None else eager[0].float() if eager is not None else None
    if weights is None:
        return "it was not computed through transformers' attention interface, and its weights were not given out"
    weights = weights.double().cpu()
    owner = next((m for m in inside if m in evidence.seen.attention or m in evidence.seen.attention_outputs), attention)
    found = _from_projections(evidence, layer, owner, call, weights)
    if found is None:
        found = _from_kernel(evidence, owner, call, weights)
    return replace(
        found, window=_window(evidence, layer, owner), output_follows=_output(evidence, layer, call, weights)
    )


def _from_projections(
    evidence: Evidence, layer: int, owner: nn.Module, call: AttentionCall | None, weights: Tensor
) -> AttentionFacts | None:
    found = [
        facts
        for q, k in _queries_and_keys(evidence, layer, weights.shape[0])
        if (facts := _search(evidence, layer, owner, call, weights, q.double().cpu(), k.double().cpu())) is not None
    ]
    return min(found, key=lambda facts: facts.difference or 0.0) if found else None


def _queries_and_keys(evidence: Evidence, layer: int, heads: int) -> Iterator[tuple[Tensor, Tensor]]:
    """As projected: from their points, else cut out of a fused projection in the ways that families lay it out."""
    q, k = evidence.value("q", layer), evidence.value("k", layer)
    if q is not None and k is not None and q.ndim == k.ndim == 3:
        yield q, k
        return
    fused = evidence.anatomy.blocks[layer].qkv
    given = evidence.seen.outputs.get(fused) if fused is not None else None
    if given is None or given.ndim != 3:
        return
    for groups in dict.fromkeys((evidence.anatomy.kv_heads, heads)):
        width, rest = divmod(given.shape[-1], heads + 2 * groups)
        if rest or heads % groups:
            continue
        flat = given[0].float()
        yield (
            flat[:, : heads * width].unflatten(-1, (heads, width)),
            flat[:, heads * width : (heads + groups) * width].unflatten(-1, (groups, width)),
        )
        by_group = flat.unflatten(-1, (groups, heads // groups + 2, width))
        yield by_group[:, :, :-2].flatten(1, 2), by_group[:, :, -2]


def _search(
    evidence: Evidence, layer: int, owner: nn.Module, call: AttentionCall | None, weights: Tensor, q: Tensor, k: Tensor
) -> AttentionFacts | None:
    head_dim = q.shape[-1]
    window = _window(evidence, layer, owner)
    scales = list(_scales(owner, evidence.config, call, head_dim, layer))
    caps = [cap for cap in (number(owner, "attn_logit_softcapping", "softcap"), None) if cap != 0]
    slopes = alibi_slopes(q.shape[1]) if _asks_for_alibi(owner, evidence.config) else None
    bound = ABSOLUTE.get(evidence.model.dtype, 5e-2)
    best: AttentionFacts | None = None
    turns: list[tuple[Frequencies, Pairing] | None] = [
        (f, pairing) for f in all_frequencies(evidence.model, evidence.config) for pairing in ("halves", "neighbours")
    ]
    for turn in [*turns, None]:
        for norm, queries, keys in _normalised(owner, q, k, turn):
            for cap in caps or [None]:
                for scale in scales:
                    given = attend(queries, keys, scale, cap, slopes, _sinks(owner), window)
                    error = float((given - weights).abs().max())
                    if best is not None and best.difference is not None and error >= best.difference:
                        continue
                    facts = rotary_facts(*turn, head_dim, evidence.config) if turn is not None else None
                    best = AttentionFacts(
                        q.shape[1], k.shape[1], head_dim, scale, cap, window, norm, facts,
                        None if slopes is None else tuple(slopes.tolist()), _sinks(owner) is not None,
                        "projected", error, None,
                    )  # fmt: skip
                    if error < bound / 500:
                        return best
    return best if best is not None and (best.difference or 0.0) <= bound else None


def attend(
    q: Tensor,
    k: Tensor,
    scale: float,
    cap: float | None = None,
    slopes: Tensor | None = None,
    sinks: Tensor | None = None,
    window: int | None = None,
) -> Tensor:
    """Causal attention weights ``[head, query, key]`` of queries ``[p, h, e]`` and keys ``[p, g, e]``."""
    k = k.repeat_interleave(q.shape[1] // k.shape[1], dim=1)
    scores = torch.einsum("phe,khe->hpk", q, k) * scale
    if slopes is not None:
        scores = scores + slopes[:, None, None] * torch.arange(scores.shape[-1], dtype=scores.dtype)
    if cap is not None:
        scores = cap * torch.tanh(scores / cap)
    seen = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    if window is not None:
        seen = seen.triu(1 - window)
    scores = scores.masked_fill(~seen, float("-inf"))
    if sinks is None:
        return torch.softmax(scores, dim=-1)
    column = sinks.double().cpu().reshape(-1, 1, 1).expand(-1, scores.shape[1], 1)
    return torch.softmax(torch.cat([scores, column], dim=-1), dim=-1)[..., :-1]


def _from_kernel(evidence: Evidence, owner: nn.Module, call: AttentionCall | None, weights: Tensor) -> AttentionFacts:
    heads = weights.shape[0]
    if call is None:
        return AttentionFacts(
            heads, evidence.anatomy.kv_heads, evidence.anatomy.head_dim, float("nan"), None, None, "none", None,
            None, _sinks(owner) is not None, None, None, None,
        )  # fmt: skip
    width = call.query.shape[-1]
    scale = call.scaling if call.scaling is not None else width**-0.5
    return AttentionFacts(
        heads, call.key.shape[1], width, float(scale), None, None, "none", None, None, False, "kernel", 0.0, None
    )


def _output(evidence: Evidence, layer: int, call: AttentionCall | None, weights: Tensor) -> bool | None:
    """Whether the weights times the values are what enters the output projection, with nothing in between."""
    projection = evidence.anatomy.blocks[layer].attn_out
    entered = evidence.seen.inputs.get(projection) if projection is not None else None
    value = call.value[0].double().cpu() if call is not None else None
    if value is None:
        taken = evidence.value("v", layer)
        value = taken.transpose(0, 1).double().cpu() if taken is not None and taken.ndim == 3 else None
    if entered is None or value is None or weights.shape[0] % value.shape[0]:
        return None
    mixed = weights @ value.repeat_interleave(weights.shape[0] // value.shape[0], dim=0)
    return difference(mixed.transpose(0, 1).reshape(PROBE_LENGTH, -1), entered[0].float()) <= evidence.bound


def _window(evidence: Evidence, layer: int, owner: nn.Module) -> int | None:
    """The sliding window of this layer: the configuration says its length and, by the layer's type, where it holds."""
    types = getattr(evidence.config, "layer_types", None)
    if isinstance(types, list | tuple) and layer < len(types) and "sliding" not in str(types[layer]):
        return None
    value = getattr(owner, "sliding_window", None) or getattr(evidence.config, "sliding_window", None)
    return int(value) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _scales(owner: nn.Module, config: object, call: AttentionCall | None, e: int, layer: int) -> Iterator[float]:
    stated = [call.scaling if call is not None else None, e**-0.5]
    stated += [
        number(owner, name) for name in ("scaling", "scale", "softmax_scale", "attention_multiplier", "inv_norm_factor")
    ]
    stated += [number(config, "attention_multiplier"), 1.0, 1.0 / e, e**-0.5 / (layer + 1)]
    divided = number(owner, "scale_attn")
    stated.append(1 / divided if divided else None)
    yield from dict.fromkeys(float(s) for s in stated if s)


def _normalised(
    owner: nn.Module, q: Tensor, k: Tensor, turn: tuple[Frequencies, Pairing] | None
) -> Iterator[tuple[QkNorm, Tensor, Tensor]]:
    """Queries and keys as they may reach the kernel: with and without their norms, which stand before or after the turn."""

    def turned(x: Tensor) -> Tensor:
        return turn[0].rotate(x, turn[1]) if turn is not None else x

    if turn is not None and 2 * len(turn[0].radians) > q.shape[-1]:
        return
    norms = query_key_norms(owner)
    if norms is None:
        yield "none", turned(q), turned(k)
        return
    for kind in ("head", "whole", "after"):
        order = [turned, None] if kind == "after" else [None, turned]
        sides = []
        for norm, x in zip(norms, (q, k), strict=True):
            x = order[0](x) if order[0] is not None else x
            normed = _apply(norm, x, whole=kind == "whole")
            if normed is None:
                break
            sides.append(order[1](normed) if order[1] is not None else normed)
        if len(sides) == 2:
            yield kind, sides[0], sides[1]


def _apply(norm: nn.Module, x: Tensor, *, whole: bool) -> Tensor | None:
    weight = getattr(norm, "weight", None)
    width = x.shape[1] * x.shape[2] if whole else x.shape[2]
    if isinstance(weight, Tensor) and weight.numel() not in (width, x.shape[1] * x.shape[2]):
        return None
    place = weight if isinstance(weight, Tensor) else torch.zeros((), dtype=torch.float32)
    given = (x.flatten(1) if whole else x)[None].to(place.device, place.dtype)
    try:
        out = norm(given)
    except Exception:  # a norm of another shape refuses in its own way
        return None
    return out[0].double().cpu().reshape(x.shape) if isinstance(out, Tensor) and out.numel() == x.numel() else None


def query_key_norms(attention: nn.Module) -> tuple[nn.Module, nn.Module] | None:
    """The norms of queries and of keys inside an attention module, where it has both."""
    norms = {name: module for name, module in attention.named_children() if is_norm(module)}
    pair = [next((m for n, m in norms.items() if n.startswith(letter)), None) for letter in "qk"]
    return (pair[0], pair[1]) if pair[0] is not None and pair[1] is not None else None


def _sinks(owner: nn.Module) -> Tensor | None:
    value = getattr(owner, "sinks", None)
    return value.detach() if isinstance(value, Tensor) and value.ndim == 1 else None


def _asks_for_alibi(owner: nn.Module, config: object) -> bool:
    """Whether the module's forward takes such a bias: a candidate, which the recorded weights then confirm or not."""
    import inspect

    taken = inspect.signature(type(owner).forward).parameters
    stated = getattr(config, "alibi", None)
    return stated is not False and ("alibi" in taken or "position_bias" in taken)


def alibi_slopes(heads: int) -> Tensor:
    """Slopes of ALiBi (Press et al. 2022): powers of 2^(-8/n), with those of the next power of two filling up."""
    base = 2 ** int(torch.tensor(float(heads)).log2().floor())
    slopes = [2 ** (-8 * (i + 1) / base) for i in range(base)]
    slopes += [2 ** (-4 * (2 * i + 1) / base) for i in range(heads - base)]
    return torch.tensor(slopes[:heads], dtype=torch.float64)
