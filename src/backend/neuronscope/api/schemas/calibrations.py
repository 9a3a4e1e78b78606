"""Calibrations: which units a model can't do without."""

from __future__ import annotations

from pydantic import Field

from neuronscope.api.schemas.common import Answer, CorpusId, ModelId, PointName, Request
from neuronscope.runtime.calibration import BOUND, DOCUMENTS, PER_LAYER


class CalibrationRequest(Request):
    model_id: ModelId | None = None
    corpus: CorpusId | None = None
    """Documents to test on; default: the bundled ones."""
    text: str | None = Field(None, min_length=1, max_length=200_000)
    """One text to test on, in place of a corpus."""
    field: str = Field("text", min_length=1, max_length=200)
    """What holds the text in JSON Lines, Parquet and data sets."""
    documents: int = Field(DOCUMENTS, ge=1, le=1000)
    """Take only the first so many documents of the corpus."""
    points: list[PointName] | None = Field(None, min_length=1, max_length=64)
    """Point names or addresses; default: the neurons and the blocks' outputs."""
    per_layer: int | None = Field(PER_LAYER, ge=1, le=1_000_000)
    """Units to test of each layer and point, those with the largest |x| on the text; null for all."""
    bound: float = Field(BOUND, gt=0, le=1000, allow_inf_nan=False)
    """Rise of the loss, in nats a token, beyond which a unit is protected."""


class CalibrationQuery(Request):
    model_id: ModelId | None = None


class ProtectedUnit(Answer):
    unit: str
    rise: float | None
    """Nats a token by which the loss rises when it alone is ablated; null where the loss is no number any more."""


class CalibrationOut(Answer):
    model_id: str
    model_key: str
    created_at: str
    corpus: str
    documents: int
    tokens: int
    """Tokens whose loss was taken; special ones are left out."""
    loss: float
    """With nothing ablated, in nats a token."""
    bound: float
    points: list[str]
    per_layer: int | None
    tested: int
    units: int
    """Units of the tested layers and points; those that were not tested are not protected."""
    protected: list[ProtectedUnit]
    """The largest rise first."""
    next_rise: float | None
    """The largest rise of a unit that is not protected."""
    unavailable: dict[str, str]
    """Default points that can't be ablated in this model, with the reasons."""


class KeptCalibration(Answer):
    calibration: CalibrationOut | None
    """Null where nobody has looked: then no unit is protected."""


class Forgotten(Answer):
    forgotten: str
    """The model whose units are no longer protected."""
