"""Models: listed, weighed, loaded, unloaded."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from neuronscope.api.schemas.common import Answer, ModelId, Request

Dtype = Literal["float32", "float16", "bfloat16"]
Quantization = Literal["none", "nf4", "int8"]
Precision = Literal["float32", "float16", "bfloat16", "int8", "nf4"]
"""A dtype, or a quantization with the dtype that computing in it takes."""
Source = Literal["bundled", "cache", "local", "hub", "chat"]
"""``chat`` are models on chat servers: they give tokens and no activations."""
Revision = Annotated[str, Field(max_length=100, pattern=r"^[\w./-]+$", description="Branch, tag or commit of the hub.")]
Device = Annotated[
    str,
    Field(
        pattern=r"^(auto|cpu|mps|cuda(:\d{1,2})?)$",
        description="cpu, mps, cuda, cuda:1, or auto: spread over all cards. Left out, the best there is.",
    ),
]
ModuleName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
DottedPath = Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z_]\w*(\.[A-Za-z0-9_]+)*$")]
Modules = Annotated[
    dict[ModuleName, DottedPath],
    Field(max_length=20),
    # Patterns of keys have no counterpart in OpenAPI's types; without this a client could send no key at all.
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": 20,
            "additionalProperties": {"type": "string", "maxLength": 200},
        }
    ),
]


class Need(Answer):
    precision: Precision
    bytes: int
    """What loading takes at its peak, and a prompt of the stated context after it."""
    fits: bool
    """Whether that much is free now on the device."""


class LoadedAs(Answer):
    dtype: str
    quantization: Quantization
    device: str
    weight_bytes: int
    parity: Literal["holds", "fails"] | None
    """Whether the tapped forward pass was that of the plain model at loading; null where it was not measured."""
    parity_difference: float | None
    """Largest absolute difference between the logits of the two."""


class ModelEntry(Answer):
    model_id: str
    family: str
    parameters: int | None
    category: str
    """Size class: tiny, small, medium, large, huge; or chat-only."""
    quantization: str
    """As it is loaded, else 'none'."""
    gated: bool
    """Its owner must first grant access on the hub."""
    recommended: bool
    source: Source
    format: Literal["safetensors", "gguf"] | None
    """Null for a model on a chat server, which does not say."""
    context_length: int | None
    revision: str | None
    """Commit of the cached snapshot."""
    stored_bytes: int | None
    """Bytes of its weight files on this machine; null while they are only on the hub."""
    estimated_bytes: int | None
    """What loading takes in the precision that would be chosen now; null where it is not known."""
    needs: list[Need]
    loaded: bool
    loaded_as: LoadedAs | None
    loadable: bool
    """Whether loading can be tried; where not, ``note`` says why."""
    note: str


class ModelList(Answer):
    models: list[ModelEntry]


class LoadRequest(Request):
    model_id: ModelId
    revision: Revision | None = None
    dtype: Dtype | None = None
    quantization: Quantization | None = None
    """Left out, nf4 where neither the usual dtype nor the stored one would fit and nf4 would, else none."""
    device: Device | None = None
    modules: Modules | None = None
    """Names of modules by hand, where inspection does not find them: ``{"mlp_out": "mlp.down_proj"}``."""


class EstimateQuery(Request):
    model_id: ModelId
    revision: Revision | None = None
    dtype: Dtype | None = None
    quantization: Quantization | None = None
    device: Device | None = None


class Estimate(Answer):
    model_id: str
    device: str
    free_bytes: int
    chosen: Precision | None
    """The precision that loading with these options takes; null where the model's size is not known."""
    dtype: str | None
    quantization: Quantization | None
    context: int
    """Positions that ``cache_bytes`` and ``capture_bytes`` are for."""
    fits: bool | None
    weights_bytes: int | None
    cache_bytes: int | None
    capture_bytes: int | None
    bytes: int | None
    """What loading takes at its peak, or running after it, whichever is more. Null like the others where the model's
    size is not known: one of the hub that is not listed, before it is fetched."""
    options: list[Need]
    message: str
    """The refusal with its numbers; empty where it fits."""
    hint: str
    """What would fit; empty where it fits."""


class UnloadRequest(Request):
    model_id: ModelId


class UnloadAnswer(Answer):
    model_id: str
    freed_bytes: int
