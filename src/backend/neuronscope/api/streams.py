"""Sending an answer of unknown length: chunk by chunk, paced where the route says so, until the reader is gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator

from neuronscope.api.reply import Pause
from neuronscope.api.security import Message, Receive, Send

_END = object()


async def send_stream(start: Message, chunks: Iterable[bytes | Pause], receive: Receive, send: Send) -> None:
    """Send the head and then each chunk. A pause costs no thread; a reader who leaves ends it."""
    iterator: Iterator[bytes | Pause] = iter(chunks)
    # The WSGI side counted the empty body that it was shown.
    headers = [pair for pair in start["headers"] if pair[0] != b"content-length"]
    gone = asyncio.create_task(_left(receive))
    try:
        await send({**start, "headers": headers})
        while not gone.done():
            chunk = await asyncio.to_thread(next, iterator, _END)
            if chunk is _END:
                await send({"type": "http.response.body", "body": b""})
                return
            if isinstance(chunk, Pause):
                await asyncio.wait([gone], timeout=max(0.0, chunk.until - time.monotonic()))
            else:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
    finally:
        gone.cancel()
        close = getattr(chunks, "close", None)
        if close is not None:
            await asyncio.to_thread(close)


async def _left(receive: Receive) -> None:
    """Returns when the reader is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
