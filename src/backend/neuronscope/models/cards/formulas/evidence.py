"""One small forward pass over the blocks that stand for their kinds: what the formulas and the diagram are checked against."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from neuronscope.core.address import Address
from neuronscope.models.anatomy import Anatomy, Site
from neuronscope.models.inspection.probe import Recording, record
from neuronscope.models.inspection.structure import is_norm, text_config

ROUNDING = {torch.float32: 5e-5, torch.float64: 1e-9, torch.float16: 8e-3, torch.bfloat16: 6e-2}
"""Largest relative difference that the rounding of a dtype explains after a handful of operations."""


@dataclass
class Evidence:
    """``looked_up`` maps embeddings to the ids that they were asked for, ``outside`` are modules beside the blocks."""

    model: PreTrainedModel
    anatomy: Anatomy
    config: object
    seen: Recording
    looked_up: dict[nn.Module, Tensor]
    outside: list[nn.Module]
    logits: Tensor | None
    names: dict[nn.Module, str]

    @property
    def bound(self) -> float:
        """What counts as equal in this model's dtype, relative to the size of the tensors."""
        return ROUNDING.get(self.model.dtype, 6e-2)

    def site(self, point: str, layer: int) -> Site | None:
        """Where a point of a layer is read; ``None`` where it is refused."""
        return self.anatomy.sites.get(Address(point, layer))

    def value(self, point: str, layer: int) -> Tensor | None:
        """What a point of a watched layer held, float32 ``[position, …]``."""
        site = self.site(point, layer)
        if site is None or site.side == "attention":
            return None
        raw = (self.seen.inputs if site.side == "input" else self.seen.outputs).get(site.module)
        if raw is None:
            return None
        taken = site.take(raw)
        return taken[0].float() if taken.ndim > 2 else None


@torch.no_grad()
def gather(model: PreTrainedModel, anatomy: Anatomy, layers: Iterable[int]) -> Evidence:
    """Run the probe's tokens once, watching the blocks of ``layers`` and everything outside the blocks."""
    inside = {m for block in anatomy.blocks for m in block.module.modules()}
    outside = [m for m in model.modules() if m not in inside]
    watched = [m for layer in layers for m in anatomy.blocks[layer].module.modules()]
    head = model.get_output_embeddings()
    beside = [m for m in outside if isinstance(m, nn.Embedding) or is_norm(m) or m is head]
    looked_up: dict[nn.Module, Tensor] = {}
    scores: list[Tensor] = []

    def ids_of(module: nn.Module, args: tuple[object, ...], _output: object) -> None:
        if args and isinstance(args[0], Tensor) and not args[0].is_floating_point():
            looked_up.setdefault(module, args[0].detach().reshape(-1))

    def logits_of(_module: nn.Module, _args: object, output: object) -> None:
        found = getattr(output, "logits", None)
        if isinstance(found, Tensor):
            scores.append(found.detach())

    handles = [m.register_forward_hook(ids_of) for m in beside if isinstance(m, nn.Embedding)]
    handles.append(model.register_forward_hook(logits_of))
    try:
        seen = record(model, [*watched, *beside])
    finally:
        for handle in handles:
            handle.remove()
    names = {module: name for name, module in model.named_modules()}
    logits = scores[0][0].float() if scores else None
    return Evidence(model, anatomy, text_config(model), seen, looked_up, beside, logits, names)


def difference(a: Tensor, b: Tensor) -> float:
    """Largest absolute difference, relative to the largest value; infinite for different shapes."""
    if a.shape != b.shape or a.numel() == 0:
        return float("inf")
    a, b = a.double().cpu(), b.double().cpu()
    largest = float(torch.maximum(a.abs().max(), b.abs().max()))
    return float((a - b).abs().max()) / largest if largest > 0 else 0.0


def ratio(a: Tensor, b: Tensor, bound: float) -> float | None:
    """The number that ``a`` was multiplied with to become ``b``; ``None`` where no single number does it."""
    if a.shape != b.shape:
        return None
    left, right = a.double().flatten().cpu(), b.double().flatten().cpu()
    power = float(left @ left)
    if power == 0:
        return None
    factor = float(left @ right) / power
    return factor if difference(left * factor, right) <= bound else None


def number(config: object, *names: str) -> float | None:
    """The first of these settings that is a number."""
    for name in names:
        value = getattr(config, name, None)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None


def nearest(value: float, config: object, names: Iterable[str], bound: float) -> float:
    """The setting that a measured number stands for, itself where none is near: 12.0 rather than 11.999998."""
    for name in names:
        stated = number(config, name)
        for candidate in () if stated is None or stated == 0 else (stated, 1 / stated):
            if abs(candidate - value) <= bound * abs(candidate):
                return candidate
    rounded = float(f"{value:.3g}")
    return rounded if abs(rounded - value) <= bound * abs(value) / 10 else value
