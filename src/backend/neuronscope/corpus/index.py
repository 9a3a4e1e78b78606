"""An index on disk, opened for questions. Needs neither the model nor torch, and answers in milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neuronscope.core.address import Unit
from neuronscope.core.errors import BadRequest, Conflict
from neuronscope.corpus.answers import (
    CorpusSample,
    Spread,
    UnitStats,
)
from neuronscope.corpus.bins import edges
from neuronscope.corpus.drivers import Drivers
from neuronscope.corpus.files import folder_bytes
from neuronscope.corpus.manifest import COLUMNS, Manifest
from neuronscope.corpus.neighbours import Neighbours
from neuronscope.corpus.places import Places
from neuronscope.corpus.table import NeuronTable

if TYPE_CHECKING:
    from neuronscope.corpus.compare import Comparison


class Index(Places, Drivers, Neighbours):
    """The strongest contexts of every unit of some points and layers, for one model and one corpus. Threads may share it."""

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

    def stats(self, unit: str | Unit) -> UnitStats:
        """Mean, std, extremes and firing rate of one unit over the corpus."""
        row = dict(zip(COLUMNS, self._moments[self.rows(unit)[0]].tolist(), strict=True))
        return UnitStats(**row)

    def compare(self, other: Index, unit: str | Unit, other_unit: str | Unit | None = None, k: int = 20) -> Comparison:
        """A unit here beside the same one, or another, in another index. Errors as in :mod:`neuronscope.corpus.compare`."""
        from neuronscope.corpus.compare import compare

        first, second = (Unit.parse(u) if isinstance(u, str) else u for u in (unit, other_unit or unit))
        return compare(self, first, other, None if other_unit is None else second, k)

    @cached_property
    def table(self) -> NeuronTable:
        """All units, to be sorted, filtered and searched."""
        return NeuronTable(self)

    def spread(self, unit: str | Unit) -> Spread:
        """The histogram of one unit over the sample of the corpus."""
        row = int(self.rows(unit)[0])
        return Spread(edges().tolist(), self._spread[row].tolist(), self.manifest.sampled)

    def sample(self, layers: Sequence[int] | None = None, point: str | None = None) -> CorpusSample:
        """The corpus sample: values of all units of a point's ``layers`` (all by default) at its tokens.

        Without ``point`` neurons are meant, or whatever an index without neurons holds. Raises :class:`BadAddress` for
        a layer or point that the index does not hold.
        """
        addresses = self._of_point(self.default_point(point), layers)
        chosen = [(address, *self._row_range[address]) for address in addresses]
        if not chosen:
            raise BadRequest("No layers are asked for.", "Leave them out for all.")
        keys = self._sample_keys
        documents, positions = self.located(keys)
        return CorpusSample(
            np.concatenate([self._sample_values[first : first + count] for _, first, count in chosen]),
            [f"{address}:{unit}" for address, _, count in chosen for unit in range(count)],
            self._texts(self._tokens[keys].tolist()),
            documents.tolist(),
            positions.tolist(),
            self._part_names(self._parts[keys]),
        )
