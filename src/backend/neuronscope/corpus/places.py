"""Places of an index's corpus shown: a unit's strongest contexts, weaker examples, whole windows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuronscope.core.address import Unit
from neuronscope.core.errors import BadRequest
from neuronscope.corpus.answers import Context, Example
from neuronscope.corpus.bands import BANDS, in_band
from neuronscope.corpus.files import damaged
from neuronscope.corpus.manifest import RADIUS
from neuronscope.corpus.opened import Opened, Units


class Places(Opened):
    """Questions whose answers are places of the corpus."""

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
        rows = self.rows(units)
        values, keys = self._values[rows], self._keys[rows]
        row, slot = np.nonzero(keys >= 0)
        order = np.lexsort((rows[row], keys[row, slot], -values[row, slot]))
        found = self._contexts(rows[row[order]], slot[order], window)
        if contains:
            wanted = contains.casefold()
            found = (context for context in found if wanted in "".join(context.tokens).casefold())
        return list(islice(found, k))

    def window(self, doc: int, window: int) -> tuple[list[int], list[str]]:
        """Ids and texts of all tokens of one window of a document, leading special ones included.

        Raises :class:`BadRequest` where the document has no such window.
        """
        first, last = self._document_windows[doc : doc + 2].tolist() if 0 <= doc < self.manifest.documents else (0, 0)
        if not 0 <= window < last - first:
            raise BadRequest(f"Document {doc} of '{self.manifest.corpus}' has no window {window}.")
        ids = self._tokens[slice(*self._window_starts[first + window : first + window + 2].tolist())].tolist()
        return ids, self._texts(ids)

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
        row = int(self.rows(unit)[0])
        values = self._sample_values[row]
        chosen = in_band(values, band, k, (low, high), (self.manifest.seed, row))
        return [self._example(row, int(place), float(values[place]), window) for place in chosen.tolist()]

    def place(self, key: int, radius: int) -> tuple[dict[str, Any], int, int]:
        """Fields of :class:`Place` for one place of the corpus, the first place that they show and the one after the last."""
        left, right = self._around(key, radius)
        doc, position = (int(found[0]) for found in self.located(np.array([key])))
        window = int(self.window_of(np.array([key]))[0][0]) - int(self._document_windows[doc])
        return {"doc": doc, "window": window, "position": position, **self._shown(key, left, right, doc)}, left, right

    def _around(self, key: int, radius: int) -> tuple[int, int]:
        left, right = self._all_around(np.array([key]), radius)
        return int(left[0]), int(right[0])

    def _all_around(self, keys: NDArray[np.int64], radius: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The first place that is shown around each place, and the one after the last: its window's ends are the farthest."""
        window, start = self.window_of(keys)
        return np.maximum(start, keys - radius), np.minimum(self._window_starts[window + 1], keys + radius + 1)

    def _shown(self, key: int, left: int, right: int, doc: int) -> dict[str, Any]:
        """What every answer about a place tells, but for where it stands."""
        if not 0 <= doc < self.manifest.documents:
            raise damaged(self.folder, "a context lies in no document")
        ids = self._tokens[left:right].tolist()
        start, end = self._chars[key].tolist()
        file = int(self._source_files[doc])
        files = self.manifest.files
        return {
            "peak": key - left,
            "tokens": self._texts(ids),
            "special": self._special[ids].tolist(),
            "parts": self._part_names(self._parts[left:right]),
            "start": start if start >= 0 else None,
            "end": end if start >= 0 else None,
            "file": files[file] if 0 <= file < len(files) else None,
            "line": int(self._source_lines[doc]) or None,
        }

    def _contexts(self, rows: NDArray[np.int64], slots: NDArray[np.int64], radius: int) -> Iterator[Context]:
        """Contexts of units, by row and by place among the unit's own. What is looked up for one is looked up for all."""
        keys = self._keys[rows, slots]
        columns = (
            *(rows, slots, keys),
            *self._all_around(keys, radius),
            *(table[rows, slots] for table in (self._values, self._documents, self._windows, self._positions)),
        )
        for row, slot, key, left, right, value, doc, window, position in zip(
            *map(np.ndarray.tolist, columns), strict=True
        ):
            point, layer, unit = self._named(row)
            yield Context(
                point=point,
                layer=layer,
                unit=unit,
                activation=value,
                doc=doc,
                window=window,
                position=window * self.manifest.stride + position,
                activations=self._excerpts[row, slot, RADIUS - (key - left) : RADIUS + (right - key)].tolist(),
                **self._shown(key, left, right, doc),
            )

    def _example(self, row: int, place: int, value: float, radius: int) -> Example:
        point, layer, unit = self._named(row)
        shown, _, _ = self.place(int(self._sample_keys[place]), radius)
        return Example(point=point, layer=layer, unit=unit, activation=value, **shown)
