"""Messages of the live socket as bytes: what a client sent, read with suspicion, and frames with their run's id."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import msgpack

from neuronscope.api.security import Message
from neuronscope.core.errors import BadRequest, TooLarge

MOST_BYTES = 1 << 20
_EXAMPLE = 'For example {"type": "generate", "prompt": "Once upon"}, packed with MessagePack.'
_FIXMAP, _MAP16, _MAP32 = 0x80, 0xDE, 0xDF
_LAST_FIXMAP = 0x8F


def read_message(message: Message, known: Container[str]) -> tuple[str, dict[str, Any]]:
    """The type of a client's message and its fields; :class:`BadRequest` or :class:`TooLarge` where it is none."""
    data = message.get("bytes")
    if data is None:
        raise BadRequest("A message must be a binary frame.", _EXAMPLE)
    if len(data) > MOST_BYTES:
        raise TooLarge(f"The message has {len(data):,} bytes; {MOST_BYTES:,} is the limit.", "Send less at once.")
    try:
        fields = msgpack.unpackb(data)
    except (ValueError, TypeError, msgpack.UnpackException) as failure:
        raise BadRequest("The message is not valid MessagePack.", _EXAMPLE) from failure
    if not isinstance(fields, dict) or not all(isinstance(name, str) for name in fields):
        raise BadRequest("A message is one map with texts as keys.", _EXAMPLE)
    kind = fields.pop("type", None)
    if not isinstance(kind, str) or kind not in known:
        named = f"type '{kind[:60]}'" if isinstance(kind, str) else "no type that is a text"
        raise BadRequest(f"The message has {named}.", "It is one of generate, watch, unwatch, intervene, stop, credit.")
    return kind, fields


def addressed(data: bytes, trace_id: str) -> bytes:
    """A packed map with ``trace_id`` as its last pair, so that one socket can carry several runs; nothing is repacked."""
    first = data[0]
    if _FIXMAP <= first < _LAST_FIXMAP:
        head, rest = bytes([first + 1]), 1
    elif first == _LAST_FIXMAP:
        head, rest = b"\xde\x00\x10", 1
    else:
        size = {_MAP16: 2, _MAP32: 4}[first]
        head, rest = bytes([first]) + (int.from_bytes(data[1 : 1 + size]) + 1).to_bytes(size), 1 + size
    return b"".join((head, memoryview(data)[rest:], msgpack.packb("trace_id"), msgpack.packb(trace_id)))
