"""A step's entries as the bytes that are written and sent, made from tables without making the entries one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, overload

import msgpack
import numpy as np
from numpy.typing import NDArray

from neuronscope.core.events import Entry
from neuronscope.core.stats import STATS
from neuronscope.traces.payloads import size_of
from neuronscope.traces.tables import EntryTable
from neuronscope.traces.tensors import StoredTensor, is_whole, stored_table, unpack_encoded

_pack = msgpack.packb
MOST = 64
"""Shapes and forms that are kept packed; a run has a handful, and one more of each for each length that attention looks at."""
_FLOAT = b"\xcb"
"""How MessagePack begins a float of eight bytes; they follow with the largest first."""


def pack_entry(entry: Entry, payload: dict[str, Any] | None) -> bytes:
    """One entry as one map of four, with ``payload`` in place of its own."""
    packed: bytes = _pack({"address": entry.address, "shape": entry.shape, "stats": entry.stats, "payload": payload})
    return packed


def array_header(count: int) -> bytes:
    """How MessagePack begins an array of so many."""
    header: bytes = msgpack.Packer().pack_array_header(count)
    return header


class PackedEntries(Sequence[Entry]):
    """Entries that are unpacked when somebody looks at them; ``data`` is their MessagePack array.

    ``size`` is what their payloads' arrays take. ``tensors`` hold what of ``data`` is left out, as a trace's file does.
    """

    __slots__ = ("_count", "_found", "data", "size", "tensors")

    def __init__(self, data: bytes, count: int, size: int, tensors: Sequence[StoredTensor] = ()) -> None:
        self.data, self.size, self.tensors, self._count = data, size, tensors, count
        self._found: tuple[Entry, ...] | None = None

    def _unpacked(self) -> tuple[Entry, ...]:
        if self._found is None:
            stored = {one[0]: one for one in self.tensors}
            self._found = tuple(
                Entry(one["address"], tuple(one["shape"]), one["stats"], _with_values(one["payload"], tensor))
                for one in msgpack.unpackb(self.data)
                for tensor in [stored.get(one["address"])]
            )
        return self._found

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> Entry: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Entry, ...]: ...
    def __getitem__(self, place: int | slice) -> Entry | tuple[Entry, ...]:
        return self._unpacked()[place]

    def __eq__(self, other: object) -> bool:
        return self._unpacked() == (tuple(other) if isinstance(other, Sequence) else other)

    def __hash__(self) -> int:
        return hash(self.data)

    def __repr__(self) -> str:
        return repr(self._unpacked())


def _with_values(payload: dict[str, Any] | None, tensor: StoredTensor | None) -> dict[str, Any] | None:
    if payload is None or tensor is None:
        return payload
    _, dtype, _, data = tensor
    return {**payload, **unpack_encoded(data, dtype)}


def joined(first: PackedEntries, second: PackedEntries) -> PackedEntries:
    """The entries of both, one after the other."""
    count = len(first) + len(second)
    bodies = [one.data[len(array_header(len(one))) :] for one in (first, second)]
    data = b"".join((array_header(count), *bodies))
    return PackedEntries(data, count, first.size + second.size, [*first.tensors, *second.tensors])


class EntryPacker:
    """Packs the tables of step after step. What does not change from step to step is packed once.

    A table's entries differ by their heads (name and shape) and, at the same places of the rest, by their numbers: the rest
    is made once for all rows, and the columns are laid over it.
    """

    def __init__(self) -> None:
        self._heads: dict[int, tuple[Sequence[str], Sequence[tuple[int, ...]], list[bytes]]] = {}
        self._names: dict[str, bytes] = {}
        self._shapes: dict[tuple[int, ...], bytes] = {}
        self._forms: dict[object, tuple[NDArray[np.uint8], list[slice]]] = {}

    def pack(self, tables: Iterable[EntryTable], names: Sequence[str], beside: Sequence[Entry] = ()) -> PackedEntries:
        """All entries of the tables in the order of the names, and ``beside`` behind them."""
        made: dict[str, bytes] = {}
        stored: dict[str, StoredTensor] = {}
        size = 0
        for given in tables:
            table = given
            if is_whole(given.common):
                stored.update({one[0]: one for one in stored_table(given)})
                table = replace(given, columns={})
            rest = self._rest(table)
            for name, head, row in zip(table.names, self._heads_of(table), table.rows, strict=True):
                made[name] = head + rest[row]
            size += given.payload_size
        parts = [made[name] for name in names if name in made]
        parts += [pack_entry(entry, entry.payload) for entry in beside]
        size += sum([size_of(entry.payload) for entry in beside])
        tensors = [stored[name] for name in names if name in stored]
        return PackedEntries(b"".join((array_header(len(parts)), *parts)), len(parts), size, tensors)

    def _heads_of(self, table: EntryTable) -> list[bytes]:
        """Each entry's first two pairs, of a map of four."""
        # Most tables of a run hold the very lists that they held in the step before.
        kept = self._heads.get(id(table.names))
        if kept is not None and kept[0] is table.names and kept[1] is table.shapes:
            return kept[2]
        heads = [
            (self._names.get(name) or self._name(name)) + self._shape(shape)
            for name, shape in zip(table.names, table.shapes, strict=True)
        ]
        if len(self._heads) >= MOST:
            self._heads.clear()
        self._heads[id(table.names)] = (table.names, table.shapes, heads)
        return heads

    def _name(self, name: str) -> bytes:
        found = self._names[name] = _packed_name(name)
        return found

    def _shape(self, shape: tuple[int, ...]) -> bytes:
        found = self._shapes.get(shape)
        if found is None:
            if len(self._shapes) >= MOST:
                self._shapes.clear()  # attention's grow with the text
            found = self._shapes[shape] = _packed_shape(shape)
        return found

    def _rest(self, table: EntryTable) -> list[bytes]:
        """What follows the head, for each row of the columns."""
        height = max(table.rows) + 1
        sizes = [(name, column[0].nbytes) for name, column in table.columns.items()]
        key = (height, table.stats is None, str(table.common), *sizes)
        found = self._forms.get(key)
        if found is None:
            if len(self._forms) >= MOST:
                self._forms.clear()
            form, holes = rest_of_entry(table)
            found = self._forms[key] = np.tile(np.frombuffer(form, np.uint8), (height, 1)), holes
        whole, holes = found
        columns: list[NDArray[Any]] = []
        if table.stats is not None:
            columns += list(
                table.stats[:height].astype(">f8").view(np.uint8).reshape(height, len(STATS), 8).transpose(1, 0, 2)
            )
        columns += [np.ascontiguousarray(c[:height]).reshape(height, -1).view(np.uint8) for c in table.columns.values()]
        for hole, column in zip(holes, columns, strict=True):
            whole[:, hole] = column
        data, width = whole.tobytes(), whole.shape[1]
        return [data[n : n + width] for n in range(0, height * width, width)]


def pack_entry_head(name: str, shape: tuple[int, ...]) -> bytes:
    """The first two pairs of an entry's map of four."""
    return _packed_name(name) + _packed_shape(shape)


def _packed_name(name: str) -> bytes:
    packed: bytes = b"\x84" + _pack("address") + _pack(name)
    return packed


def _packed_shape(shape: tuple[int, ...]) -> bytes:
    packed: bytes = _pack("shape") + _pack(shape)
    return packed


def rest_of_entry(table: EntryTable) -> tuple[bytes, list[slice]]:
    """What follows the head of a table's entries, with zeros where numbers belong, and these places: statistics, columns."""
    parts: list[bytes] = []
    holes: list[int] = []
    if table.stats is None:
        parts += [_pack("stats"), _pack({})]
    else:
        parts += [_pack("stats"), bytes([0x80 + len(STATS)])]
        for name in STATS:
            parts += [_pack(name), _FLOAT, bytes(8)]
            holes.append(len(parts) - 1)
    parts.append(_pack("payload"))
    if table.common is None:
        parts.append(_pack(None))
    else:
        parts.append(msgpack.Packer().pack_map_header(len(table.common) + len(table.columns)))
        for name, value in table.common.items():
            parts += [_pack(name), _pack(value)]
        for name, column in table.columns.items():
            size = column[0].nbytes
            # The header of so many bytes, and then they.
            parts += [_pack(name), _pack(bytes(size))[: -size or None], bytes(size)]
            holes.append(len(parts) - 1)
    ends = np.cumsum([len(part) for part in parts]).tolist()
    return b"".join(parts), [slice(ends[n] - len(parts[n]), ends[n]) for n in holes]
