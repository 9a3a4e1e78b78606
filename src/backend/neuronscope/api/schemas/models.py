"""Models: listed, loaded, unloaded, described."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from neuronscope.api.schemas.common import Answer, ModelId, Request

Dtype = Literal["float32", "float16", "bfloat16"]
Source = Literal["bundled", "cache", "local", "hub"]


class ModelEntry(Answer):
    model_id: str
    family: str
    parameters: int | None
    category: str
    """Size class: tiny, small, medium, large."""
    quantization: str
    gated: bool
    source: Source
    estimated_bytes: int | None
    loaded: bool
    loadable: bool
    """Whether loading can be tried; where not, ``note`` says why."""
    note: str


class ModelList(Answer):
    models: list[ModelEntry]


class LoadRequest(Request):
    model_id: ModelId
    revision: str | None = Field(None, max_length=100, pattern=r"^[\w./-]+$")
    dtype: Dtype | None = None
    quantization: Literal["none"] = "none"
    device: str | None = Field(None, pattern=r"^(cpu|mps|cuda(:\d{1,2})?)$")


class UnloadRequest(Request):
    model_id: ModelId


class UnloadAnswer(Answer):
    model_id: str
    freed_bytes: int


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
