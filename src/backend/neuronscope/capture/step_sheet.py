"""The short way of a step on a CPU: reduced from the model's tensors where they lie, straight into the bytes of its entries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from neuronscope.capture.attend import TOP_KEYS, AttentionWatch
from neuronscope.capture.fused_cpu import attention_summaries, rows_in_place
from neuronscope.capture.watch import Watch
from neuronscope.core.address import Address
from neuronscope.core.trace_config import Resolved
from neuronscope.models.attention import AttentionCall
from neuronscope.traces.payloads import index_dtype
from neuronscope.traces.sheet import Places, Sheet, packed_size
from neuronscope.traces.tables import EntryTable

_Pattern = tuple[Sequence[object], list[tuple[list[Address], str, int, int]]]


class StepSheet:
    """Packs steps that are like the one it learnt from; any other is left to the long way, which gives the same bytes.

    For statistics and strongest values with attention's summaries, kept in float32 or float16, of float32 tensors on a CPU.
    """

    def __init__(self, watch: Watch, attention: AttentionWatch, resolved: Resolved) -> None:
        config = resolved.config
        self.serves = (
            config.capture_mode in ("topk", "stats")
            and config.quantization in ("f16", "f32")
            and config.attention_tier == "summary"
        )
        """Whether steps of this configuration can be packed so at all."""
        self._halves = config.quantization == "f16"
        self._watch, self._attention = watch, attention
        self._count = resolved.topk if config.capture_mode == "topk" else None
        self._sheet: Sheet | None = None
        self._learnt: _Pattern = ([], [])
        self._seen: _Pattern | None = None

    def pack(self) -> Sheet | None:
        """The sheet with this step's numbers on it; ``None`` where the step must go the long way."""
        self._seen = None
        groups, calls = self._watch.plain_rows(), self._attention.plain_calls()
        if not self.serves or groups is None or calls is None:
            return None
        pattern = [group for group, _ in groups], [(addresses, *self._form(alike)) for addresses, alike in calls]
        sheet = self._sheet
        if sheet is None or pattern != self._learnt:
            self._seen = pattern
            return None
        places = iter(sheet.places)
        for (group, tensors), place in zip(groups, places, strict=False):
            if not self._lay_rows(sheet.data, place, tensors, group.width, group.places):
                return None
        for (_, alike), place in zip(calls, places, strict=True):
            self._lay_summaries(sheet.data, place, alike)
        return sheet

    def learn(self, tables: Sequence[EntryTable], names: Sequence[str], beside: int) -> None:
        """Take the step that just went the long way, nothing dropped, as the pattern of those to come.

        ``tables`` are those that the watches made of it; ``beside`` more entries follow them.
        """
        if self._seen is None:
            return
        groups, calls = self._learnt = self._seen
        # One table for each group, but where some values were beyond float16.
        self._sheet = Sheet(tables, names, beside) if len(tables) == len(groups) + len(calls) else None

    def _form(self, calls: Sequence[AttentionCall]) -> tuple[str, int, int]:
        """What of attention's entries may change from step to step, beside their numbers: how wide some of these are."""
        count = calls[0].key.shape[2]
        return index_dtype(self._attention.seen), packed_size(count), calls[0].query.shape[1] * min(count, TOP_KEYS)

    def _lay_rows(
        self, out: NDArray[np.uint8], places: Places, tensors: Sequence[Tensor], width: int, rows: Sequence[int]
    ) -> bool:
        from neuronscope.capture.lay_kernel import lay_rows

        stats, indices, values = rows_in_place(tensors, width, self._count or 0)
        at = places.columns.get("values", 0), places.columns.get("indices", 0)
        short = self._halves, index_dtype(width) == "u16"
        laid: bool = lay_rows(out, places.starts, np.asarray(rows), at, places.stats, short, stats, indices, values)
        return laid

    def _lay_summaries(self, out: NDArray[np.uint8], places: Places, calls: Sequence[AttentionCall]) -> None:
        from neuronscope.capture.lay_kernel import lay_summaries

        queries, keys = [call.query for call in calls], [call.key for call in calls]
        weights, chosen, entropy = attention_summaries(queries, keys, calls[0].scale, TOP_KEYS)
        count, seen = keys[0].shape[2], self._attention.seen
        narrow = index_dtype(seen) == "u16"
        columns = places.columns
        at = columns["keys"], columns["weights"], columns["entropy"], columns["max"], columns["argmax"]
        span = seen - count, count
        lay_summaries(out, places.starts, at, places.lengths, places.digits, narrow, span, chosen, weights, entropy)
