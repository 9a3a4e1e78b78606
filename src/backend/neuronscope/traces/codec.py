"""How steps become bytes: zstd over MessagePack, with whole tensors left to lie beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgpack
import zstandard

from neuronscope.core.errors import Damaged
from neuronscope.core.events import Entry, Receipt, Step, Token
from neuronscope.traces.packed import PackedEntries, array_header, pack_entry
from neuronscope.traces.payloads import size_of
from neuronscope.traces.tensors import StoredTensor, is_whole, stored_entries, without_values

MAX_CHUNK = 1 << 30
LEVEL = -3
"""A tenth larger than level 1 and twice as fast: most of a step is float16, which hardly shrinks."""
_BODY = b"\x84\xa7entries"
"""How MessagePack begins a map of four whose first key is this."""


def step_body(step: Step, whole: bool = True) -> bytes:
    """Entries, inputs, likeliest tokens and what was dropped as one MessagePack map of four, in this order.

    With ``whole`` false whole tensors leave their values out: :func:`whole_tensors` gives them.
    """
    entries = step.entries
    if isinstance(entries, PackedEntries) and not (whole and entries.tensors):
        packed = [entries.data]
    else:
        # One by one, since dataclasses' own conversion takes longer than all the rest of a step.
        payloads = [e.payload if whole else without_values(e.payload) for e in entries]
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
        return bool(step.entries.tensors)
    return any(is_whole(e.payload) for e in step.entries)


def whole_tensors(step: Step) -> Sequence[StoredTensor]:
    """What a step's entries hold as tensors of their own."""
    return step.entries.tensors if isinstance(step.entries, PackedEntries) else stored_entries(step.entries)


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
