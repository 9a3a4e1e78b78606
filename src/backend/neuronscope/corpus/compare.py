"""What drives a unit in two indexes: of one model over two corpora, or of two models over one corpus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuronscope.core.address import Unit
from neuronscope.core.errors import BadRequest, Conflict
from neuronscope.corpus.answers import Context, NgramStat, TokenStat, UnitStats
from neuronscope.corpus.index import Index
from neuronscope.corpus.manifest import RADIUS
from neuronscope.corpus.neighbours import LEAST, normal

Peaks = tuple[NDArray[np.int64], NDArray[np.float32]]
Stat = TokenStat | NgramStat
Run = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: the unit in one index, with its strongest contexts."""

    index_id: str
    model_id: str
    corpus: str
    tokens: int
    unit: str
    stats: UnitStats
    contexts: list[Context]


@dataclass(frozen=True, slots=True)
class TokenPair:
    """A run of tokens that peaks end on in either index; ``None`` where they don't in one."""

    tokens: list[str]
    first: Stat | None
    second: Stat | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A unit in two indexes, by the strongest ``kept`` contexts of each.

    ``token_overlap`` is the share of peaks that stand on the same token in both, 1 where tokens are peaked on equally
    often and 0 where none is in both; ``ngram_overlap`` is the same for the last two tokens. Over one corpus
    ``shared_places`` counts places that both kept, and ``correlation`` is that of the values at the tokens that both
    samples hold (``None`` where they hold too few, or one does not vary).
    """

    same_model: bool
    same_corpus: bool
    kept: int
    first: Side
    second: Side
    token_overlap: float
    ngram_overlap: float
    tokens: list[TokenPair]
    ngrams: list[TokenPair]
    shared_places: int | None
    correlation: float | None


def compare(
    one: Index, unit: Unit, other: Index, other_unit: Unit | None = None, k: int = 20, limit: int = 50
) -> Comparison:
    """``unit`` in ``one`` beside ``other_unit`` (by default the same one) in ``other``.

    Raises :class:`BadAddress` for a unit that an index does not hold, :class:`BadRequest` for the same unit twice, and
    :class:`Conflict` where a comparison would say nothing: models and corpora both differ; models cut text differently,
    or the address has other units in them.
    """
    second = other_unit or unit
    rows = int(one.rows(unit)[0]), int(other.rows(second)[0])
    a, b = one.manifest, other.manifest
    same_model, same_corpus = a.model_key == b.model_key, a.corpus_hash == b.corpus_hash
    _refuse(one, unit, other, second, other_unit is None)
    kept = min(a.k, b.k)
    peaks = [_peaks(index, row, kept) for index, row in zip((one, other), rows, strict=True)]
    tokens, ngrams = list[dict[Run, TokenStat]](), list[dict[Run, NgramStat]]()
    for index, found in zip((one, other), peaks, strict=True):
        tokens.append({(stat.token,): stat for stat in index.tokens_at(*found, limit=kept)})
        ngrams.append({tuple(stat.tokens): stat for stat in index.ngrams_at(*found, limit=4 * kept)})
    return Comparison(
        same_model=same_model,
        same_corpus=same_corpus,
        kept=kept,
        first=_side(one, unit, k),
        second=_side(other, second, k),
        token_overlap=_overlap(tokens[0], tokens[1], 1),
        ngram_overlap=_overlap(ngrams[0], ngrams[1], 2),
        tokens=_paired(tokens[0], tokens[1], limit),
        ngrams=_paired(ngrams[0], ngrams[1], limit),
        shared_places=len(_places(one, peaks[0][0]) & _places(other, peaks[1][0])) if same_corpus else None,
        correlation=_correlation(one, rows[0], other, rows[1]) if same_corpus else None,
    )


def _refuse(one: Index, unit: Unit, other: Index, second: Unit, by_name: bool) -> None:
    a, b = one.manifest, other.manifest
    if one.folder == other.folder and unit == second:
        raise BadRequest(
            f"{unit} of one index would be compared with itself.", "Choose another index, or another unit."
        )
    if a.model_key == b.model_key:
        return
    if a.corpus_hash != b.corpus_hash:
        raise Conflict(
            "The indexes differ in model and in corpus: no difference could be laid to either.",
            "Build an index of one of the models over the other's corpus.",
        )
    known = one.vocabulary, other.vocabulary
    for token in known[0].keys() & known[1].keys():
        if known[0][token][0] != known[1][token][0]:
            texts = " and ".join(repr(vocabulary[token][0][:20]) for vocabulary in known)
            raise Conflict(
                f"{a.model_id} and {b.model_id} cut texts differently: token {token} is {texts}.",
                "Compare models with the same tokenizer, such as checkpoints of one.",
            )
    widths = [m.units[m.addresses.index(str(u.address))] for m, u in ((a, unit), (b, second))]
    if by_name and widths[0] != widths[1]:
        raise Conflict(
            f"{unit.address} has {widths[0]} units in {a.model_id} and {widths[1]} in {b.model_id}: a unit of one is "
            "not that of the other.",
            "Name the other model's unit yourself.",
        )


def _side(index: Index, unit: Unit, k: int) -> Side:
    m = index.manifest
    return Side(
        index.id, m.model_id, m.corpus, m.tokens, str(unit), index.stats(unit), index.top(unit, k=k, window=RADIUS)
    )


def _peaks(index: Index, row: int, kept: int) -> Peaks:
    values, keys = index.kept(np.array([row]))
    there = keys[0, :kept] >= 0
    return keys[0, :kept][there], values[0, :kept][there]


def _overlap(one: Mapping[Run, Stat], other: Mapping[Run, Stat], n: int) -> float:
    """What two distributions over runs of ``n`` tokens have in common: the sum of the smaller share of each."""
    counts = [{run: stat.count for run, stat in found.items() if len(run) == n} for found in (one, other)]
    totals = [sum(found.values()) for found in counts]
    if not all(totals):
        return 0.0
    both = counts[0].keys() & counts[1].keys()
    return sum(min(counts[0][run] / totals[0], counts[1][run] / totals[1]) for run in both)


def _paired(one: Mapping[Run, Stat], other: Mapping[Run, Stat], limit: int) -> list[TokenPair]:
    """Runs of either, those of both first, each kind by how many peaks end on them."""

    def order(key: Run) -> tuple[bool, int, Run]:
        count = sum(found[key].count for found in (one, other) if key in found)
        return not (key in one and key in other), -count, key

    keys = sorted({*one, *other}, key=order)[:limit]
    return [TokenPair(list(key), one.get(key), other.get(key)) for key in keys]


def _places(index: Index, keys: NDArray[np.int64]) -> set[tuple[int, int]]:
    docs, positions = index.located(keys)
    return set(zip(docs.tolist(), positions.tolist(), strict=True))


def _correlation(one: Index, row: int, other: Index, other_row: int) -> float | None:
    samples = [
        dict(zip(zip(docs.tolist(), positions.tolist(), strict=True), values.tolist(), strict=True))
        for index, number in ((one, row), (other, other_row))
        for (docs, positions), values in ((index.located(index.sample_places), index.sampled(number)),)
    ]
    both = sorted(samples[0].keys() & samples[1].keys())
    if len(both) < LEAST:
        return None
    first, second = (normal(np.array([[sample[place] for place in both]]))[0] for sample in samples)
    return float(np.clip(first @ second, -1, 1)) if first.any() and second.any() else None
