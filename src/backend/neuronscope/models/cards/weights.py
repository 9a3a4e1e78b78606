"""Weights of a model layer by layer: a histogram and norms of each part, and neurons that are dead or duplicates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from neuronscope.core.address import Address
from neuronscope.models.cards.weight_pairs import COSINE, Dead, Duplicate, dead, duplicates
from neuronscope.models.inspection.structure import Block, linear_sizes
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.quantized import dense_weight

FORMAT = 1
"""Changes whenever what is measured does; a report of another format is measured anew."""
BINS = 60
REACH = 4.0
"""Histograms span so many standard deviations to either side of zero; what lies beyond is counted apart."""
LISTED = 500
"""Dead neurons and pairs of duplicates that a layer lists; more are only counted."""
PARTS = ("q", "k", "v", "qkv", "attn_out", "mlp_in", "gate", "up", "gate_up", "mlp_out")


@dataclass(frozen=True, slots=True)
class PartWeights:
    """One weight matrix. ``norm`` is its Frobenius norm; ``counts`` fill ``low`` to ``high``, ``beyond`` is the rest."""

    part: str
    rows: int
    columns: int
    mean: float
    std: float
    minimum: float
    maximum: float
    norm: float
    low: float
    high: float
    counts: list[int]
    beyond: int


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One layer. ``neurons`` is 0 and ``note`` says why where its neurons could not be looked at one by one."""

    layer: int
    parts: list[PartWeights]
    neurons: int
    dead: list[Dead]
    dead_count: int
    duplicates: list[Duplicate]
    duplicate_count: int
    note: str


@dataclass(frozen=True, slots=True)
class WeightReport:
    """All layers of one model, in the precision in which it was loaded."""

    format: int
    model_key: str
    cosine: float
    rounding: float
    layers: list[LayerWeights]


def rounding(loaded: LoadedModel) -> float:
    """How far from zero, relative to a median, a norm may be and still be zero: the machine epsilon of the weights' dtype."""
    return float(torch.finfo(loaded.model.dtype).eps)


@torch.no_grad()
def layer_weights(loaded: LoadedModel, layer: int, check: Callable[[], None] | None = None) -> LayerWeights:
    """Measure one layer. Quantized matrices are brought back to numbers one at a time; ``check`` may raise to stop."""
    block = loaded.anatomy.blocks[layer]
    parts = []
    for name in PARTS:
        module = getattr(block, name)
        if module is None:
            continue
        if check is not None:
            check()
        weight = matrix(module)
        if weight is not None:
            parts.append(_part(name, weight))
    for name, tensor in _expert_tensors(block):
        if check is not None:
            check()
        parts.append(_part(name, tensor.detach().float()))
    inputs, outputs, note = _neurons(loaded, layer)
    if outputs is None:
        return LayerWeights(layer, parts, 0, [], 0, [], 0, note)
    gone = dead(inputs, outputs, rounding(loaded))
    pairs = duplicates([*inputs.values()], outputs, [one.neuron for one in gone], check)
    return LayerWeights(
        layer, parts, outputs.shape[0], gone[:LISTED], len(gone), pairs[:LISTED], len(pairs), note
    )  # fmt: skip


def report(loaded: LoadedModel, layers: list[LayerWeights]) -> WeightReport:
    """The layers put together, bound to this very model."""
    return WeightReport(FORMAT, loaded.key, COSINE, rounding(loaded), layers)


def matrix(module: nn.Module) -> Tensor | None:
    """A linear layer's weight as float32 ``[outputs, inputs]``, whatever its make; ``None`` for what is no linear layer."""
    weight = dense_weight(module)
    if weight is None or linear_sizes(module) is None:
        return None
    # transformers' Conv1D keeps its weight as inputs × outputs, and is the only one with nx and nf.
    return (weight.T if hasattr(module, "nf") else weight).float()


def _part(name: str, weight: Tensor) -> PartWeights:
    flat = weight.reshape(-1)
    std, mean = float(flat.std(correction=0)), float(flat.mean())
    low, high = float(flat.min()), float(flat.max())
    # A matrix of one value has no spread; its histogram still needs a width.
    reach = REACH * std or max(abs(low), abs(high)) or 1.0
    counts = [int(n) for n in torch.histc(flat, BINS, -reach, reach).tolist()]
    rows = weight.shape[-2] if weight.ndim > 1 else 1
    return PartWeights(
        part=name,
        rows=rows * (weight.shape[0] if weight.ndim == 3 else 1),
        columns=weight.shape[-1],
        mean=mean,
        std=std,
        minimum=low,
        maximum=high,
        norm=float(torch.linalg.vector_norm(flat)),
        low=-reach,
        high=reach,
        counts=counts,
        beyond=flat.numel() - sum(counts),
    )


def _expert_tensors(block: Block) -> list[tuple[str, Tensor]]:
    """The fused 3-D weights of experts, all experts of a layer together."""
    if not block.experts or block.mlp is None:
        return []
    found = [(name.rpartition(".")[2], p) for name, p in block.mlp.named_parameters() if p.ndim == 3]
    return [(f"experts {name}", p) for name, p in found if p.is_floating_point()]


def _neurons(loaded: LoadedModel, layer: int) -> tuple[dict[str, Tensor], Tensor | None, str]:
    """Input rows by name and output columns, each ``[neuron, d]``; or why they can't be had."""
    block = loaded.anatomy.blocks[layer]
    if block.experts:
        return {}, None, "This layer is a mixture of experts; neurons inside experts are not looked at one by one."
    out = matrix(block.mlp_out) if block.mlp_out is not None else None
    if out is None:
        return {}, None, "No MLP was found in this layer."
    inputs: dict[str, Tensor] = {}
    for name, module in (("input", block.mlp_in), ("gate", block.gate), ("up", block.up)):
        weight = matrix(module) if module is not None else None
        if weight is not None:
            inputs[name] = weight
    if block.gate_up is not None:
        fused = matrix(block.gate_up)
        for name, point in (("gate", "mlp_gate"), ("up", "mlp_up")):
            site = loaded.anatomy.sites.get(Address(point, layer))
            if site is not None and fused is not None:
                # What cuts the projection's output apart cuts its weights apart the same way.
                inputs[name] = site.take(fused.T[None])[0].T.contiguous()
    if any(rows.shape[0] != out.shape[1] for rows in inputs.values()) or not inputs:
        return {}, None, "The rows that feed the neurons could not be told apart in this layer's projections."
    return inputs, out.T.contiguous(), ""
