"""How steps and tensors become bytes: zstd over MessagePack, and one safetensors buffer per tensor."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgpack
import numpy as np
import zstandard
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from neuronscope.core.errors import Damaged
from neuronscope.core.events import Entry, Receipt, Step, Token
from neuronscope.traces.packed import PackedEntries, array_header, pack_entry
from neuronscope.traces.payloads import size_of

MAX_CHUNK = 1 << 30
WHOLE = ("full", "attention_matrix")
"""Kinds of payload that are stored as tensors of their own, so that a step's chunk stays small."""
LEVEL = -3
"""A tenth larger than level 1 and twice as fast: most of a step is float16, which hardly shrinks."""
_BODY = b"\x84\xa7entries"
"""How MessagePack begins a map of four whose first key is this."""
_TENSOR, _SCALE = "tensor", "scale"
_NAMES = {"f32": "float32", "f16": "float16", "q8": "q8"}
_SHORT = {name: short for short, name in _NAMES.items()}
_SAFETENSORS = {"f32": "F32", "f16": "F16", "q8": "I8"}


def step_body(step: Step, whole: bool = True) -> bytes:
    """Entries, inputs, likeliest tokens and what was dropped as one MessagePack map of four, in this order.

    With ``whole`` false payloads of the kinds in :data:`WHOLE` leave their values out: :func:`whole_tensors` gives them.
    """
    entries = step.entries
    if isinstance(entries, PackedEntries):
        packed = [entries.data]
    else:
        # One by one, since dataclasses' own conversion takes longer than all the rest of a step.
        payloads = [e.payload if whole else _without_values(e.payload) for e in entries]
        packed = [array_header(len(entries)), *map(pack_entry, entries, payloads)]
    rest = {
        "inputs": [{"id": t.id, "text": t.text, "special": t.special} for t in step.inputs],
        "top": step.top,
        "dropped": step.dropped,
    }
    # Of the map of the rest only its pairs: they belong to the map of four.
    return b"".join((_BODY, *packed, msgpack.packb(rest)[1:]))


def has_whole(step: Step) -> bool:
    """Whether a step holds payloads that are stored as tensors of their own."""
    if isinstance(step.entries, PackedEntries):
        return False
    return any(e.payload is not None and e.payload.get("kind") in WHOLE for e in step.entries)


def has_payload(step: Step) -> bool:
    """Whether a step holds more than statistics."""
    entries = step.entries
    return entries.size > 0 if isinstance(entries, PackedEntries) else any(e.payload is not None for e in entries)


def payload_bytes(step: Step) -> int:
    """Bytes that the arrays of a step's payloads take before compression."""
    entries = step.entries
    return entries.size if isinstance(entries, PackedEntries) else sum([size_of(e.payload) for e in entries])


def pack_step(step: Step, body: bytes | None = None) -> bytes:
    """A step's chunk; its scalar columns are stored beside it. ``body``, where it is there already, is :func:`step_body`."""
    return zstandard.compress(step_body(step, whole=False) if body is None else body, level=LEVEL)


def body_of(chunk: bytes) -> bytes:
    """The body of a chunk again. Raises :class:`Damaged` where it does not unpack."""
    try:
        return _unzip(chunk)
    except zstandard.ZstdError as error:
        raise Damaged("A step of this trace can't be read.", "Its file was changed or cut short.") from error


def unpack_step(
    chunk: bytes,
) -> tuple[tuple[Entry, ...], tuple[Token, ...], tuple[dict[str, Any], ...], dict[str, Any] | None]:
    """Entries, inputs, top logits, dropped. Raises :class:`Damaged` for anything that :func:`pack_step` did not write."""
    try:
        body = _unpack(chunk)
        entries = tuple(Entry(e["address"], tuple(e["shape"]), dict(e["stats"]), e["payload"]) for e in body["entries"])
        # Steps that were written before there were budgets say nothing of them.
        return entries, tuple(Token(**token) for token in body["inputs"]), tuple(body["top"]), body.get("dropped")
    except _UNREADABLE as error:
        raise Damaged("A step of this trace can't be read.", "Its file was changed or cut short.") from error


def pack_receipt(receipt: Receipt) -> bytes:
    """A receipt as a chunk; its step is stored beside it."""
    body = {"interventions": receipt.interventions, "defined": receipt.defined}
    return zstandard.compress(msgpack.packb(body), level=LEVEL)


def unpack_receipt(step: int, chunk: bytes) -> Receipt:
    """The receipt of a step. Raises :class:`Damaged` for anything that :func:`pack_receipt` did not write."""
    try:
        body = _unpack(chunk)
        defined = None if body["defined"] is None else tuple(dict(one) for one in body["defined"])
        return Receipt(step, tuple(dict(one) for one in body["interventions"]), defined)
    except _UNREADABLE as error:
        raise Damaged("A receipt of this trace can't be read.", "Its file was changed or cut short.") from error


_UNREADABLE = (zstandard.ZstdError, ValueError, KeyError, TypeError, AttributeError, msgpack.UnpackException)


def _unpack(chunk: bytes) -> dict[str, Any]:
    body = msgpack.unpackb(_unzip(chunk))
    if not isinstance(body, dict):
        raise TypeError("a chunk holds one map")
    return body


def _unzip(chunk: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(chunk, max_output_size=MAX_CHUNK)


def _without_values(payload: dict[str, Any] | None) -> dict[str, Any] | None:
    if payload is None or payload.get("kind") not in WHOLE:
        return payload
    return {key: value for key, value in payload.items() if key not in ("values", "scales")}


def whole_tensors(step: Step) -> list[tuple[str, str, str, bytes]]:
    """Address, dtype, shape as JSON, and the safetensors buffer of each payload of the kinds in :data:`WHOLE`."""
    if isinstance(step.entries, PackedEntries):
        return []  # they hold none, and unpacking them would take longer than writing them
    return [
        (e.address, _NAMES[e.payload["dtype"]], _shape_text(e.shape), _pack_encoded(e.payload, e.shape))
        for e in step.entries
        if e.payload is not None and e.payload.get("kind") in WHOLE and "values" in e.payload
    ]


@lru_cache(maxsize=4096)
def _shape_text(shape: tuple[int, ...]) -> str:
    return json.dumps(shape)


def _pack_encoded(payload: Mapping[str, Any], shape: tuple[int, ...]) -> bytes:
    """A safetensors buffer from a payload's bytes as they are: its header is a length, and JSON padded to eight bytes."""
    values, scales = payload["values"], payload.get("scales", b"")
    return b"".join((_header(payload["dtype"], shape, len(scales), len(values)), scales, values))


@lru_cache(maxsize=4096)
def _header(dtype: str, shape: tuple[int, ...], scales: int, size: int) -> bytes:
    # A few shapes come again at every step.
    header: dict[str, Any] = {}
    if scales:
        header[_SCALE] = {"dtype": "F32", "shape": [*shape[:-1], 1], "data_offsets": [0, scales]}
    header[_TENSOR] = {"dtype": _SAFETENSORS[dtype], "shape": list(shape), "data_offsets": [scales, scales + size]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def unpack_encoded(data: bytes, dtype: str) -> dict[str, Any]:
    """``dtype``, ``values`` and ``scales`` of a payload again. Raises :class:`Damaged` for anything else."""
    try:
        found = load(data)
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
