"""An index on disk, opened for questions. Needs neither the model nor torch, and answers in milliseconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuronscope.core.address import Unit
from neuronscope.core.errors import BadRequest, Conflict
from neuronscope.corpus.answers import (
    Context,
    CorpusSample,
    DrivenNeuron,
    Example,
    NgramStat,
    Spread,
    TokenStat,
    UnitStats,
)
from neuronscope.corpus.bands import BANDS, in_band
from neuronscope.corpus.bins import edges
from neuronscope.corpus.files import folder_bytes
from neuronscope.corpus.grams import LONGEST
from neuronscope.corpus.manifest import COLUMNS, RADIUS, Manifest
from neuronscope.corpus.ngrams import Gram, count_grams, grams_at
from neuronscope.corpus.opened import Opened, Units, damaged
from neuronscope.corpus.table import NeuronTable

MOST_RUNS = 2000
"""Ways to cut a text into tokens that are followed at once."""


class Index(Opened):
    """The strongest contexts of every unit of some layers, for one model and one corpus. Threads may share it."""

    @classmethod
    def open(cls, folder: Path | str, model_key: str | None = None) -> Index:
        """Open an index, and with ``model_key`` make sure that it fits that model.

        Raises :class:`NotFound` where there is none, :class:`Damaged` for a broken one or a newer version,
        :class:`Conflict` for another model.
        """
        folder = Path(folder)
        index = cls(folder, Manifest.read(folder))
        if model_key is not None:
            usable, note = index.manifest.usable(model_key)
            if not usable:
                raise Conflict(note, "Build an index for this model.")
        return index

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def bytes(self) -> int:
        """Size on disk."""
        return folder_bytes(self.folder)

    def usable(self, model_key: str) -> tuple[bool, str]:
        """Whether it was built on exactly this model, and if not, why it can't be used."""
        return self.manifest.usable(model_key)

    def top(self, units: Units, k: int = 20, window: int = RADIUS, contains: str = "") -> list[Context]:
        """The ``k`` strongest contexts of one unit (``"mlp_act.7:42"``) or of several together, strongest first.

        Equal ones come in order of (document, window, position), then of units. At most ``window`` tokens, 0 to 16, on
        either side. With ``contains`` only those count whose tokens there, put together, hold that text, whatever its
        case. Raises :class:`BadAddress` for a unit that the index does not hold.
        """
        if k < 1:
            raise BadRequest(f"k is {k}; it is at least 1.")
        if not 0 <= window <= RADIUS:
            raise BadRequest(f"window is {window}; it is 0 to {RADIUS}.")
        rows = self._rows(units)
        values, keys = self._values[rows], self._keys[rows]
        row, slot = np.nonzero(keys >= 0)
        order = np.lexsort((rows[row], keys[row, slot], -values[row, slot])).tolist()
        if not contains:
            return [self._context(int(rows[row[place]]), int(slot[place]), window) for place in order[:k]]
        wanted = contains.casefold()
        found = (self._context(int(rows[row[place]]), int(slot[place]), window) for place in order)
        return list(islice((c for c in found if wanted in "".join(c.tokens).casefold()), k))

    def window(self, doc: int, window: int) -> tuple[list[int], list[str]]:
        """Ids and texts of all tokens of one window of a document, leading special ones included.

        Raises :class:`BadRequest` where the document has no such window.
        """
        first, last = self._document_windows[doc : doc + 2].tolist() if 0 <= doc < self.manifest.documents else (0, 0)
        if not 0 <= window < last - first:
            raise BadRequest(f"Document {doc} of '{self.manifest.corpus}' has no window {window}.")
        ids = self._tokens[slice(*self._window_starts[first + window : first + window + 2].tolist())].tolist()
        return ids, [self._text(i) for i in ids]

    def tokens(self, units: Units, limit: int = 100) -> list[TokenStat]:
        """The tokens that the units' kept contexts peak on, strongest first."""
        return [
            TokenStat(self._text(gram.ids[0]), gram.max, gram.mean, gram.count, lift, occurs)
            for gram, lift, occurs in self._lifted({1: self._grams(self._rows(units), 1)}, limit)
        ]

    def ngrams(self, units: Units, sizes: Sequence[int] = (2, 3, 4, 5), limit: int = 100) -> list[NgramStat]:
        """Runs of ``sizes`` tokens that end on the units' peaks, strongest first, shorter ones first among equals."""
        rows = self._rows(units)
        for n in sizes:
            if not 1 <= n <= LONGEST:
                raise BadRequest(f"A run has 1 to {LONGEST} tokens, not {n}.")
        found = self._lifted({n: self._grams(rows, n) for n in sorted(set(sizes))}, limit)
        return [
            NgramStat([self._text(i) for i in gram.ids], len(gram.ids), gram.max, gram.mean, gram.count, lift, occurs)
            for gram, lift, occurs in found
        ]

    def stats(self, unit: str | Unit) -> UnitStats:
        """Mean, std, extremes and firing rate of one unit over the corpus."""
        row = dict(zip(COLUMNS, self._moments[self._rows(unit)[0]].tolist(), strict=True))
        return UnitStats(**row)

    def token_neurons(self, token: str, k: int = 20) -> list[DrivenNeuron]:
        """The units that a token, given by its text with any leading space, drives hardest.

        A text of two to five tokens is taken as that run of tokens: units whose contexts peak on its last one.
        """
        runs = self._runs(token)
        pairs: dict[int, DrivenNeuron] = {}
        for run in runs:
            for row, new in self._driven(run):
                pairs[row] = _together(pairs[row], new) if row in pairs else new
        ranked = sorted(pairs.items(), key=lambda pair: (-pair[1].max, pair[0]))
        return [neuron for _, neuron in ranked[:k]]

    def occurs(self, token: str) -> bool:
        """Whether a text is a token, or a run of up to five, of the corpus, as the model's tokenizer cut it."""
        return bool(self._runs(token))

    @cached_property
    def table(self) -> NeuronTable:
        """All units, to be sorted, filtered and searched."""
        return NeuronTable(self)

    def spread(self, unit: str | Unit) -> Spread:
        """The histogram of one unit over the sample of the corpus."""
        row = int(self._rows(unit)[0])
        return Spread(edges().tolist(), self._spread[row].tolist(), self.manifest.sampled)

    def examples(
        self, unit: str | Unit, band: str = "random", k: int = 20, window: int = RADIUS, low: float = 0, high: float = 1
    ) -> list[Example]:
        """Places of the corpus sample by how strongly a unit fires there, strongest first.

        ``"random"`` takes any, ``"near_zero"`` those nearest to zero, ``"middle"`` those around the median of the values
        above zero (of all, where none is), ``"quantile"`` those from the share ``low`` to ``high`` of the sample's values,
        evenly; ``"top"`` takes the sample's strongest. For the corpus's strongest ask :meth:`top`.
        """
        if band not in BANDS or k < 1 or not 0 <= low <= high <= 1 or not 0 <= window <= RADIUS:
            message = (
                f"A band is one of {', '.join(BANDS)}, and 0 ≤ low ≤ high ≤ 1, window 0 to {RADIUS}, k at least 1."
            )
            raise BadRequest(message)
        row = int(self._rows(unit)[0])
        values = self._sample_values[row]
        chosen = in_band(values, band, k, (low, high), (self.manifest.seed, row))
        return [self._example(row, int(place), float(values[place]), window) for place in chosen.tolist()]

    def sample(self, layers: Sequence[int] | None = None) -> CorpusSample:
        """The corpus sample: values of all units of ``layers`` (all by default) at its tokens.

        Raises :class:`BadAddress` for a layer that the index does not hold.
        """
        chosen = [self._layer(layer) for layer in (self.manifest.layers if layers is None else dict.fromkeys(layers))]
        if not chosen:
            raise BadRequest("No layers are asked for.", "Leave them out for all.")
        keys = self._sample_keys
        window, start = self._window_of(keys)
        document = np.searchsorted(self._document_windows, window, side="right") - 1
        within = (window - self._document_windows[document]) * self.manifest.stride + keys - start
        return CorpusSample(
            np.concatenate([self._sample_values[first : first + count] for _, first, count in chosen]),
            [f"{self.manifest.address(layer)}:{unit}" for layer, _, count in chosen for unit in range(count)],
            [self._text(i) for i in self._tokens[keys].tolist()],
            document.tolist(),
            within.tolist(),
            self._part_names(self._parts[keys]),
        )

    def _around(self, key: int, radius: int) -> tuple[int, int]:
        window, start = self._window_of(np.array([key]))
        return max(int(start[0]), key - radius), min(int(self._window_starts[window[0] + 1]), key + radius + 1)

    def _shown(self, key: int, left: int, right: int, doc: int) -> dict[str, Any]:
        """What every answer about a place tells."""
        ids = self._tokens[left:right].tolist()
        start, end = self._chars[key].tolist()
        file = int(self._source_files[doc])
        files = self.manifest.files
        return {
            "peak": key - left,
            "tokens": [self._text(i) for i in ids],
            "special": self._special[ids].tolist(),
            "parts": self._part_names(self._parts[left:right]),
            "start": start if start >= 0 else None,
            "end": end if start >= 0 else None,
            "file": files[file] if 0 <= file < len(files) else None,
            "line": int(self._source_lines[doc]) or None,
        }

    def _context(self, row: int, slot: int, radius: int) -> Context:
        key, doc = int(self._keys[row, slot]), int(self._documents[row, slot])
        left, right = self._around(key, radius)
        layer, unit = self._layer_and_unit(row)
        window = int(self._windows[row, slot])
        return Context(
            layer=layer,
            unit=unit,
            activation=float(self._values[row, slot]),
            doc=doc,
            window=window,
            position=window * self.manifest.stride + int(self._positions[row, slot]),
            activations=self._excerpts[row, slot, RADIUS - (key - left) : RADIUS + (right - key)].tolist(),
            **self._shown(key, left, right, doc),
        )

    def _example(self, row: int, place: int, value: float, radius: int) -> Example:
        key = int(self._sample_keys[place])
        left, right = self._around(key, radius)
        number, start = (int(found[0]) for found in self._window_of(np.array([key])))
        doc = int(np.searchsorted(self._document_windows, number, side="right")) - 1
        window = number - int(self._document_windows[doc])
        layer, unit = self._layer_and_unit(row)
        shown = self._shown(key, left, right, doc)
        position = window * self.manifest.stride + key - start
        return Example(layer=layer, unit=unit, activation=value, doc=doc, window=window, position=position, **shown)

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

    def _driven(self, run: tuple[int, ...]) -> Iterator[tuple[int, DrivenNeuron]]:
        """Rows of the units whose kept contexts end on a run, and how strongly they do."""
        place = slice(*self._inverse_starts[run[-1] : run[-1] + 2].tolist())
        rows = self._inverse_units[place]
        if len(run) == 1:
            columns = (rows, self._inverse_values[place], self._inverse_counts[place])
            for row, (top, mean), count in zip(*(column.tolist() for column in columns), strict=True):
                yield row, DrivenNeuron(*self._layer_and_unit(row), top, mean, count)
            return
        for part in np.array_split(rows, len(rows) // 4096 + 1):
            keys, values = self._keys[part], self._values[part]
            owner, slot = np.nonzero(keys >= 0)
            at = keys[owner, slot]
            ids, whole = grams_at(self._tokens, self._special, at, self._window_of(at)[1], len(run))
            fits = whole & (ids == np.array(run)).all(axis=1)
            for row in np.unique(owner[fits]).tolist():
                mine = values[row, slot[fits & (owner == row)]].astype(np.float64)
                driven = DrivenNeuron(*self._layer_and_unit(int(part[row])), mine.max(), mine.mean(), len(mine))
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

    def _grams(self, rows: NDArray[np.int64], n: int) -> list[Gram]:
        keys, values = self._keys[rows].ravel(), self._values[rows].ravel()
        keys, values = keys[keys >= 0], values[keys >= 0]
        ids, whole = grams_at(self._tokens, self._special, keys, self._window_of(keys)[1], n)
        return count_grams(ids[whole], values[whole])


def _together(one: DrivenNeuron, other: DrivenNeuron) -> DrivenNeuron:
    """The same unit on two tokens of the same text."""
    count = one.count + other.count
    mean = (one.mean * one.count + other.mean * other.count) / count
    return DrivenNeuron(one.layer, one.unit, max(one.max, other.max), mean, count)
