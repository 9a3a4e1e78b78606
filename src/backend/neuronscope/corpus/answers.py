"""What an index answers. Field by field as the REST interface has it; a few fields more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One place of a corpus, with the tokens around it.

    ``position`` counts the document's tokens from its first, leading special tokens included, as a capture of its text
    does; ``peak`` is where the place stands in ``tokens``. ``special`` marks tokens that colour scales leave out.
    ``parts`` holds ``""`` for a token without a label, and is ``None`` where the corpus has no labels. ``start`` to
    ``end`` are the characters of the document that the place stands for, ``None`` where the tokenizer can't say; ``file``
    and ``line`` (or row, from 1) are where the document begins, ``None`` where it came from no file.
    """

    doc: int
    window: int
    position: int
    peak: int
    tokens: list[str]
    special: list[bool]
    parts: list[str] | None
    start: int | None
    end: int | None
    file: str | None
    line: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Example(Place):
    """How strongly a unit fires at one place of the corpus sample; values beside it were not kept."""

    point: str
    layer: int
    unit: int
    activation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Context(Example):
    """One of a unit's strongest places, with its value on every token that is shown."""

    activations: list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupContext(Place):
    """One of the strongest places of several units together.

    ``score`` is the mean of the units' z-scores at the peak and ``scores`` at every token that is shown; ``activations``
    are the units' own values at the peak, in the order in which the answer names them.
    """

    score: float
    scores: list[float]
    activations: list[float]


@dataclass(frozen=True, slots=True)
class Spread:
    """A histogram: ``counts`` has one more entry than the inner ``edges``, over ``tokens`` sampled tokens."""

    edges: list[float]
    counts: list[int]
    tokens: int


@dataclass(frozen=True, slots=True)
class TokenStat:
    """Peaks of some units on one token.

    ``lift`` is how much more often kept peaks stand on it than the corpus's tokens do; ``occurs`` is how often the corpus
    has it.
    """

    token: str
    max: float
    mean: float
    count: int
    lift: float
    occurs: int


@dataclass(frozen=True, slots=True)
class NgramStat:
    """Peaks of some units on the last of ``n`` tokens. ``lift`` is among runs of ``n`` tokens without special ones."""

    tokens: list[str]
    n: int
    max: float
    mean: float
    count: int
    lift: float
    occurs: int


@dataclass(frozen=True, slots=True)
class UnitStats:
    """One unit over all tokens of the corpus but special ones; ``std`` is the population's, firing means above zero."""

    mean: float
    std: float
    max: float
    min: float
    firing_rate: float


@dataclass(frozen=True, slots=True)
class DrivenNeuron:
    """A unit with contexts that peak on a token: how strongly, and how many they are."""

    point: str
    layer: int
    unit: int
    max: float
    mean: float
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class CorpusSample:
    """A fixed random sample of the corpus's tokens, in corpus order.

    ``values`` is float32 ``[unit, token]``; ``units`` names its rows (``mlp_act.3:42``). ``positions`` count as in
    :class:`Place`. ``parts`` is ``None`` where the corpus has no labels, ``""`` for a token without one.
    """

    values: NDArray[np.float32]
    units: list[str]
    tokens: list[str]
    docs: list[int]
    positions: list[int]
    parts: list[str] | None
