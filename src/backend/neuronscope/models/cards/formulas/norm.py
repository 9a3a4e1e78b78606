"""Which norm a module computes, told by running it on random vectors: its class's name proves nothing."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from neuronscope.models.cards.formulas.evidence import difference

EPS_NAMES = ("variance_epsilon", "eps", "epsilon", "layer_norm_epsilon", "layer_norm_eps", "rms_norm_eps", "norm_eps")
EXACT = 2e-5
"""Largest relative difference between a module in float32 and its formula that rounding explains."""

Weight = Literal["plain", "plus one", "none"]


@dataclass(frozen=True, slots=True)
class NormFacts:
    """``difference`` is the largest one between the module and the formula, relative to the largest value."""

    kind: Literal["rms", "layer"]
    eps: float
    weight: Weight
    bias: bool
    width: int
    difference: float


@torch.no_grad()
def norm_facts(module: nn.Module, width: int) -> NormFacts | str:
    """The norm's formula, or a sentence that says why it could not be established.

    The module runs in float32 on ordinary vectors and on tiny ones, whose size the epsilon decides.
    """
    weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
    shape = tuple(weight.shape) if isinstance(weight, Tensor) else (width,)
    width = shape[-1]
    generator = torch.Generator().manual_seed(0)
    ordinary = torch.randn(4, *shape, generator=generator) + 0.5
    vectors = torch.cat([ordinary, 1e-3 * torch.randn(4, *shape, generator=generator)])[None]
    try:
        given = _run(module, vectors)
    except Exception as failure:  # families' norms take what they like; any refusal means the same here
        return f"{type(module).__name__} could not be run on its own ({type(failure).__name__})"
    if given.shape != vectors.shape:
        return f"{type(module).__name__} changes the shape of what it takes"
    best: NormFacts | None = None
    for kind in ("rms", "layer"):
        for eps in _epsilons(module):
            for form in ("plain", "plus one") if isinstance(weight, Tensor) else ("none",):
                facts = NormFacts(kind, eps, form, isinstance(bias, Tensor), width, 0.0)
                wanted = apply_norm(facts, vectors, weight, bias)
                # Row by row: the tiny vectors must not drown in the ordinary ones' size.
                error = max(difference(g, w) for g, w in zip(given[0], wanted[0], strict=True))
                if best is None or error < best.difference:
                    best = NormFacts(kind, eps, form, isinstance(bias, Tensor), width, error)
    if best is None or best.difference > EXACT:
        return f"{type(module).__name__} follows neither the formula of RMSNorm nor of LayerNorm"
    return best


def apply_norm(facts: NormFacts, x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """The formula itself, over the last axis, in double precision."""
    x = x.double().cpu()
    if facts.kind == "layer":
        x = x - x.mean(-1, keepdim=True)
    x = x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + facts.eps)
    if weight is not None and facts.weight != "none":
        x = x * (weight.double().cpu() + (1.0 if facts.weight == "plus one" else 0.0))
    return x + bias.double().cpu() if bias is not None else x


def _run(module: nn.Module, vectors: Tensor) -> Tensor:
    alone = copy.deepcopy(module).float().cpu()
    given = alone(vectors)
    if not isinstance(given, Tensor):
        raise TypeError("not one tensor")
    return given


def _epsilons(module: nn.Module) -> list[float]:
    stated = [getattr(module, name, None) for name in EPS_NAMES]
    found = [float(value) for value in stated if isinstance(value, float) and value >= 0]
    # torch's own RMSNorm without an epsilon takes the dtype's rounding; a few families write theirs into the code.
    return list(dict.fromkeys(found or [torch.finfo(torch.float32).eps, 1e-5, 1e-6, 1e-8, 1e-12, 0.0]))


def norm_latex(facts: NormFacts) -> str:
    """The formula with the module's own epsilon."""
    gain = {"plain": r"\gamma", "plus one": r"(1+\gamma)", "none": ""}[facts.weight]
    top, spread = (r"x", r"\tfrac{1}{d}\sum_i x_i^2") if facts.kind == "rms" else (r"x-\mu", r"\sigma^2")
    times = r"\odot " + gain if gain else ""
    body = rf"\frac{{{top}}}{{\sqrt{{{spread}+{tex_number(facts.eps)}}}}}{times}" + (r"+\beta" if facts.bias else "")
    name = "RMSNorm" if facts.kind == "rms" else "LayerNorm"
    where = (
        "" if facts.kind == "rms" else r",\quad \mu=\tfrac{1}{d}\sum_i x_i,\ \sigma^2=\tfrac{1}{d}\sum_i (x_i-\mu)^2"
    )
    return rf"\operatorname{{{name}}}(x)={body}{where},\quad d={facts.width}"


def norm_words(facts: NormFacts) -> str:
    """The same in words, for those who hear the page."""
    name = "RMSNorm" if facts.kind == "rms" else "LayerNorm"
    gain = {"plain": "times a weight", "plus one": "times one plus a weight", "none": "without a weight"}[facts.weight]
    return f"{name} over {facts.width} values, epsilon {facts.eps:g}, {gain}{', plus a bias' if facts.bias else ''}"


def tex_number(value: float) -> str:
    """A number in LaTeX: 0.125, or 1.5 · 10^{-6} where that is shorter."""
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e6:
        return f"{value:.6g}"
    mantissa, _, exponent = f"{value:.5e}".partition("e")
    shown = f"{float(mantissa):g}"
    power = f"10^{{{int(exponent)}}}"
    return power if shown == "1" else rf"{shown}\cdot {power}"
