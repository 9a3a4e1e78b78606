"""What of a run or a capture is recorded, and what is changed, as a body says it: types are refused here, values in core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from neuronscope.api.schemas.common import Request
from neuronscope.core.capture_config import check_fields
from neuronscope.core.intervention import Op
from neuronscope.core.trace_config import AttentionTier, CaptureMode, DropPolicy, Quantization, TileSource


class _Plain(Request):
    """No text is read as a number: core would refuse it from the socket, in Python and on the command line."""

    model_config = ConfigDict(strict=True)


class TraceConfig(_Plain):
    """What is recorded of each step of a run. A value out of its range is refused with the range."""

    capture_mode: CaptureMode = "topk"
    """What is kept of a point beside its statistics: nothing, every n-th unit, the strongest, all, or an image."""
    sample_stride: int = 8
    """In mode ``sampled``, every n-th unit is kept."""
    topk: int | None = None
    """In mode ``topk``, how many units by |x|; default: 64 in models of at most 384 dimensions, else 128."""
    quantization: Quantization = "f16"
    """Of payload values; statistics and attention summaries are float32."""
    max_bytes_per_step: int | None = None
    """Payloads and statistics before compression; default: 50,000, or 4,000 a layer where that is more, and 1 GiB in the
    modes ``full`` and ``tile``."""
    drop_policy: DropPolicy = "drop_payload_keep_stats"
    """What goes of a step over that: payloads, whole layers from the last, or all recording from then on."""
    attention_tier: AttentionTier = "summary"
    """Per head the strongest keys, the last query's row, or the whole matrix."""
    points: list[str] | None = None
    """Point names or addresses; default: embedding, residual stream, what is added to it, neurons, final norm."""
    layers: list[int] | None = None
    """To these the bare point names are held; default: all."""
    logits_topk: int = 20
    """How many of the likeliest next tokens are kept."""
    tile: TileSource = "order"
    """In mode ``tile``, what the cells are: the units in order, or projections of them, drawn or by PCA."""
    tile_size: list[int] | None = None
    """Height and width in cells; default: 32 and 32, by PCA 16 and 16."""
    tile_reference: str | None = None
    """The index whose sample gives the components; by PCA, and only there."""


class CaptureConfig(_Plain):
    """How a capture keeps what its points held. What else a run's has is refused here, with what to do instead."""

    capture_mode: Literal["full"] = "full"
    """A capture keeps whole tensors."""
    quantization: Quantization = "f32"
    """Of the values: all of each, half of it, or 8 bits with a scale for each row."""
    attention_tier: AttentionTier = "full_matrix"
    """Of ``attn_weights`` among the points: the whole matrix, or of the last token each head's row or its strongest keys."""
    logits_topk: int = 20
    """How many of the likeliest next tokens are told."""
    points: list[str] | None = None
    """Here or beside ``config``."""
    layers: list[int] | None = None
    """Likewise."""

    @model_validator(mode="before")
    @classmethod
    def _say_what_a_capture_takes(cls, value: object) -> object:
        if isinstance(value, Mapping):
            check_fields(value)
        return value


class PatchSource(_Plain):
    """Where a patch comes from."""

    trace_id: str
    step: int
    position: int
    """In the text that the step consumed."""


class Intervention(_Plain):
    """A change to a run. Those in a list are applied in their order."""

    id: str | None = None
    """Under which the receipts tell of it, at most 100 characters; default: ``i1``, ``i2`` … by its place in the list."""
    units: list[str] | None = None
    """Each ``address:index``, such as ``mlp_act.7:42``; either these or ``group_id``."""
    group_id: str | None = None
    """A saved group, whose units are meant."""
    op: Op
    """Multiply by ``value``, put it, add it, put 0, put the mean over ``reference``, or put what ``source`` held."""
    value: float | None = None
    """For ``scale``, ``set`` and ``add``."""
    dose_quantile: float | None = None
    """Instead of ``value``, for ``set`` and ``add``: a quantile, 0 to 1, of the unit's own activations over ``reference``."""
    reference: str | None = None
    """The index that means and quantiles come from."""
    source: PatchSource | None = None
    """For ``patch``, and only there."""
    positions: Literal["last", "all"] | list[int] = "all"
    """The last position of each step, all, or places in the text, counted from 0."""
    override_protection: bool = False
    """Change also units that a calibration found the model can't do without, which is refused otherwise."""

    @field_validator("positions", mode="wrap")
    @classmethod
    def _say_what_they_are(cls, value: object, judge: ValidatorFunctionWrapHandler) -> object:
        """One sentence for the whole, in place of one for each kind."""
        try:
            return judge(value)
        except ValidationError as failure:
            raise ValueError("they are last, all, or a list of places") from failure


def as_given(body: BaseModel | Mapping[str, Any]) -> Mapping[str, Any]:
    """What a client gave, for core to read: without the fields that were left out. The socket's maps are that as they come."""
    return body.model_dump(exclude_unset=True) if isinstance(body, BaseModel) else body
