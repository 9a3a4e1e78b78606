"""The files of an index, mapped into memory and checked, and how its units and tokens are named."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuronscope.core.address import Address, Unit
from neuronscope.core.errors import BadAddress, BadRequest
from neuronscope.core.points import NEURONS
from neuronscope.corpus.bins import BINS, POWERS, kurtosis
from neuronscope.corpus.columns import counts_of
from neuronscope.corpus.files import damaged, load, load_json
from neuronscope.corpus.grams import Grams
from neuronscope.corpus.manifest import COLUMNS, WIDTH, Manifest

Units = str | Unit | Iterable[str | Unit]


class Opened:
    """The tables of an index. Threads may share it."""

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
        self._gram_order = load(folder / "gram_order.npy", np.int64, (m.tokens_run,))
        counted = folder / "gram_starts.npy"
        # Indexes from before it was kept are read too: it is counted when it is needed.
        self._gram_starts = load(counted, np.int64, (m.vocabulary + 1,)) if counted.is_file() else None
        self._inverse_starts = load(folder / "inverse_starts.npy", np.int64, (m.vocabulary + 1,))
        self._inverse_units = load(folder / "inverse_units.npy", np.int32, (m.pairs,))
        self._inverse_values = load(folder / "inverse_values.npy", np.float32, (m.pairs, 2))
        self._inverse_counts = load(folder / "inverse_counts.npy", np.int32, (m.pairs,))
        ends = (self._window_starts[-1], self._document_windows[-1], self._inverse_starts[-1])
        if ends != (m.tokens_run, m.windows, m.pairs):
            raise damaged(folder, "its tables do not fit together")
        self._addresses = [Address.parse(text) for text in m.addresses]
        self._firsts: list[int] = np.cumsum([0, *m.units]).tolist()
        self._row_range = {
            address: (first, count)
            for address, first, count in zip(self._addresses, self._firsts[:-1], m.units, strict=True)
        }

    @cached_property
    def _corpus_grams(self) -> Grams:
        firsts = self._gram_starts
        if firsts is None:
            # Counting a token that is none would take memory for all ids up to it.
            self._check_ids(self._tokens)
            firsts = np.cumsum([0, *counts_of(self._tokens)])
        if len(firsts) != self.manifest.vocabulary + 1 or firsts[-1] != self.manifest.tokens_run:
            raise damaged(self.folder, "its order of places does not fit its tokens")
        return Grams(self._tokens, self._window_starts, self._gram_order, firsts, self.folder)

    @property
    def moments(self) -> NDArray[np.float64]:
        """``[unit, column]``: mean, std, min, max, firing rate."""
        return self._moments

    def unit_at(self, row: int) -> Unit:
        """The unit that a row belongs to."""
        point, layer, unit = self._named(row)
        return Unit(Address(point, layer), unit)

    def kept(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Strongest values ``[row, k]`` and their places in the corpus, -1 where there are fewer."""
        return self._values[rows], self._keys[rows]

    def located(self, keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Documents of places, and positions in them as :class:`~neuronscope.corpus.answers.Place` counts them."""
        window, start = self.window_of(keys)
        document = np.searchsorted(self._document_windows, window, side="right") - 1
        return document, (window - self._document_windows[document]) * self.manifest.stride + keys - start

    @property
    def sample_places(self) -> NDArray[np.int64]:
        """Places of the corpus sample, ascending."""
        return self._sample_keys

    def sampled(self, row: int) -> NDArray[np.float32]:
        """One unit's values at the places of the sample."""
        found: NDArray[np.float32] = self._sample_values[row]
        return found

    def span(self, window: int) -> tuple[int, int]:
        """The places from the first token of a window, numbered over the corpus, to behind its last."""
        first, last = self._window_starts[window : window + 2].tolist()
        return first, last

    def ids(self, first: int, last: int) -> list[int]:
        """Token ids of places."""
        found: list[int] = self._tokens[first:last].tolist()
        return found

    @cached_property
    def vocabulary(self) -> dict[int, tuple[str, bool]]:
        """Text of each token that occurs, and whether it is special."""
        found = load_json(self.folder / "vocabulary.json")
        try:
            return {int(key): (str(text), bool(special)) for key, (text, special) in found.items()}
        except (AttributeError, TypeError, ValueError):
            raise damaged(self.folder, "its vocabulary is broken") from None

    @cached_property
    def top_tokens(self) -> NDArray[np.int64]:
        """The token that each unit's strongest context peaks on; -1 where it has none."""
        keys = self._keys[:, 0]
        self.window_of(keys[keys >= 0])
        ids = self._tokens[keys.clip(min=0)]
        self._check_ids(ids)
        return np.where(keys < 0, -1, ids)

    def _check_ids(self, ids: NDArray[np.int32]) -> None:
        if ids.size and not (ids.min() >= 0 and ids.max() < self.manifest.vocabulary):
            raise damaged(self.folder, "a token of its corpus is none of its vocabulary")

    @cached_property
    def kurtosis(self) -> NDArray[np.float64]:
        """Excess kurtosis of each unit over the histogram's sample."""
        return kurtosis(self._powers, self.manifest.sampled)

    def window_of(self, keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Window that each place lies in, and where that starts."""
        if keys.size and not (keys.min() >= 0 and keys.max() < self.manifest.tokens_run):
            raise damaged(self.folder, "a context lies outside the corpus")
        window = np.searchsorted(self._window_starts, keys, side="right") - 1
        return window, self._window_starts[window]

    def rows(self, units: Units) -> NDArray[np.int64]:
        """Rows of the arrays, each once, ascending."""
        named = [units] if isinstance(units, str | Unit) else list(units)
        if not named:
            raise BadRequest("No units are asked for.")
        found = set()
        for name in named:
            unit = Unit.parse(name) if isinstance(name, str) else name
            first, count = self._rows_of(unit.address)
            if unit.index >= count:
                raise BadAddress(
                    f"Unit {unit.index} is out of range: {unit.address} has {count} units, 0 to {count - 1}."
                )
            found.add(first + unit.index)
        return np.array(sorted(found), np.int64)

    def _rows_of(self, address: Address) -> tuple[int, int]:
        """The first row of an address and how many it has."""
        if address not in self._row_range:
            raise BadAddress(f"The index does not hold {address}.", f"It holds {self.manifest.held}.")
        return self._row_range[address]

    def _named(self, row: int) -> tuple[str, int, int]:
        """Point, layer and number of a row's unit."""
        if not 0 <= row < self._firsts[-1]:
            raise damaged(self.folder, "a context belongs to no unit")
        place = bisect_right(self._firsts, row) - 1
        address = self._addresses[place]
        return address.point, address.layer or 0, row - self._firsts[place]

    def _of_point(self, point: str | None, layers: Iterable[int] | None = None) -> list[Address]:
        """Addresses of a point, ``None``: of all points; in the layers asked for, or in all that are held.

        Raises :class:`BadAddress` for what is not held.
        """
        held = [address for address in self._addresses if point in (None, address.point)]
        if not held:
            raise BadAddress(f"The index does not hold {str(point)[:40]}.", f"It holds {self.manifest.held}.")
        if layers is None:
            return held
        wanted = dict.fromkeys(layers)
        there = {address.layer for address in held}
        for layer in wanted:
            if layer not in there:
                raise BadAddress(f"The index does not hold layer {layer}.", f"It holds {self.manifest.held}.")
        return [address for layer in wanted for address in held if address.layer == layer]

    def default_point(self, point: str | None = None) -> str | None:
        """The point that is meant where nobody names one: neurons, or ``None`` for all where it holds none of them."""
        return point or (NEURONS if NEURONS in self.manifest.points else None)

    def _part_names(self, parts: NDArray[np.uint8]) -> list[str] | None:
        names = self.manifest.parts
        return [names[part] if part < len(names) else "" for part in parts.tolist()] if names else None

    def _texts(self, token_ids: Iterable[int]) -> list[str]:
        texts = self.vocabulary
        try:
            return [texts[token_id][0] for token_id in token_ids]
        except KeyError as missing:
            raise damaged(self.folder, f"it has no text for token {missing}") from None

    @cached_property
    def _special(self) -> NDArray[np.bool_]:
        flags = np.zeros(self.manifest.vocabulary, np.bool_)
        flags[[i for i, (_, special) in self.vocabulary.items() if special and i < len(flags)]] = True
        return flags

    @cached_property
    def _ids_by_text(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for token_id, (text, _) in self.vocabulary.items():
            if token_id < self.manifest.vocabulary:
                found.setdefault(text, []).append(token_id)
        return found
