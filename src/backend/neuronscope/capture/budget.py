"""The byte budget of a step: what goes first when it is too much, and the note of what went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from neuronscope.core.address import Address
from neuronscope.core.events import Entry
from neuronscope.core.trace_config import DROP_ORDER, Resolved
from neuronscope.traces.payloads import size_of
from neuronscope.traces.tables import STATS_BYTES, EntryTable

TOP_BYTES = 8
"""An id and a log-probability of one of the likeliest tokens."""
STAYS = "logits"


@dataclass(frozen=True, slots=True)
class Fitted:
    """What is kept of a step's tables: parts, each of the table whose number stands in ``sources``, and the note."""

    parts: list[EntryTable]
    sources: list[int]
    dropped: dict[str, Any] | None


def fit_tables(
    tables: Sequence[EntryTable], names: Sequence[str], beside: Sequence[Entry], top: int, resolved: Resolved
) -> Fitted | None:
    """As :func:`fit` of all entries of the tables in the order of the names, with ``beside`` behind them, which stay.

    ``None`` where it drops more than payloads, which is left to :func:`fit`.
    """
    total = sum([table.size for table in tables]) + sum([_bytes(entry) for entry in beside]) + top * TOP_BYTES
    limit, policy = resolved.max_bytes_per_step, resolved.config.drop_policy
    if total <= limit:
        return Fitted(list(tables), list(range(len(tables))), None)
    if policy != "drop_payload_keep_stats":
        return None
    note: dict[str, Any] = {"policy": policy, "bytes": total, "limit": limit, "addresses": []}
    sizes = {name: table.payload_size // len(table.names) for table in tables if table.common for name in table.names}
    for name in sorted((name for name in names if name in sizes), key=_rank):
        if total <= limit:
            break
        total -= sizes[name]
        note["addresses"].append(name)
    gone, fitted = set(note["addresses"]), Fitted([], [], note)
    for source, table in enumerate(tables):
        kept = [n for n, name in enumerate(table.names) if name not in gone]
        if len(kept) == len(table.names):
            parts = [table]
        else:
            rest = [n for n, name in enumerate(table.names) if name in gone]
            parts = [table.part(kept), replace(table.part(rest), common=None, columns={})]
        fitted.parts.extend(part for part in parts if part.names)
        fitted.sources.extend(source for part in parts if part.names)
    return fitted


def fit(entries: Sequence[Entry], top: int, resolved: Resolved) -> tuple[tuple[Entry, ...], dict[str, Any] | None]:
    """The entries that fit the budget beside ``top`` likeliest tokens, and what was dropped, ``None`` if nothing was.

    ``drop_payload_keep_stats`` drops payloads in CONTRACTS' order, from the last layer to the first within a point;
    ``drop_layer`` drops whole layers with their statistics, from the last. Statistics (with the first policy) and likeliest
    tokens stay even where they alone exceed the budget. ``stop_trace`` drops nothing: it asks whoever records to stop.
    """
    sizes = [_bytes(entry) for entry in entries]
    total, limit = sum(sizes) + top * TOP_BYTES, resolved.max_bytes_per_step
    if total <= limit:
        return tuple(entries), None
    policy = resolved.config.drop_policy
    note: dict[str, Any] = {"policy": policy, "bytes": total, "limit": limit, "addresses": []}
    if policy == "stop_trace":
        return tuple(entries), note
    if policy == "drop_layer":
        return _without_layers(entries, sizes, total, note), note
    return _without_payloads(entries, total, note), note


def _bytes(entry: Entry) -> int:
    return size_of(entry.payload) + (STATS_BYTES if entry.stats else 0)


def _without_payloads(entries: Sequence[Entry], total: int, note: dict[str, Any]) -> tuple[Entry, ...]:
    found = list(entries)
    for n in sorted(range(len(found)), key=lambda n: _rank(found[n].address)):
        entry = found[n]
        if total <= note["limit"]:
            break
        if entry.payload is None or entry.address == STAYS:
            continue
        total -= size_of(entry.payload)
        found[n] = replace(entry, payload=None)
        note["addresses"].append(entry.address)
    return tuple(found)


@cache
def _rank(name: str) -> tuple[int, int]:
    """By which payloads go: the lowest first."""
    address = Address.parse(name)
    order = {point: n for n, point in enumerate(DROP_ORDER, start=1)}
    last = len(DROP_ORDER) + 1
    place = last if address.point == "attn_weights" else order.get(address.point, 0)
    return place, -(address.layer or 0)


def _without_layers(
    entries: Sequence[Entry], sizes: Sequence[int], total: int, note: dict[str, Any]
) -> tuple[Entry, ...]:
    layers = [Address.parse(entry.address).layer for entry in entries]
    gone: set[int] = set()
    for layer in sorted({n for n in layers if n is not None}, reverse=True):
        if total <= note["limit"]:
            break
        gone.add(layer)
        total -= sum(size for size, own in zip(sizes, layers, strict=True) if own == layer)
    note["addresses"] = [e.address for e, own in zip(entries, layers, strict=True) if own in gone]
    return tuple(e for e, own in zip(entries, layers, strict=True) if own not in gone)
