"""Quantization's effect on neurons: the same prompts in two precisions, unit by unit."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from neuronscope.api.schemas.common import Answer, ModelId, Request
from neuronscope.api.schemas.models import Precision

Prompt = Annotated[str, Field(min_length=1, max_length=20_000)]
SortBy = Literal["correlation", "mean_shift", "relative_error", "rank_change", "top_shared", "mean_a", "unit"]


class PrecisionRequest(Request):
    model_id: ModelId | None = None
    prompts: list[Prompt] = Field(min_length=1, max_length=200)
    a: Precision = "float32"
    """The precision to compare with."""
    b: Precision = "nf4"
    device: str | None = Field(None, pattern=r"^(cpu|mps|cuda(:\d{1,2})?)$")


class PrecisionPath(Request):
    comparison_id: str


class PrecisionLayer(Answer):
    layer: int
    neurons: int
    median_correlation: float | None
    """Over the neurons that change at all; null where none does."""
    worst_correlation: float | None
    low_share: float
    """Share of neurons whose correlation is below 0.9."""
    relative_error: float | None
    """Length of the difference over the length of ``a``'s activations, over the whole layer."""
    median_shift: float | None
    """Median size of the mean shift, in standard deviations of ``a``."""
    top_shared: float
    """Mean share of a neuron's strongest tokens that it keeps."""
    not_finite: int
    """Neurons with an infinite or undefined activation in either precision; they are left out of the figures."""


class PrecisionPoints(Answer):
    """Neurons for a scatter: the least correlated ones, and an even choice of the others."""

    layer: list[int]
    unit: list[int]
    correlation: list[float | None]
    mean_shift: list[float | None]
    mean_a: list[float]
    mean_b: list[float]


class PrecisionEntry(Answer):
    comparison_id: str
    model_id: str
    a: Precision
    b: Precision
    device: str
    created_at: str
    prompts: int
    tokens: int
    """Tokens that were compared; special ones are left out."""
    neurons: int


class PrecisionList(Answer):
    comparisons: list[PrecisionEntry]


class PrecisionSummary(PrecisionEntry):
    top_k: int
    """How many strongest tokens of a neuron are compared."""
    weight_bytes_a: int
    weight_bytes_b: int
    loss_a: float | None
    loss_b: float | None
    """Mean negative log-likelihood of the prompts' next tokens, in nats; null where no prompt has two tokens."""
    same_next: float
    """Share of positions at which both precisions find the same next token likeliest."""
    layers: list[PrecisionLayer]
    points: PrecisionPoints


class PrecisionNeuronsQuery(Request):
    layer: int | None = Field(None, ge=0)
    sort: SortBy = "correlation"
    descending: bool = False
    offset: int = Field(0, ge=0)
    limit: int = Field(50, ge=1, le=500)


class PrecisionNeuron(Answer):
    layer: int
    unit: int
    correlation: float | None
    """Pearson's, over the tokens; null where the neuron is constant in either precision."""
    mean_shift: float | None
    """Mean in ``b`` less mean in ``a``, in standard deviations of ``a``."""
    relative_error: float | None
    rank_change: int
    """Rank in ``b`` less rank in ``a`` among the layer's neurons by mean size of activation; 0 is the strongest."""
    top_shared: float
    """Share of its strongest tokens in ``a`` that are among its strongest in ``b``."""
    mean_a: float
    mean_b: float
    max_a: float
    max_b: float


class PrecisionNeurons(Answer):
    total: int
    offset: int
    neurons: list[PrecisionNeuron]
