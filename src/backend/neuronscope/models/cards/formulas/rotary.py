"""Rotary position embedding: which frequencies a model turns its queries and keys with, and how it pairs dimensions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from neuronscope.models.cards.formulas.norm import tex_number

Pairing = Literal["halves", "neighbours"]
SETTINGS = (
    "factor",
    "original_max_position_embeddings",
    "low_freq_factor",
    "high_freq_factor",
    "beta_fast",
    "beta_slow",
)


@dataclass(frozen=True, slots=True)
class RotaryFacts:
    """``theta`` is ``None`` where no base explains the frequencies; ``scaling`` names what stretches them, if anything.

    ``backwards`` where the angle is minus the position's, as in families that write the sine's sign the other way."""

    dimensions: int
    head_dim: int
    pairing: Pairing
    backwards: bool
    theta: float | None
    scaling: str
    settings: dict[str, float]
    attention_factor: float
    lowest: float
    highest: float


@dataclass(frozen=True, eq=False)
class Frequencies:
    """Radians per position of each pair, as a rotary module holds them, and what it multiplies cosines and sines with."""

    label: str
    radians: Tensor
    factor: float

    def rotate(self, x: Tensor, pairing: Pairing) -> Tensor:
        """Turn ``[position, head, width]`` by the positions 0, 1, 2 …; dimensions beyond the pairs stay as they are."""
        size = 2 * len(self.radians)
        angle = torch.arange(x.shape[0], dtype=torch.float64)[:, None] * self.radians.double()
        cos, sin = (f(angle)[:, None, :] * self.factor for f in (torch.cos, torch.sin))
        turned = x.double().clone()
        if pairing == "halves":
            first, second = x[..., : size // 2].double(), x[..., size // 2 : size].double()
            turned[..., : size // 2] = first * cos - second * sin
            turned[..., size // 2 : size] = second * cos + first * sin
        else:
            first, second = x[..., 0:size:2].double(), x[..., 1:size:2].double()
            turned[..., 0:size:2] = first * cos - second * sin
            turned[..., 1:size:2] = second * cos + first * sin
        return turned


def all_frequencies(model: nn.Module, config: object) -> list[Frequencies]:
    """Every set of frequencies that the model's rotary modules hold; families without such a module name a width."""
    found: list[Frequencies] = []
    for module in model.modules():
        for name, buffer in module.named_buffers(recurse=False):
            if not name.endswith("inv_freq") or "original" in name or buffer.ndim != 1:
                continue
            label = name.removesuffix("inv_freq").strip("_")
            factor = getattr(module, f"{label}_attention_scaling" if label else "attention_scaling", 1.0)
            radians = buffer.detach().float().cpu()
            if not any(torch.equal(radians, known.radians) for known in found):
                found.append(Frequencies(label, radians, float(factor or 1.0)))
    width = getattr(config, "rotary_dim", None)
    if isinstance(width, int) and width > 0:
        found.append(Frequencies("", powers(10_000.0, width), 1.0))
    return [*found, *(Frequencies(one.label, -one.radians, one.factor) for one in found)]


def powers(theta: float, dimensions: int) -> Tensor:
    """Frequencies of the plain scheme (Su et al. 2021): one over theta to the 2i/d."""
    return theta ** -(torch.arange(0, dimensions, 2, dtype=torch.float64) / dimensions).float()


def rotary_facts(frequencies: Frequencies, pairing: Pairing, head_dim: int, config: object) -> RotaryFacts:
    """What the frequencies come from: a base alone where its powers are these very numbers, else a named rule."""
    size, backwards = 2 * len(frequencies.radians), bool(frequencies.radians[0] < 0)
    radians = frequencies.radians.abs()
    leaves = list(_settings(getattr(config, "rope_parameters", None)))
    leaves.sort(key=lambda entry: entry[0] != frequencies.label)
    theta: float | None = None
    scaling = ""
    settings: dict[str, float] = {}
    for _, leaf in leaves or [("", {"rope_theta": 10_000.0})]:
        base = float(leaf.get("rope_theta") or 10_000.0)
        plain = powers(base, size)
        if torch.allclose(plain, radians, rtol=1e-4):
            theta, scaling, settings = base, "", {}
            break
        if theta is None and not scaling and leaf.get("rope_type", "default") != "default":
            scaling = str(leaf["rope_type"])
            settings = {name: float(leaf[name]) for name in SETTINGS if isinstance(leaf.get(name), int | float)}
            theta = base
    return RotaryFacts(
        dimensions=size,
        head_dim=head_dim,
        pairing=pairing,
        backwards=backwards,
        theta=theta,
        scaling=scaling if theta is not None else "unknown",
        settings=settings,
        attention_factor=frequencies.factor,
        lowest=float(radians.min()),
        highest=float(radians.max()),
    )


def _settings(parameters: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """``rope_parameters`` is one dictionary, or one for each type of layer."""
    if not isinstance(parameters, dict):
        return
    if any(not isinstance(value, dict) for value in parameters.values()):
        yield "", parameters
        return
    yield from ((str(name), leaf) for name, leaf in parameters.items())


def rotary_latex(facts: RotaryFacts) -> str:
    """The rotation of one pair at position ``t``."""
    half = facts.dimensions // 2
    pair = rf"(x_i,\,x_{{i+{half}}})" if facts.pairing == "halves" else r"(x_{2i},\,x_{2i+1})"
    base = (
        r"\theta" if facts.theta is None else f"{facts.theta:.15g}" if facts.theta < 1e15 else tex_number(facts.theta)
    )
    base = base if base.isdigit() or facts.theta is None else f"({base})"
    plain = rf"{base}^{{-2i/{facts.dimensions}}}"
    omega = plain if not facts.scaling else rf"s_{{\text{{{facts.scaling}}}}}\bigl({plain}\bigr)"
    stretch = rf"{tex_number(facts.attention_factor)}\," if facts.attention_factor != 1.0 else ""
    signs = ("", "-") if facts.backwards else ("-", "")
    turn = rf"\begin{{pmatrix}}\cos t\omega_i&{signs[0]}\sin t\omega_i\\ {signs[1]}\sin t\omega_i&\cos t\omega_i\end{{pmatrix}}"
    return rf"R_t:\ {pair}^\top\mapsto {stretch}{turn}{pair}^\top,\quad \omega_i={omega},\quad 0\le i<{half}"


def rotary_words(facts: RotaryFacts) -> str:
    """The same in words."""
    share = f"{facts.dimensions} of {facts.head_dim} dimensions of each head"
    base = f"theta {facts.theta:.15g}" if facts.theta is not None else "a base that could not be told"
    extra = "".join(f", {name.replace('_', ' ')} {value:g}" for name, value in facts.settings.items())
    scaling = f", stretched by the rule “{facts.scaling}”{extra}" if facts.scaling else ""
    way = ", turned backwards" if facts.backwards else ""
    return f"rotary, {base}, {share}, paired as {facts.pairing}{way}{scaling}"
