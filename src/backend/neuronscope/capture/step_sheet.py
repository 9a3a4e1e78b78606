"""The short way of a step on a CPU: reduced from the model's tensors where they lie, straight into the bytes of its entries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from neuronscope.capture.attend import TOP_KEYS, AttentionWatch
from neuronscope.capture.watch import Group, Watch
from neuronscope.core.address import Address
from neuronscope.core.trace_config import Resolved
from neuronscope.models.attention import AttentionCall
from neuronscope.traces.payloads import index_dtype
from neuronscope.traces.sheet import Sheet, packed_size
from neuronscope.traces.tables import EntryTable

if TYPE_CHECKING:
    from neuronscope.capture.step_work import StepWork

_Pattern = tuple[Sequence[Group], list[tuple[list[Address], str, int, int]]]


class StepSheet:
    """Packs steps that are like the one it learnt from; any other is left to the long way, which gives the same bytes.

    For statistics and strongest values with attention's summaries, kept in float32 or float16, of float32 tensors on a CPU.
    """

    def __init__(self, watch: Watch, attention: AttentionWatch, resolved: Resolved) -> None:
        config = resolved.config
        self._serves = (
            config.capture_mode in ("topk", "stats")
            and config.quantization in ("f16", "f32")
            and config.attention_tier == "summary"
        )
        self._halves = config.quantization == "f16"
        self._watch, self._attention = watch, attention
        self._count = resolved.topk if config.capture_mode == "topk" else None
        self._sheet: tuple[Sheet, StepWork] | None = None
        self._learnt: _Pattern = ([], [])
        self._seen: _Pattern | None = None

    def pack(self) -> Sheet | None:
        """The sheet with this step's numbers on it; ``None`` where the step must go the long way."""
        self._seen = None
        if not self._serves or (groups := self._watch.plain_rows()) is None:
            return None
        calls = self._attention.plain_calls()
        if calls is None:
            return None
        pattern = [group for group, _ in groups], [(addresses, *self._form(alike)) for addresses, alike in calls]
        if self._sheet is None or pattern != self._learnt:
            self._seen = pattern
            return None
        sheet, work = self._sheet
        for rows, (_, tensors) in zip(work.rows, groups, strict=True):
            rows.take(tensors)
        for heads, (_, alike) in zip(work.heads, calls, strict=True):
            heads.take([call.query for call in alike], [call.key for call in alike], alike[0].scale)
        work.do()
        return sheet if self._lay(sheet, work, pattern[0], [alike[0] for _, alike in calls]) else None

    def learn(self, tables: Sequence[EntryTable], names: Sequence[str], beside: int) -> None:
        """Take the step that just went the long way, nothing dropped, as the pattern of those to come.

        ``tables`` are those that the watches made of it; ``beside`` more entries follow them.
        """
        if self._seen is None:
            return
        from neuronscope.capture.step_work import Heads, Rows, StepWork

        groups, calls = self._learnt = self._seen
        self._sheet = None
        # One table for each group, of the dtype that was asked for, but where some values were beyond float16.
        dtypes = {None, "f16" if self._halves else "f32"}
        as_asked = all((table.common or {}).get("dtype") in dtypes for table in tables)
        if as_asked and len(tables) == len(groups) + len(calls):
            rows = [Rows(len(group.sources), group.width, self._count or 0) for group in groups]
            heads = [
                Heads(len(addresses), *table.columns["weights"].shape[1:])
                for (addresses, *_), table in zip(calls, tables[len(groups) :], strict=True)
            ]
            self._sheet = Sheet(tables, names, beside), StepWork(rows, heads)

    def _form(self, calls: Sequence[AttentionCall]) -> tuple[str, int, int]:
        """What of attention's entries may change from step to step, beside their numbers: how wide some of these are."""
        count = calls[0].key.shape[2]
        return index_dtype(self._attention.seen), packed_size(count), calls[0].query.shape[1] * min(count, TOP_KEYS)

    def _lay(self, sheet: Sheet, work: StepWork, groups: Sequence[Group], calls: Sequence[AttentionCall]) -> bool:
        """Put what the work gave onto the sheet. False where a value is beyond float16."""
        from neuronscope.capture.lay_kernel import lay_rows, lay_summaries

        seen, places = self._attention.seen, iter(sheet.places)
        for group, rows, place in zip(groups, work.rows, places, strict=False):
            places_of = place.columns.get("values", 0), place.columns.get("indices", 0)
            short = self._halves, index_dtype(group.width) == "u16"
            order = np.asarray(group.places)
            if not lay_rows(
                sheet.data, place.starts, order, places_of, place.stats, short, rows.stats, rows.indices, rows.values
            ):
                return False
        for call, heads, place in zip(calls, work.heads, places, strict=True):
            count, columns = call.key.shape[2], place.columns
            narrow, span = index_dtype(seen) == "u16", (seen - count, count)
            at = columns["keys"], columns["weights"], columns["entropy"], columns["max"], columns["argmax"]
            lay_summaries(
                sheet.data,
                place.starts,
                at,
                place.lengths,
                place.digits,
                narrow,
                span,
                heads.keys,
                heads.weights,
                heads.entropy,
            )
        return True
