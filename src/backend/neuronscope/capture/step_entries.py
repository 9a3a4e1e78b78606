"""A step's entries: packed from tables where nothing stands in the way, else made one by one and cut to their budget."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from torch import Tensor

from neuronscope.capture.attend import AttentionWatch
from neuronscope.capture.budget import TOP_BYTES, fit, fit_tables
from neuronscope.capture.step_sheet import StepSheet
from neuronscope.capture.watch import Watch
from neuronscope.capture.whole_sheet import WholeSheet
from neuronscope.core.events import Entry
from neuronscope.core.trace_config import Resolved
from neuronscope.traces.packed import EntryPacker, PackedEntries, joined, pack_entry
from neuronscope.traces.payloads import index_dtype, size_of
from neuronscope.traces.sheet import Sheet
from neuronscope.traces.tables import STATS_BYTES, in_order

LOGITS = "logits"


class StepEntries:
    """Makes the entries of a run's steps of what its watches reduced."""

    def __init__(self, watch: Watch, attention: AttentionWatch, resolved: Resolved) -> None:
        self._watch, self._attention, self._resolved = watch, attention, resolved
        self._packer = EntryPacker()
        self._sheet = StepSheet(watch, attention, resolved)
        self._filled: Sheet | None = None
        self._whole_sheet = WholeSheet(watch, resolved)
        self._whole: PackedEntries | None = None
        self._names = [*watch.names, *attention.names]
        self._with_logits = LOGITS in watch.names

    def reduce(self) -> list[Tensor]:
        """The step's results on the model's device, in the order in which :meth:`take` takes them back."""
        self._filled = None if self._with_logits else self._sheet.pack()
        if self._filled is not None:
            return []
        self._whole = self._whole_sheet.pack()
        watched = [] if self._whole is not None else self._watch.reduce()
        return [*watched, *self._attention.reduce()]

    def take(
        self, arrays: Iterator[Any], ids: Any, raw: Any, vocabulary: int
    ) -> tuple[Sequence[Entry], dict[str, Any] | None]:
        """The entries within the step's budget, and what was dropped, from the arrays that :meth:`reduce` gave.

        ``ids`` and ``raw`` are the likeliest tokens and their logits, of so large a ``vocabulary``.
        """
        if self._whole is not None:
            return self._take_whole(self._whole, arrays, ids, raw, vocabulary)
        sheet = self._filled
        if sheet is None and not self._with_logits and (count := self._sheet.expected()):
            numbers = list(islice(arrays, count))
            sheet = self._sheet.lay(numbers)
            arrays = chain(numbers, arrays)
        if sheet is not None:
            beside = _top_logits(ids, raw, vocabulary)
            data = b"".join((sheet.data.data, *[pack_entry(entry, entry.payload) for entry in beside]))
            size = sheet.size + sum([size_of(entry.payload) for entry in beside])
            return PackedEntries(data, sheet.count + len(beside), size), copy.deepcopy(self._sheet.dropped)
        watched = self._watch.tables(arrays)
        seen = [] if watched is not None else self._watch.entries(arrays)
        tables = [*(watched or ()), *self._attention.tables(arrays)]
        kept_logits = any(LOGITS in table.names and table.common is not None for table in tables)
        if watched is not None and (kept_logits or not self._with_logits):
            beside = [] if kept_logits else _top_logits(ids, raw, vocabulary)
            fitted = fit_tables(tables, self._names, beside, len(ids), self._resolved)
            # What goes first is a question of all entries where logits are among the tables: they stay.
            if fitted is not None and not (fitted.dropped and kept_logits):
                self._sheet.learn(fitted, self._names, len(beside))
                if fitted.dropped is None:
                    self._whole_sheet.learn(watched)
                return self._packer.pack(fitted.parts, self._names, beside), fitted.dropped
        seen += [entry for table in tables for entry in table.entries()]
        entries = _with_top_logits(in_order(seen, self._names), ids, raw, vocabulary)
        return fit(entries, len(ids), self._resolved)

    def _take_whole(
        self, whole: PackedEntries, arrays: Iterator[Any], ids: Any, raw: Any, vocabulary: int
    ) -> tuple[Sequence[Entry], dict[str, Any] | None]:
        beside = [] if LOGITS in self._whole_sheet.names else _top_logits(ids, raw, vocabulary)
        looked = self._packer.pack(self._attention.tables(arrays), self._attention.names, beside)
        entries = joined(whole, looked)
        most = entries.size + len(entries) * STATS_BYTES + len(ids) * TOP_BYTES
        return (entries, None) if most <= self._resolved.max_bytes_per_step else fit(entries, len(ids), self._resolved)


def _with_top_logits(entries: list[Entry], ids: Any, raw: Any, vocabulary: int) -> list[Entry]:
    """The likeliest tokens' logits as the payload of ``logits``, which keeps its statistics where it was asked for."""
    if any(entry.address == LOGITS and entry.payload is not None for entry in entries):
        return entries
    found = _top_logits(ids, raw, vocabulary)
    if not found:
        return entries
    stats = next((entry.stats for entry in entries if entry.address == LOGITS), {})
    return [*(entry for entry in entries if entry.address != LOGITS), *(replace(one, stats=stats) for one in found)]


def _top_logits(ids: Any, raw: Any, vocabulary: int) -> list[Entry]:
    if not len(ids):
        return []
    kind = index_dtype(vocabulary)
    payload = {
        "kind": "topk_logits",
        "k": len(ids),
        "index_dtype": kind,
        "ids": ids.astype("<u2" if kind == "u16" else "<u4").tobytes(),
        "dtype": "f32",
        "values": raw.tobytes(),
    }
    return [Entry(LOGITS, (1, vocabulary), {}, payload)]
