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
