"""Questions about units that other units, another index or the model itself answer."""

from __future__ import annotations

from pydantic import Field

from neuronscope.api.schemas.common import (
    Answer,
    ModelId,
    PointOnly,
    UnitName,
    UnitRequest,
    UnitsRequest,
)
from neuronscope.api.schemas.neurons import Context, NgramStat, TokenStat, UnitStats


class NeighbourQuery(UnitsRequest):
    model_id: ModelId | None = None
    index_id: str | None = Field(None, max_length=40)
    k: int = Field(20, ge=1, le=1000)
    point: PointOnly | None = None
    """Among whose units (default: of every point that the index holds)."""


class NeighbourOut(Answer):
    point: str
    layer: int
    unit: int
    correlation: float
    """Pearson's, over the index's sample of tokens: -1 where one rises as the other falls."""
    without_peak: float
    """The same without the one token that adds most to it."""


class NeighbourList(Answer):
    model_id: str
    index_id: str
    names: list[str]
    """What was asked about; several units count as the mean of their z-scores."""
    sample: int
    """Tokens of the sample."""
    neighbours: list[NeighbourOut]
    """Those that go most with it, with or against."""


class CompareQuery(UnitRequest):
    index_id: str = Field(max_length=40)
    other_index_id: str = Field(max_length=40)
    other_unit: UnitName | None = None
    """The unit in the other index (default: the same one)."""
    k: int = Field(20, ge=1, le=1000)


class CompareSide(Answer):
    index_id: str
    model_id: str
    corpus: str
    tokens: int
    unit: str
    stats: UnitStats
    contexts: list[Context]


class TokenPair(Answer):
    tokens: list[str]
    first: TokenStat | NgramStat | None
    """Null where no kept peak of the first index ends on them."""
    second: TokenStat | NgramStat | None


class CompareAnswer(Answer):
    same_model: bool
    same_corpus: bool
    kept: int
    """Contexts of each side that tokens and overlaps are counted over."""
    first: CompareSide
    second: CompareSide
    token_overlap: float
    """0 to 1: the share of peaks that stand on the same token in both."""
    ngram_overlap: float
    """The same for the peak and the token before it."""
    tokens: list[TokenPair]
    ngrams: list[TokenPair]
    shared_places: int | None
    """Places that both kept; null over two corpora."""
    correlation: float | None
    """Of the values at tokens that both samples hold; null over two corpora, or where there are too few."""


class TogetherRequest(UnitsRequest):
    model_id: ModelId | None = None
    index_id: str | None = Field(None, max_length=40)
    k: int = Field(20, ge=1, le=200)
    window: int = Field(16, ge=0, le=16)
    windows: int = Field(256, ge=1, le=100_000)
    """Windows of the corpus that are run again at most."""


class ShortestRequest(UnitRequest):
    model_id: ModelId | None = None
    index_id: str | None = Field(None, max_length=40)
    """Where the context comes from (default: the newest usable index); not needed for a text."""
    rank: int = Field(0, ge=0, le=999)
    """Which of the unit's contexts is shortened, from 0 for the strongest."""
    text: str | None = Field(None, min_length=1, max_length=20_000)
    """A text to shorten instead, up to the token on which the unit is strongest."""
    share: float = Field(0.8, gt=0, le=1)
    """Of the activation, what has to stay."""
    budget: int = Field(500_000, ge=1, le=100_000_000)
    """Tokens that are run at most."""


class WritesQuery(UnitRequest):
    model_id: ModelId | None = None
    k: int = Field(10, ge=1, le=200)
    """Tokens at either end."""


class WrittenTokenOut(Answer):
    id: int
    token: str
    logit: float
    """What one unit of activation adds to the token's logit, before the norms divide."""


class WritesAnswer(Answer):
    model_id: str
    unit: str
    top: list[WrittenTokenOut]
    """Those that the unit directly raises most, strongest first."""
    bottom: list[WrittenTokenOut]
    """Those that it lowers most."""
    mean: float
    """Over the vocabulary, special tokens left out."""
    std: float
    left_out: list[str]
    """What the direct path does not hold."""
