"""The short way of whole tensors to the bytes that are stored: on a CPU each is halved from where it lies to where it belongs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from neuronscope.capture.watch import Group, Watch
from neuronscope.core.trace_config import Resolved
from neuronscope.traces.packed import PackedEntries
from neuronscope.traces.sheet import Sheet
from neuronscope.traces.tables import EntryTable
from neuronscope.traces.tensors import TensorSheet

if TYPE_CHECKING:
    from neuronscope.capture.step_work import StepWork


class WholeSheet:
    """Packs steps that are like the one it learnt from; any other is left to tables, which give the same bytes.

    For float32 tensors on a CPU that are kept whole in float16.
    """

    def __init__(self, watch: Watch, resolved: Resolved) -> None:
        config = resolved.config
        self._serves = config.capture_mode == "full" and config.quantization == "f16"
        self._watch = watch
        self._learnt: Sequence[Group] | None = None
        self.names: frozenset[str] = frozenset()
        """Of the entries that it packs."""

    def pack(self) -> PackedEntries | None:
        """The entries of the step's tensors; ``None`` where they must go another way."""
        groups = self._rows()
        if groups is None:
            return None
        data = self._tensors.data.copy()
        for rows, halves, sources, starts, tensors in zip(
            self._work.rows, self._work.halves, self._sources, self._tensors.starts, groups, strict=True
        ):
            rows.take(tensors)
            halves.take(rows.addresses[sources], data, starts)
        self._work.do()
        if not all(halves.fit for halves in self._work.halves):
            return None
        self._lay_stats()
        return PackedEntries(self._sheet.data.tobytes(), self._sheet.count, self._size, self._tensors.tensors(data))

    def learn(self, tables: Sequence[EntryTable]) -> None:
        """Take the step that just became these tables as the pattern of those to come."""
        groups = self._watch.groups
        if not self._serves or not groups or groups is self._learnt:
            return
        self._learnt = None
        # One table for each group, but where some values were beyond float16.
        if len(tables) != len(groups) or any((table.common or {}).get("dtype") != "f16" for table in tables):
            return
        self._sheet = Sheet([replace(table, columns={}) for table in tables], self._watch.names, 0)
        self._tensors = TensorSheet(tables, self._watch.names)
        self._size = sum(table.payload_size for table in tables)
        self._sources = [np.array(group.places) for group in groups]
        self._work = _work_of(groups)
        self.names = frozenset(name for group in groups for name in group.names)
        self._learnt = groups

    def _rows(self) -> list[list[Tensor]] | None:
        """The tensors that are the rows of the step's groups, each in one piece; ``None`` where they aren't as learnt."""
        found = None if self._learnt is None else self._watch.chosen_rows()
        # Those of a group are of one dtype.
        served = all(rows[0].is_cpu and rows[0].dtype is torch.float32 and rows[0].numel() for _, rows in found or ())
        if found is None or self._watch.groups is not self._learnt or not served:
            return None
        return [[row.contiguous() for row in rows] for _, rows in found]

    def _lay_stats(self) -> None:
        from neuronscope.capture.lay_kernel import lay_rows

        for rows, place, sources in zip(self._work.rows, self._sheet.places, self._sources, strict=True):
            numbers = rows.stats, rows.indices, rows.values
            lay_rows(self._sheet.data, place.starts, sources, (0, 0), place.stats, (True, True), *numbers)


def _work_of(groups: Sequence[Group]) -> StepWork:
    from neuronscope.capture.step_work import Halves, Rows, StepWork

    rows = [Rows(len(group.sources), group.width, 0) for group in groups]
    return StepWork(rows, [], [Halves(len(group.places), group.width) for group in groups])
