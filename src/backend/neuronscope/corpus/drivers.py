"""Which tokens and runs of tokens drive units, and which units a token drives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from neuronscope.core.errors import BadRequest
from neuronscope.corpus.answers import DrivenNeuron, NgramStat, TokenStat
from neuronscope.corpus.files import damaged
from neuronscope.corpus.grams import LONGEST
from neuronscope.corpus.ngrams import Gram, count_grams, grams_at
from neuronscope.corpus.opened import Opened, Units

MOST_RUNS = 2000
"""Ways to cut a text into tokens that are followed at once."""


class Drivers(Opened):
    """Questions whose answers are tokens, runs of tokens, or the units that those drive."""

    def tokens(self, units: Units, limit: int = 100) -> list[TokenStat]:
        """The tokens that the units' kept contexts peak on, strongest first."""
        return self.tokens_at(*self._peaks(units), limit)

    def tokens_at(self, keys: NDArray[np.int64], values: NDArray[np.float32], limit: int = 100) -> list[TokenStat]:
        """The same for values at any places of the corpus."""
        return [
            TokenStat(self._texts(gram.ids)[0], gram.max, gram.mean, gram.count, lift, occurs)
            for gram, lift, occurs in self._lifted({1: self._grams(keys, values, 1)}, limit)
        ]

    def ngrams(self, units: Units, sizes: Sequence[int] = (2, 3, 4, 5), limit: int = 100) -> list[NgramStat]:
        """Runs of ``sizes`` tokens that end on the units' peaks, strongest first, shorter ones first among equals."""
        return self.ngrams_at(*self._peaks(units), sizes, limit)

    def ngrams_at(
        self,
        keys: NDArray[np.int64],
        values: NDArray[np.float32],
        sizes: Sequence[int] = (2, 3, 4, 5),
        limit: int = 100,
    ) -> list[NgramStat]:
        """The same for values at any places of the corpus."""
        for n in sizes:
            if not 1 <= n <= LONGEST:
                raise BadRequest(f"A run has 1 to {LONGEST} tokens, not {n}.")
        found = self._lifted({n: self._grams(keys, values, n) for n in sorted(set(sizes))}, limit)
        return [
            NgramStat(self._texts(gram.ids), len(gram.ids), gram.max, gram.mean, gram.count, lift, occurs)
            for gram, lift, occurs in found
        ]

    def token_neurons(self, token: str, k: int = 20, point: str | None = None) -> list[DrivenNeuron]:
        """The units of ``point`` that a token, given by its text with any leading space, drives hardest.

        A text of two to five tokens is taken as that run of tokens: units whose contexts peak on its last one. Without
        ``point`` neurons are meant, or whatever an index without neurons holds.
        """
        runs = self._runs(token)
        ranges = [self._row_range[address] for address in self._of_point(self.default_point(point))]
        pairs: dict[int, DrivenNeuron] = {}
        for run in runs:
            for row, new in self._driven(run, ranges):
                pairs[row] = _together(pairs[row], new) if row in pairs else new
        ranked = sorted(pairs.items(), key=lambda pair: (-pair[1].max, pair[0]))
        return [neuron for _, neuron in ranked[:k]]

    def occurs(self, token: str) -> bool:
        """Whether a text is a token, or a run of up to five, of the corpus, as the model's tokenizer cut it."""
        return bool(self._runs(token))

    def _runs(self, text: str) -> list[tuple[int, ...]]:
        """Runs of tokens of the corpus that make up a text: one of a single token, else the shortest ones."""
        open_runs: list[tuple[tuple[int, ...], str]] = [((), text)]
        for _ in range(LONGEST):
            grown = [
                ((*run, token), rest[end:])
                for run, rest in open_runs
                for end in range(1, len(rest) + 1)
                for token in self._ids_by_text.get(rest[:end], ())
                if not self._special[token] or rest == text == rest[:end]
            ]
            counts = self._corpus_grams.counts([run for run, _ in grown])
            grown = [one for one, count in zip(grown, counts.tolist(), strict=True) if count]
            whole = [run for run, rest in grown if not rest]
            if whole or not grown:
                return whole
            open_runs = grown[:MOST_RUNS]
        return []

    def _driven(self, run: tuple[int, ...], ranges: Sequence[tuple[int, int]]) -> Iterator[tuple[int, DrivenNeuron]]:
        """Rows, within ranges of them, of the units whose kept contexts end on a run, and how strongly they do."""
        place = slice(*self._inverse_starts[run[-1] : run[-1] + 2].tolist())
        rows = self._inverse_units[place]
        mine = np.zeros(len(rows), np.bool_)
        for first, count in ranges:
            mine |= (rows >= first) & (rows < first + count)
        rows = rows[mine]
        if len(run) == 1:
            columns = (rows, self._inverse_values[place][mine], self._inverse_counts[place][mine])
            for row, (top, mean), count in zip(*(column.tolist() for column in columns), strict=True):
                yield row, DrivenNeuron(*self._named(row), top, mean, count)
            return
        for part in np.array_split(rows, len(rows) // 4096 + 1):
            keys, values = self._keys[part], self._values[part]
            owner, slot = np.nonzero(keys >= 0)
            at = keys[owner, slot]
            ids, whole = self._ending_at(at, len(run))
            fits = whole & (ids == np.array(run)).all(axis=1)
            for row in np.unique(owner[fits]).tolist():
                own = values[row, slot[fits & (owner == row)]].astype(np.float64)
                driven = DrivenNeuron(*self._named(int(part[row])), own.max(), own.mean(), len(own))
                yield int(part[row]), driven

    def _lifted(self, grams: dict[int, list[Gram]], limit: int) -> list[tuple[Gram, float, int]]:
        """The strongest of several lengths together, each with its lift and how often the corpus has it."""
        peaks = {n: sum(gram.count for gram in found) for n, found in grams.items()}
        first = sorted((g for found in grams.values() for g in found), key=lambda g: (-g.max, -g.count))[:limit]
        occurs = self._corpus_grams.counts([gram.ids for gram in first]).tolist()
        totals = self.manifest.runs
        if any(count < 1 for count in occurs):
            raise damaged(self.folder, "its order of places does not fit its tokens")
        return [
            (gram, (gram.count / peaks[len(gram.ids)]) / (count / totals[len(gram.ids) - 1]), count)
            for gram, count in zip(first, occurs, strict=True)
        ]

    def _peaks(self, units: Units) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        values, keys = self.kept(self.rows(units))
        return keys[keys >= 0], values[keys >= 0]

    def _grams(self, keys: NDArray[np.int64], values: NDArray[np.float32], n: int) -> list[Gram]:
        ids, whole = self._ending_at(keys, n)
        return count_grams(ids[whole], values[whole])

    def _ending_at(self, keys: NDArray[np.int64], n: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        starts = self.window_of(keys)[1]
        try:
            return grams_at(self._tokens, self._special, keys, starts, n)
        except IndexError:
            raise damaged(self.folder, "a token of its corpus is none of its vocabulary") from None


def _together(one: DrivenNeuron, other: DrivenNeuron) -> DrivenNeuron:
    """The same unit on two tokens of the same text."""
    count = one.count + other.count
    mean = (one.mean * one.count + other.mean * other.count) / count
    return DrivenNeuron(one.point, one.layer, one.unit, max(one.max, other.max), mean, count)
