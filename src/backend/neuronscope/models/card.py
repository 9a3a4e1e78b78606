"""A loaded model described: sizes, parts, points served and refused, weights by layer."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from neuronscope.core.address import Address
from neuronscope.core.points import POINTS
from neuronscope.models.anatomy import Anatomy
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.structure import Block, is_norm, text_config


@dataclass(frozen=True, slots=True)
class PointState:
    """Where a point is served: ``layers`` (``None`` without layers, empty where refused), or why not."""

    point: str
    axes: list[str]
    doc: str
    layers: list[int] | None
    refused: str | None


@dataclass(frozen=True, slots=True)
class PartCount:
    part: str
    parameters: int


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """Parameters of one block, and Frobenius norms of its projections into and out of the MLP and out of attention."""

    layer: int
    parameters: int
    mlp_in_norm: float | None
    mlp_out_norm: float | None
    attn_out_norm: float | None


@dataclass(frozen=True, slots=True)
class Card:
    """What a person wants to know of a model before looking inside."""

    model_id: str
    model_key: str
    source: str
    revision: str | None
    architecture: str
    family: str
    dtype: str
    device: str
    parameters: int
    weight_bytes: int
    layers: int
    d_model: int
    d_mlp: int | None
    heads: int
    kv_heads: int
    head_dim: int | None
    vocabulary: int
    context_length: int | None
    activation: str | None
    norm: str | None
    position_scheme: str | None
    tied_embeddings: bool
    parallel_blocks: bool
    attention_implementation: str
    has_chat_template: bool
    points: list[PointState]
    parts: list[PartCount]
    layer_weights: list[LayerWeights]
    about: str


@torch.no_grad()
def describe(loaded: LoadedModel) -> Card:
    """The card of a loaded model, read off its modules and configuration."""
    model, anatomy, config = loaded.model, loaded.anatomy, text_config(loaded.model)
    embeddings, head = model.get_input_embeddings(), model.get_output_embeddings()
    return Card(
        model_id=loaded.model_id,
        model_key=loaded.key,
        source=loaded.source,
        revision=loaded.revision,
        architecture=type(model).__name__,
        family=str(getattr(config, "model_type", "unknown")),
        dtype=loaded.dtype,
        device=str(loaded.device),
        parameters=sum(p.numel() for p in model.parameters()),
        weight_bytes=loaded.weight_bytes,
        layers=anatomy.layer_count,
        d_model=anatomy.d_model,
        d_mlp=anatomy.d_mlp,
        heads=anatomy.heads,
        kv_heads=anatomy.kv_heads,
        head_dim=anatomy.head_dim or None,
        vocabulary=anatomy.vocabulary,
        context_length=loaded.context_length,
        activation=_activation(config, anatomy),
        norm=_norm(anatomy),
        position_scheme=_positions(config, model),
        tied_embeddings=head is not None and head.weight is embeddings.weight,
        parallel_blocks=anatomy.parallel,
        attention_implementation=str(getattr(config, "_attn_implementation", "eager")),
        has_chat_template=bool(getattr(loaded.tokenizer, "chat_template", None)),
        points=[_point_state(anatomy, name) for name in POINTS],
        parts=_parts(model, anatomy),
        layer_weights=[_layer(number, block) for number, block in enumerate(anatomy.blocks)],
        about=loaded.about,
    )


def _point_state(anatomy: Anatomy, name: str) -> PointState:
    row = POINTS[name]
    addresses = [Address(name, n) for n in range(anatomy.layer_count)] if row.layered else [Address(name)]
    served = [a for a in addresses if a in anatomy.sites]
    layers = [a.layer for a in served if a.layer is not None] if row.layered or not served else None
    reason = None if served else anatomy.refused.get(addresses[0])
    return PointState(name, [*row.axes], row.doc, layers, reason)


def _parts(model: nn.Module, anatomy: Anatomy) -> list[PartCount]:
    """Every parameter counted once, under the part that it belongs to."""
    part_of: dict[int, str] = {}
    for block in anatomy.blocks:
        inside = {"attention": block.attention, "mlp": None if block.mlp is block.mlp_in else block.mlp}
        for part, module in inside.items():
            part_of.update((id(p), part) for p in (module.parameters() if module is not None else ()))
        for module in (block.mlp_in, block.mlp_out):
            part_of.update((id(p), "mlp") for p in (module.parameters() if module is not None else ()))
    for module in model.modules():
        name = "norms" if is_norm(module) else "embeddings" if isinstance(module, nn.Embedding) else None
        if name is not None:
            part_of.update((id(p), name) for p in module.parameters(recurse=False))
    counts: Counter[str] = Counter()
    for parameter in model.parameters():
        counts[part_of.get(id(parameter), "head and others")] += parameter.numel()
    return [PartCount(part, count) for part, count in counts.most_common()]


def _layer(number: int, block: Block) -> LayerWeights:
    return LayerWeights(
        layer=number,
        parameters=sum(p.numel() for p in block.module.parameters()),
        mlp_in_norm=_frobenius(block.mlp_in or block.up or block.gate_up),
        mlp_out_norm=_frobenius(block.mlp_out),
        attn_out_norm=_frobenius(block.attn_out),
    )


def _frobenius(module: nn.Module | None) -> float | None:
    weight: Any = getattr(module, "weight", None)
    if weight is None or not weight.is_floating_point():
        return None
    return float(torch.linalg.vector_norm(weight, dtype=torch.float32))


def _activation(config: object, anatomy: Anatomy) -> str | None:
    for name in ("hidden_activation", "hidden_act", "activation_function"):
        value = getattr(config, name, None)
        if isinstance(value, str):
            return value
    module = anatomy.blocks[0].activation
    return type(module).__name__ if module is not None else None


def _norm(anatomy: Anatomy) -> str | None:
    norms = anatomy.blocks[0].norms
    if not norms:
        return None
    return "RMSNorm" if "rms" in type(norms[0]).__name__.lower() else type(norms[0]).__name__


def _positions(config: object, model: nn.Module) -> str | None:
    if any("rotary" in type(module).__name__.lower() for module in model.modules()):
        return "rotary"
    if getattr(config, "alibi", False):
        return "ALiBi"
    embeddings = sum(1 for module in model.modules() if isinstance(module, nn.Embedding))
    return "learned" if embeddings > 1 else None
