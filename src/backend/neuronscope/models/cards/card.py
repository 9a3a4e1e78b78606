"""A loaded model described: sizes, parts, points served and refused, its diagram, its formulas and its tokenizer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from neuronscope.core.address import Address
from neuronscope.core.points import POINTS
from neuronscope.models.anatomy import Anatomy
from neuronscope.models.cards.counts import PartCount, count, count_parts
from neuronscope.models.cards.diagram import Diagram, draw
from neuronscope.models.cards.equations import Equation, equations
from neuronscope.models.cards.formulas.evidence import gather
from neuronscope.models.cards.layer_groups import alike
from neuronscope.models.cards.tokenizer_facts import TokenizerFacts, tokenizer_facts
from neuronscope.models.inspection.structure import text_config
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.parity import Parity


@dataclass(frozen=True, slots=True)
class PointState:
    """Where a point is served: ``layers`` (``None`` without layers, empty where refused), or why not."""

    point: str
    axes: list[str]
    doc: str
    layers: list[int] | None
    refused: str | None


@dataclass(frozen=True, slots=True)
class LayerFacts:
    """One block: what it is in a word or two (``attention + MLP``), and its parameters."""

    layer: int
    kind: str
    parameters: int


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
    quantization: str
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
    layer_facts: list[LayerFacts]
    diagram: Diagram
    equations: list[Equation]
    tokenizer: TokenizerFacts
    parity: Parity | None
    about: str


@torch.no_grad()
def describe(loaded: LoadedModel) -> Card:
    """The card of a loaded model, read off its modules and configuration."""
    model, anatomy, config = loaded.model, loaded.anatomy, text_config(loaded.model)
    groups = alike(anatomy, config)
    evidence = gather(model, anatomy, [layers[0] for layers in groups])
    embeddings, head = model.get_input_embeddings(), model.get_output_embeddings()
    return Card(
        model_id=loaded.model_id,
        model_key=loaded.key,
        source=loaded.source,
        revision=loaded.revision,
        architecture=type(model).__name__,
        family=str(getattr(config, "model_type", "unknown")),
        dtype=loaded.dtype,
        quantization=loaded.quantization,
        device=str(loaded.device),
        parameters=sum(count(p) for p in model.parameters()),
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
        parts=count_parts(model, anatomy),
        layer_facts=[_layer(anatomy, number) for number in range(anatomy.layer_count)],
        diagram=draw(evidence, groups),
        equations=equations(evidence, groups),
        tokenizer=tokenizer_facts(loaded),
        parity=loaded.parity,
        about=loaded.about,
    )


def _point_state(anatomy: Anatomy, name: str) -> PointState:
    row = POINTS[name]
    addresses = [Address(name, n) for n in range(anatomy.layer_count)] if row.layered else [Address(name)]
    served = [a for a in addresses if a in anatomy.sites]
    layers = [a.layer for a in served if a.layer is not None] if row.layered or not served else None
    reason = None if served else anatomy.refused.get(addresses[0])
    return PointState(name, [*row.axes], row.doc, layers, reason)


def _layer(anatomy: Anatomy, layer: int) -> LayerFacts:
    kind = anatomy.kinds[layer] if layer < len(anatomy.kinds) else "block"
    return LayerFacts(layer, kind, sum(count(p) for p in anatomy.blocks[layer].module.parameters()))


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
