"""Whole tensors as they are stored: each by itself, as one safetensors buffer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from neuronscope.core.errors import Damaged
from neuronscope.core.events import Entry
from neuronscope.traces.tables import EntryTable

WHOLE = ("full", "attention_matrix")
"""Kinds of payload that are stored as tensors of their own, so that a step's chunk stays small."""
_TENSOR, _SCALE = "tensor", "scale"
_NAMES = {"f32": "float32", "f16": "float16", "q8": "q8"}
_SHORT = {name: short for short, name in _NAMES.items()}
_SAFETENSORS = {"f32": "F32", "f16": "F16", "q8": "I8"}


StoredTensor = tuple[str, str, str, bytes | memoryview]
"""A row of a trace's table of tensors, but for its step: address, dtype, shape as JSON, and a safetensors buffer."""


def is_whole(payload: Mapping[str, Any] | None) -> bool:
    """Whether a payload, or what a table's payloads have in common, is of a kind in :data:`WHOLE`."""
    return payload is not None and payload.get("kind") in WHOLE


def without_values(payload: dict[str, Any] | None) -> dict[str, Any] | None:
    """The payload as it stands in a step's chunk."""
    if payload is None or not is_whole(payload):
        return payload
    return {key: value for key, value in payload.items() if key not in ("values", "scales")}


def stored_entries(entries: Sequence[Entry]) -> list[StoredTensor]:
    """The rows of entries that hold whole tensors."""
    return [
        (e.address, _NAMES[e.payload["dtype"]], _shape_text(e.shape), _pack_encoded(e.payload, e.shape))
        for e in entries
        if e.payload is not None and is_whole(e.payload) and "values" in e.payload
    ]


def stored_table(table: EntryTable) -> list[StoredTensor]:
    """The same of all entries of a table of whole tensors, without making them one by one."""
    assert table.common is not None
    dtype, columns = (
        table.common["dtype"],
        [table.columns[name] for name in ("scales", "values") if name in table.columns],
    )
    height = len(columns[0])
    flat = [np.ascontiguousarray(column).reshape(height, -1).view(np.uint8) for column in columns]
    sizes = [column.shape[1] for column in flat]
    buffers: dict[tuple[int, ...], tuple[memoryview, int]] = {}
    found: list[StoredTensor] = []
    for name, shape, row in zip(table.names, table.shapes, table.rows, strict=True):
        if shape not in buffers:
            header = np.frombuffer(tensor_header(dtype, shape, sum(sizes[:-1]), sizes[-1]), np.uint8)
            together = np.concatenate([np.broadcast_to(header, (height, len(header))), *flat], axis=1)
            buffers[shape] = together.reshape(-1).data, together.shape[1]
        data, size = buffers[shape]
        found.append((name, _NAMES[dtype], _shape_text(shape), data[row * size : (row + 1) * size]))
    return found


class TensorSheet:
    """The bytes of a step's tensors as they are stored, with the places of their values: a step with the same tensors puts its
    values there.

    ``starts`` say, table by table, where in :attr:`data` the values of each entry begin, which is at a multiple of eight.
    """

    def __init__(self, tables: Sequence[EntryTable], names: Sequence[str]) -> None:
        sizes = {name: table.columns["values"][0].nbytes for table in tables for name in table.names}
        stored = {one[0]: one for table in tables for one in stored_table(table)}
        self._rows: list[tuple[str, str, str, slice]] = []
        starts: dict[str, int] = {}
        parts: list[bytes] = []
        at = 0
        for name in (name for name in names if name in stored):
            address, dtype, shape, data = stored[name]
            self._rows.append((address, dtype, shape, slice(at, at + len(data))))
            starts[name] = at + len(data) - sizes[name]
            parts += [bytes(data), bytes(-len(data) % 8)]
            at += len(data) + len(parts[-1])
        self.data = np.frombuffer(b"".join(parts), np.uint8)
        self.starts = [np.array([starts[name] for name in table.names], np.int64) for table in tables]

    def tensors(self, data: NDArray[np.uint8]) -> list[StoredTensor]:
        """The rows of a copy of :attr:`data`."""
        whole = data.data
        return [(address, dtype, shape, whole[place]) for address, dtype, shape, place in self._rows]


@lru_cache(maxsize=4096)
def _shape_text(shape: tuple[int, ...]) -> str:
    return json.dumps(shape)


def _pack_encoded(payload: Mapping[str, Any], shape: tuple[int, ...]) -> bytes:
    """A safetensors buffer from a payload's bytes as they are."""
    values, scales = payload["values"], payload.get("scales", b"")
    return b"".join((tensor_header(payload["dtype"], shape, len(scales), len(values)), scales, values))


@lru_cache(maxsize=4096)
def tensor_header(dtype: str, shape: tuple[int, ...], scales: int, size: int) -> bytes:
    """What comes before so many bytes of scales and of values: a length, and JSON padded to eight bytes."""
    # A few shapes come again at every step.
    header: dict[str, Any] = {}
    if scales:
        header[_SCALE] = {"dtype": "F32", "shape": [*shape[:-1], 1], "data_offsets": [0, scales]}
    header[_TENSOR] = {"dtype": _SAFETENSORS[dtype], "shape": list(shape), "data_offsets": [scales, scales + size]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def unpack_encoded(data: bytes | memoryview, dtype: str) -> dict[str, Any]:
    """``dtype``, ``values`` and ``scales`` of a payload again. Raises :class:`Damaged` for anything else."""
    try:
        found = load(bytes(data))
        payload: dict[str, Any] = {"dtype": _SHORT[dtype], "values": found[_TENSOR].tobytes()}
        return {**payload, "scales": found[_SCALE].tobytes()} if dtype == "q8" else payload
    except (SafetensorError, KeyError, ValueError) as error:
        raise Damaged("A tensor of this trace can't be read.", "Its file was changed or cut short.") from error


def pack_tensor(values: NDArray[np.float32]) -> bytes:
    """One safetensors buffer that holds the tensor under the name ``tensor``."""
    return save({_TENSOR: np.ascontiguousarray(values)})


def unpack_tensor(data: bytes) -> NDArray[np.float32]:
    """The tensor of a stored buffer, in float32 whatever it was kept in. Raises :class:`Damaged` for anything else."""
    try:
        found = load(data)
        values: NDArray[np.float32] = found[_TENSOR].astype(np.float32, copy=False)
        return values * found[_SCALE] if _SCALE in found else values
    except (SafetensorError, KeyError, ValueError) as error:
        raise Damaged("A tensor of this trace can't be read.", "Its file was changed or cut short.") from error
