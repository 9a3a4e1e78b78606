"""Places of an index's corpus shown: a unit's strongest contexts, weaker examples, whole windows."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np

from neuronscope.core.address import Unit
from neuronscope.core.errors import BadRequest
from neuronscope.corpus.answers import Context, Example
from neuronscope.corpus.bands import BANDS, in_band
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
        window, start = self.window_of(np.array([key]))
        return max(int(start[0]), key - radius), min(int(self._window_starts[window[0] + 1]), key + radius + 1)

    def _shown(self, key: int, left: int, right: int, doc: int) -> dict[str, Any]:
        """What every answer about a place tells, but for where it stands."""
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
        point, layer, unit = self._named(row)
        window = int(self._windows[row, slot])
        return Context(
            point=point,
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
        point, layer, unit = self._named(row)
        shown, _, _ = self.place(int(self._sample_keys[place]), radius)
        return Example(point=point, layer=layer, unit=unit, activation=value, **shown)
