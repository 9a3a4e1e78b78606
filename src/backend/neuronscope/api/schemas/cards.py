"""Model cards: what a loaded model is made of, and what can be read from it."""

from __future__ import annotations

from neuronscope.api.schemas.common import Answer, ModelId, Request
from neuronscope.api.schemas.models import Source


class CardQuery(Request):
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


class LayerWeights(Answer):
    layer: int
    parameters: int
    mlp_in_norm: float | None
    mlp_out_norm: float | None
    attn_out_norm: float | None
    """Frobenius norms of the projections into and out of the MLP and out of attention."""


class ModelCard(Answer):
    model_id: str
    model_key: str
    source: Source
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
    """The model's own card in Markdown where it ships one, else empty."""
