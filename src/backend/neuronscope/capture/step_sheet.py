"""The short way of a step's numbers into the bytes of its entries; on a CPU they are reduced from where the tensors lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neuronscope.capture.attend import TOP_KEYS, AttentionWatch
from neuronscope.capture.budget import Fitted
from neuronscope.capture.watch import Group, Watch
from neuronscope.core.address import Address
from neuronscope.core.trace_config import Resolved
from neuronscope.models.attention import AttentionCall
from neuronscope.traces.payloads import index_dtype
from neuronscope.traces.sheet import Sheet, packed_size

if TYPE_CHECKING:
    from neuronscope.capture.step_work import StepWork

_Pattern = tuple[Sequence[Group], list[tuple[list[Address], str, int, int]]]
_Calls = list[tuple[list[Address], list[AttentionCall]]]
_Numbers = list[tuple[NDArray[Any], ...]]


class StepSheet:
    """Packs steps that are like the one it learnt from; any other is left to the long way, which gives the same bytes.

    For statistics and strongest values with attention's summaries, kept in float32 or float16. :meth:`pack` is for float32
    tensors on a CPU; :meth:`lay` takes numbers that were reduced by whatever way.
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
        self._sheet: Sheet | None = None
        self._work: StepWork | None = None
        self._sources: list[tuple[int, NDArray[Any]]] = []
        self.dropped: dict[str, Any] | None = None
        """What of steps that go the short way goes beyond their budget."""
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
        counts = [alike[0].key.shape[2] for _, alike in calls]
        heads = [alike[0].query.shape[1] for _, alike in calls]
        pattern = self._pattern([group for group, _ in groups], [addresses for addresses, _ in calls], heads, counts)
        if self._sheet is None or pattern != self._learnt:
            self._seen = pattern
            return None
        sheet, work = self._sheet, self._work or self._make_work(calls)
        for rows, (_, tensors) in zip(work.rows, groups, strict=True):
            rows.take(tensors)
        for one, (_, alike) in zip(work.heads, calls, strict=True):
            one.take([call.query for call in alike], [call.key for call in alike], alike[0].scale)
        work.do()
        rows_of: _Numbers = [(one.stats, one.indices, one.values) for one in work.rows]
        return sheet if self._lay(sheet, pattern[0], rows_of, _heads(work), counts) else None

    def expected(self) -> int:
        """How many arrays the watches' tables take of this step; 0 where it can only go the long way."""
        if not self._serves or self._watch.groups is None:
            return 0
        return len(self._watch.groups) * (1 if self._count is None else 3) + 3 * len(self._attention.forms())

    def lay(self, arrays: Sequence[NDArray[Any]]) -> Sheet | None:
        """The sheet with the numbers of a step on it, which are :meth:`expected` so many arrays; ``None`` as in :meth:`pack`."""
        groups, forms = self._watch.groups, self._attention.forms()
        if groups is None:
            return None
        pattern = self._pattern(groups, [form[0] for form in forms], [form[1] for form in forms], [f[2] for f in forms])
        if self._sheet is None or pattern != self._learnt:
            self._seen = pattern
            return None
        given = iter(arrays)
        rows: _Numbers = []
        for _ in groups:
            stats = next(given)
            none = np.empty((len(stats), 0), np.int32), np.empty((len(stats), 0), np.float32)
            rows.append((stats, *(none if self._count is None else (next(given), next(given)))))
        heads: _Numbers = []
        for _, _, count in forms:
            weights, keys, entropy = next(given), next(given), next(given)
            top = slice(min(count, TOP_KEYS))
            heads.append((np.ascontiguousarray(keys[..., top]), np.ascontiguousarray(weights[..., top]), entropy))
        return self._sheet if self._lay(self._sheet, groups, rows, heads, [form[2] for form in forms]) else None

    def learn(self, fitted: Fitted, names: Sequence[str], beside: int) -> None:
        """Take the step that just went the long way as the pattern of those to come.

        ``fitted`` is what was kept of the tables that the watches made of it; ``beside`` more entries follow them.
        """
        if self._seen is None:
            return
        groups, calls = self._learnt = self._seen
        self._sheet = self._work = None
        # One table for each group, of the dtype that was asked for, but where some values were beyond float16.
        dtypes = {None, "f16" if self._halves else "f32"}
        parts = list(zip(fitted.sources, fitted.parts, strict=True))
        as_asked = all((table.common or {}).get("dtype") in dtypes for _, table in parts)
        # Attention that lost its payload still tells in its shape how far it looked: that goes the long way.
        looked = [table for source, table in parts if source >= len(groups)]
        whole = len(looked) == len(calls) and all(table.common is not None for table in looked)
        if as_asked and whole and max(fitted.sources, default=-1) + 1 == len(groups) + len(calls):
            self._sheet = Sheet(fitted.parts, names, beside)
            self._sources = [(source, np.asarray(table.rows)) for source, table in parts if source < len(groups)]
            self.dropped = fitted.dropped

    def _pattern(
        self, groups: Sequence[Group], addresses: list[list[Address]], heads: list[int], counts: list[int]
    ) -> _Pattern:
        """The entries of a step: whose they are, and how wide attention's numbers are, which changes from step to step."""
        kind = index_dtype(self._attention.seen)
        forms = zip(addresses, heads, counts, strict=True)
        return groups, [(a, kind, packed_size(count), h * min(count, TOP_KEYS)) for a, h, count in forms]

    def _make_work(self, calls: _Calls) -> StepWork:
        from neuronscope.capture.step_work import Heads, Rows, StepWork

        rows = [Rows(len(group.sources), group.width, self._count or 0) for group in self._learnt[0]]
        heads = [Heads(len(alike), alike[0].query.shape[1], min(alike[0].key.shape[2], TOP_KEYS)) for _, alike in calls]
        self._work = StepWork(rows, heads)
        return self._work

    def _lay(
        self, sheet: Sheet, groups: Sequence[Group], rows: _Numbers, heads: _Numbers, counts: Sequence[int]
    ) -> bool:
        """Put statistics, indices and values by group, and keys, weights and entropy of attention, onto the sheet.

        False where a value is beyond float16.
        """
        from neuronscope.capture.lay_kernel import lay_rows, lay_summaries

        seen, places = self._attention.seen, iter(sheet.places)
        for (source, order), place in zip(self._sources, places, strict=False):
            stats, indices, values = rows[source]
            if not place.columns:
                indices, values = indices[:, :0], values[:, :0]
            places_of = place.columns.get("values", 0), place.columns.get("indices", 0)
            short = self._halves, index_dtype(groups[source].width) == "u16"
            if not lay_rows(
                sheet.data,
                place.starts,
                order,
                places_of,
                place.stats,
                short,
                stats,
                *map(np.ascontiguousarray, (indices, values)),
            ):
                return False
        for count, numbers, place in zip(counts, heads, places, strict=True):
            columns = place.columns
            narrow, span = index_dtype(seen) == "u16", (seen - count, count)
            at = columns["keys"], columns["weights"], columns["entropy"], columns["max"], columns["argmax"]
            lay_summaries(sheet.data, place.starts, at, place.lengths, place.digits, narrow, span, *numbers)
        return True


def _heads(work: StepWork) -> _Numbers:
    return [(one.keys, one.weights, one.entropy) for one in work.heads]
