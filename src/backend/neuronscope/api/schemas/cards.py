"""Model cards: what a loaded model is made of, what it computes, and what can be read from it."""

from __future__ import annotations

from typing import Literal

from neuronscope.api.schemas.common import Answer, ModelId, Request, TokenOut
from neuronscope.api.schemas.models import Source


class CardQuery(Request):
    model_id: ModelId | None = None


class WeightsRequest(Request):
    model_id: ModelId | None = None


class PointState(Answer):
    point: str
    axes: list[str]
    doc: str
    layers: list[int] | None
    """Layers that serve it; null for points without layers, empty where refused."""
    refused: str | None
    """Why the model lacks it."""


class PartCount(Answer):
    part: str
    parameters: int


class LayerFacts(Answer):
    layer: int
    kind: str
    """What the block is in a word or two: 'attention + MLP'."""
    parameters: int


class DiagramPoint(Answer):
    point: str
    refused: str | None
    """Why it is not served there; null where it is."""


class DiagramNode(Answer):
    id: str
    role: Literal["stream", "norm", "linear", "attention", "activation", "sum", "mixer", "router", "experts", "other"]
    lane: Literal["stream", "attention", "mlp"]
    title: str
    path: str
    """The module's dotted path in the first layer of its kind; empty for what is no module, such as a sum."""
    module: str
    shape: str
    parameters: int
    note: str
    inside: list[str]
    """What the box holds that is not drawn on its own."""
    points: list[DiagramPoint]


class DiagramEdge(Answer):
    source: str
    target: str
    kind: Literal["flow", "residual", "choice"]


class DiagramRun(Answer):
    kinds: list[int]
    """Places in the list of blocks, in the order in which they follow each other."""
    times: int


class BlockDiagram(Answer):
    title: str
    layers: list[int]
    order: str
    """How attention and MLP follow each other, and where their norms stand."""
    nodes: list[DiagramNode]
    edges: list[DiagramEdge]
    absent: list[DiagramPoint]
    """Points that no box of this block could have."""


class Diagram(Answer):
    before: list[DiagramNode]
    stack: list[DiagramRun]
    blocks: list[BlockDiagram]
    """One for each distinct kind of block."""
    after: list[DiagramNode]


class Equation(Answer):
    part: str
    title: str
    latex: str
    """Empty where nothing could be established; the note then says why."""
    words: str
    layers: list[int] | None
    """Layers that it holds in; null where it belongs to no layer."""
    checked: str
    """What the formula was compared with, and how far it is off."""
    note: str


class SpecialToken(Answer):
    id: int
    text: str
    roles: list[str]


class ChatTemplate(Answer):
    name: str
    text: str


class TokenizerFacts(Answer):
    name: str
    fast: bool
    vocabulary: int
    added: int
    rows: int
    unused_rows: int
    """Rows of the embedding that no token's id points at."""
    model: str | None
    normalizer: str | None
    pre_tokenizer: str | None
    byte_fallback: bool | None
    adds_bos: bool
    adds_eos: bool
    context_length: int | None
    special: list[SpecialToken]
    sample: str
    sample_tokens: list[TokenOut]
    chat_templates: list[ChatTemplate]


class ParityRow(Answer):
    point: str
    compared_with: str
    layers: int
    largest_absolute: float
    largest_relative: float
    bound: float
    """The largest absolute difference that is allowed."""
    holds: bool


class Parity(Answer):
    holds: bool
    tokens: int
    largest_absolute: float
    largest_relative: float
    rows: list[ParityRow]
    note: str


class ModelCard(Answer):
    model_id: str
    model_key: str
    source: Source
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
    """How far the tapped model is from the plain one; null where it was not measured."""
    about: str
    """The model's own card in Markdown where it ships one, else empty."""


class PartWeights(Answer):
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
    """Weights per bin, from low to high."""
    beyond: int
    """Weights further out than the histogram reaches."""


class DeadNeuron(Answer):
    neuron: int
    reason: str


class DuplicatePair(Answer):
    first: int
    second: int
    cosine_in: float
    cosine_out: float


class LayerWeights(Answer):
    layer: int
    parts: list[PartWeights]
    neurons: int
    dead: list[DeadNeuron]
    dead_count: int
    duplicates: list[DuplicatePair]
    duplicate_count: int
    note: str
    """Why the layer's neurons could not be looked at, where they could not."""


class WeightReport(Answer):
    format: int
    model_key: str
    cosine: float
    """From which cosine on two neurons count as duplicates."""
    rounding: float
    """How far from zero, relative to the layer's median norm, still counts as zero."""
    layers: list[LayerWeights]
