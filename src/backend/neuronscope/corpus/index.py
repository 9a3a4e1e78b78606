"""An index on disk, opened for questions. Needs neither the model nor torch, and answers in milliseconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuronscope.core.address import Unit
from neuronscope.core.errors import BadAddress, BadRequest, Conflict, Damaged
from neuronscope.corpus.answers import Context, CorpusSample, DrivenNeuron, NgramStat, TokenStat, UnitStats
from neuronscope.corpus.bins import BINS, POWERS
from neuronscope.corpus.files import folder_bytes, load, load_json
from neuronscope.corpus.manifest import COLUMNS, RADIUS, WIDTH, Manifest
from neuronscope.corpus.ngrams import Gram, count_grams, grams_at

Units = str | Unit | Iterable[str | Unit]


class Index:
    """The strongest contexts of every unit of some layers, for one model and one corpus. Threads may share it."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder, self.manifest = folder, manifest
        m, units = manifest, manifest.total_units
        self._tokens = load(folder / "tokens.npy", np.int32, (m.tokens_run,))
        self._parts = load(folder / "token_parts.npy", np.uint8, (m.tokens_run,))
        self._window_starts = load(folder / "window_starts.npy", np.int64, (m.windows + 1,))
        self._window_batches = load(folder / "window_batches.npy", np.int32, (m.windows,))
        self._document_windows = load(folder / "document_windows.npy", np.int64, (m.documents + 1,))
        self._values = load(folder / "values.npy", np.float32, (units, m.k))
        self._keys = load(folder / "keys.npy", np.int64, (units, m.k))
        self._documents = load(folder / "documents.npy", np.int32, (units, m.k))
        self._windows = load(folder / "windows.npy", np.int32, (units, m.k))
        self._positions = load(folder / "positions.npy", np.int32, (units, m.k))
        self._excerpts = load(folder / "excerpts.npy", np.float32, (units, m.k, WIDTH))
        self._moments = load(folder / "moments.npy", np.float64, (units, len(COLUMNS)))
        self._sample_keys = load(folder / "sample_keys.npy", np.int64, (m.sample,))
        self._sample_values = load(folder / "sample_values.npy", np.float32, (units, m.sample))
        self._chars = load(folder / "token_chars.npy", np.int32, (m.tokens_run, 2))
        self._source_files = load(folder / "source_files.npy", np.int32, (m.documents,))
        self._source_lines = load(folder / "source_lines.npy", np.int64, (m.documents,))
        self._spread = load(folder / "spread.npy", np.int32, (units, BINS))
        self._powers = load(folder / "powers.npy", np.float64, (units, POWERS))
        self._inverse_starts = load(folder / "inverse_starts.npy", np.int64, (m.vocabulary + 1,))
        self._inverse_units = load(folder / "inverse_units.npy", np.int32, (m.pairs,))
        self._inverse_values = load(folder / "inverse_values.npy", np.float32, (m.pairs, 2))
        self._inverse_counts = load(folder / "inverse_counts.npy", np.int32, (m.pairs,))
        ends = (self._window_starts[-1], self._document_windows[-1], self._inverse_starts[-1])
        if ends != (m.tokens_run, m.windows, m.pairs):
            raise _damaged(folder, "its tables do not fit together")
        self._first_unit = dict(zip(m.layers, np.cumsum([0, *m.units]).tolist(), strict=False))

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

    def top(self, units: Units, k: int = 20, window: int = RADIUS) -> list[Context]:
        """The ``k`` strongest contexts of one unit (``"mlp_act.7:42"``) or of several together, strongest first.

        Equal ones come in order of (document, window, position), then of units. At most ``window`` tokens, 0 to 16, on
        either side. Raises :class:`BadAddress` for a unit that the index does not hold.
        """
        if k < 1:
            raise BadRequest(f"k is {k}; it is at least 1.")
        if not 0 <= window <= RADIUS:
            raise BadRequest(f"window is {window}; it is 0 to {RADIUS}.")
        rows = self._rows(units)
        values, keys = self._values[rows], self._keys[rows]
        row, slot = np.nonzero(keys >= 0)
        found = np.lexsort((rows[row], keys[row, slot], -values[row, slot]))[:k]
        return [self._context(int(rows[row[place]]), int(slot[place]), window) for place in found.tolist()]

    def tokens(self, units: Units, limit: int = 100) -> list[TokenStat]:
        """The tokens that the units' kept contexts peak on, strongest first."""
        return [
            TokenStat(self._text(gram.ids[0]), gram.max, gram.mean, gram.count)
            for gram in self._grams(self._rows(units), 1)[:limit]
        ]

    def ngrams(self, units: Units, sizes: Sequence[int] = (2, 3), limit: int = 100) -> list[NgramStat]:
        """Runs of ``sizes`` tokens that end on the units' peaks, strongest first, shorter ones first among equals."""
        rows = self._rows(units)
        found = [gram for n in sorted(set(sizes)) for gram in self._grams(rows, n)]
        found.sort(key=lambda gram: (-gram.max, -gram.count))
        return [
            NgramStat([self._text(i) for i in gram.ids], len(gram.ids), gram.max, gram.mean, gram.count)
            for gram in found[:limit]
        ]

    def stats(self, unit: str | Unit) -> UnitStats:
        """Mean, std, extremes and firing rate of one unit over the corpus."""
        row = dict(zip(COLUMNS, self._moments[self._rows(unit)[0]].tolist(), strict=True))
        return UnitStats(**row)

    def token_neurons(self, token: str, k: int = 20) -> list[DrivenNeuron]:
        """The units that a token, given by its text with any leading space, drives hardest."""
        pairs: dict[int, DrivenNeuron] = {}
        for token_id in self._ids_by_text.get(token, ()):
            place = slice(*self._inverse_starts[token_id : token_id + 2].tolist())
            columns = (self._inverse_units[place], self._inverse_values[place], self._inverse_counts[place])
            for row, (top, mean), count in zip(*(column.tolist() for column in columns), strict=True):
                layer, unit = self._layer_and_unit(row)
                new = DrivenNeuron(layer, unit, top, mean, count)
                pairs[row] = _together(pairs[row], new) if row in pairs else new
        ranked = sorted(pairs.items(), key=lambda pair: (-pair[1].max, pair[0]))
        return [neuron for _, neuron in ranked[:k]]

    def occurs(self, token: str) -> bool:
        """Whether a text is one token of the corpus, as the model's tokenizer cut it."""
        return token in self._ids_by_text

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

    def _context(self, row: int, slot: int, radius: int) -> Context:
        key = int(self._keys[row, slot])
        window, start = self._window_of(np.array([key]))
        end = int(self._window_starts[window[0] + 1])
        left, right = max(int(start[0]), key - radius), min(end, key + radius + 1)
        ids = self._tokens[left:right].tolist()
        layer, unit = self._layer_and_unit(row)
        place = int(self._windows[row, slot]) * self.manifest.stride + int(self._positions[row, slot])
        return Context(
            layer=layer,
            unit=unit,
            activation=float(self._values[row, slot]),
            doc=int(self._documents[row, slot]),
            window=int(self._windows[row, slot]),
            position=place,
            peak=key - left,
            tokens=[self._text(i) for i in ids],
            activations=self._excerpts[row, slot, RADIUS - (key - left) : RADIUS + (right - key)].tolist(),
            special=self._special[ids].tolist(),
            parts=self._part_names(self._parts[left:right]),
        )

    def _grams(self, rows: NDArray[np.int64], n: int) -> list[Gram]:
        keys, values = self._keys[rows].ravel(), self._values[rows].ravel()
        keys, values = keys[keys >= 0], values[keys >= 0]
        ids, whole = grams_at(self._tokens, self._special, keys, self._window_of(keys)[1], n)
        return count_grams(ids[whole], values[whole])

    def _window_of(self, keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Window that each place lies in, and where that starts."""
        if keys.size and not (keys.min() >= 0 and keys.max() < self.manifest.tokens_run):
            raise _damaged(self.folder, "a context lies outside the corpus")
        window = np.searchsorted(self._window_starts, keys, side="right") - 1
        return window, self._window_starts[window]

    def _rows(self, units: Units) -> NDArray[np.int64]:
        """Rows of the arrays, each once, ascending."""
        named = [units] if isinstance(units, str | Unit) else list(units)
        if not named:
            raise BadRequest("No units are asked for.")
        found = set()
        for name in named:
            unit = Unit.parse(name) if isinstance(name, str) else name
            if unit.address.point != self.manifest.point or unit.address.layer is None:
                raise BadAddress(f"The index holds {self.manifest.point}, not {unit.address}.")
            _, first, count = self._layer(unit.address.layer)
            if unit.index >= count:
                raise BadAddress(
                    f"Unit {unit.index} is out of range: {unit.address} has {count} units, 0 to {count - 1}."
                )
            found.add(first + unit.index)
        return np.array(sorted(found), np.int64)

    def _layer(self, layer: int) -> tuple[int, int, int]:
        """The layer, its first row and its number of units."""
        if layer not in self._first_unit:
            held = ", ".join(map(str, self.manifest.layers))
            raise BadAddress(f"The index does not hold layer {layer}.", f"It holds {held}.")
        return layer, self._first_unit[layer], self.manifest.units[self.manifest.layers.index(layer)]

    def _layer_and_unit(self, row: int) -> tuple[int, int]:
        for layer, count in zip(self.manifest.layers, self.manifest.units, strict=True):
            if row < count:
                return layer, row
            row -= count
        raise _damaged(self.folder, "a context belongs to no unit")

    def _part_names(self, parts: NDArray[np.uint8]) -> list[str] | None:
        names = self.manifest.parts
        return [names[part] if part < len(names) else "" for part in parts.tolist()] if names else None

    def _text(self, token_id: int) -> str:
        try:
            return self._vocabulary[token_id][0]
        except KeyError:
            raise _damaged(self.folder, f"it has no text for token {token_id}") from None

    @cached_property
    def _vocabulary(self) -> dict[int, tuple[str, bool]]:
        found = load_json(self.folder / "vocabulary.json")
        try:
            return {int(key): (str(text), bool(special)) for key, (text, special) in found.items()}
        except (AttributeError, TypeError, ValueError):
            raise _damaged(self.folder, "its vocabulary is broken") from None

    @cached_property
    def _special(self) -> NDArray[np.bool_]:
        flags = np.zeros(self.manifest.vocabulary, np.bool_)
        flags[[i for i, (_, special) in self._vocabulary.items() if special and i < len(flags)]] = True
        return flags

    @cached_property
    def _ids_by_text(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for token_id, (text, _) in self._vocabulary.items():
            if token_id < self.manifest.vocabulary:
                found.setdefault(text, []).append(token_id)
        return found


def _together(one: DrivenNeuron, other: DrivenNeuron) -> DrivenNeuron:
    """The same unit on two tokens of the same text."""
    count = one.count + other.count
    mean = (one.mean * one.count + other.mean * other.count) / count
    return DrivenNeuron(one.layer, one.unit, max(one.max, other.max), mean, count)


def _damaged(folder: Path, what: str) -> Damaged:
    return Damaged(f"The index '{folder.name}' is damaged: {what}.", "Build the index anew.")
