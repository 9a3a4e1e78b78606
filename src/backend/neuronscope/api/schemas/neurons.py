"""What an index answers about units and tokens."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from neuronscope.api.schemas.common import (
    Answer,
    ModelId,
    PointOnly,
    Request,
    UnitRequest,
    UnitsRequest,
)


class NeuronQuery(UnitsRequest):
    """One unit, or several with their contexts together, strongest first."""

    model_id: ModelId | None = None
    k: int = Field(20, ge=1, le=1000)
    index_id: str | None = Field(None, max_length=40)
    """Default: the newest usable index of the model."""
    window: int = Field(16, ge=0, le=16)
    contains: str = Field("", max_length=200)
    """Only contexts whose tokens, put together, hold this text, whatever its case."""


class Example(Answer):
    """A place of the corpus."""

    activation: float
    doc: int
    """Ordinal of the document in the corpus."""
    position: int
    """Position of the peak token in its document, in tokens."""
    peak: int
    """Where the peak stands in ``tokens``."""
    tokens: list[str]
    special: list[bool]
    """Tokens that colour scales leave out."""
    parts: list[str] | None
    """Part of each token, where the corpus labels them."""
    window: int
    """Number of the window within the document."""
    start: int | None
    """First of the document's characters that the peak stands for; null where the tokenizer can't say."""
    end: int | None
    file: str | None
    """Where the document came from."""
    line: int | None
    """Line or row there, from 1, at which the document begins."""


class Context(Example):
    """A place of the corpus, with the unit's value on every token that is shown."""

    point: str
    layer: int
    unit: int
    activations: list[float]


class TokenStat(Answer):
    token: str
    max: float
    mean: float
    count: int
    lift: float
    """How much more often the neuron's kept peaks stand on it than the corpus's tokens do."""
    occurs: int
    """How often it occurs in the corpus."""


class NgramStat(Answer):
    tokens: list[str]
    n: int
    max: float
    mean: float
    count: int
    lift: float
    occurs: int


class SpreadOut(Answer):
    edges: list[float]
    """Inner edges; there is one more count than edges."""
    counts: list[int]
    tokens: int
    """Tokens of the sample that was counted."""


class UnitStats(Answer):
    mean: float
    std: float
    max: float
    min: float
    firing_rate: float
    """Share of corpus tokens with a value above zero."""


class NeuronTop(Answer):
    model_id: str
    index_id: str
    point: str | None
    """Null where units of several points are asked for."""
    layer: int | None
    """Null where units of several layers are asked for."""
    units: list[int]
    names: list[str]
    """The same in full: ``mlp_act.3:42``."""
    corpus: str
    corpus_tokens: int
    stats: UnitStats | None
    """Over the whole corpus; null where several units are asked for."""
    contexts: list[Context]
    tokens: list[TokenStat]
    ngrams: list[NgramStat]


class TokenQuery(Request):
    model_id: ModelId | None = None
    token: str = Field(min_length=1, max_length=100)
    """The token's text as shown, leading space included; or a text of two to five tokens."""
    k: int = Field(20, ge=1, le=1000)
    index_id: str | None = Field(None, max_length=40)
    point: PointOnly | None = None
    """Whose units are told (default: neurons, or whatever an index without neurons holds)."""


class DrivenNeuron(Answer):
    point: str
    layer: int
    unit: int
    max: float
    mean: float
    count: int
    """How many of the unit's strongest contexts peak on the token."""


class TokenTop(Answer):
    model_id: str
    index_id: str
    token: str
    neurons: list[DrivenNeuron]


class ProbeRequest(UnitRequest):
    model_id: ModelId | None = None
    text: str = Field(min_length=1, max_length=20_000)


class ProbeAnswer(Answer):
    model_id: str
    point: str
    layer: int
    unit: int
    tokens: list[str]
    special: list[bool]
    activations: list[float]


class ExampleQuery(UnitRequest):
    model_id: ModelId | None = None
    band: Literal["top", "middle", "random", "near_zero", "quantile"] = "random"
    low: float = Field(0, ge=0, le=1)
    """With ``high``: the shares of the sample's values that bound the band ``quantile``."""
    high: float = Field(1, ge=0, le=1)
    k: int = Field(20, ge=1, le=1000)
    index_id: str | None = Field(None, max_length=40)
    window: int = Field(16, ge=0, le=16)


class Examples(Answer):
    model_id: str
    index_id: str
    point: str
    layer: int
    unit: int
    band: str
    examples: list[Example]
    """Places of the corpus sample, strongest first; values beside the peak were not kept."""
    spread: SpreadOut
    """Histogram of the unit's values."""


class WindowRequest(UnitRequest):
    model_id: ModelId | None = None
    index_id: str | None = Field(None, max_length=40)
    doc: int = Field(ge=0, le=10_000_000_000)
    window: int = Field(0, ge=0, le=10_000_000_000)


class WindowAnswer(Answer):
    model_id: str
    index_id: str
    point: str
    layer: int
    unit: int
    doc: int
    window: int
    tokens: list[str]
    special: list[bool]
    activations: list[float]
