"""One client of the LLMRI socket: its queue, and what it says. Anything malformed closes it, and nobody else notices."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from neuronscope.bridges.mri_wire import HEADER, MOST_BYTES, Command, read_command
from neuronscope.core.errors import BadRequest

log = logging.getLogger("neuronscope.bridges")

MOST_QUEUED = 16 << 20
"""Bytes that may wait for a client that reads slowly; beyond, its oldest scans are lost to it."""

Obey = Callable[["Client", Command], Awaitable[None]]


class Client:
    """A connection. :meth:`put` is called on the socket's own thread and never waits."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, obey: Obey) -> None:
        self._reader, self._writer, self._obey = reader, writer, obey
        self._queue: deque[tuple[bytes, bool]] = deque()
        self._bytes = 0
        self._filled = asyncio.Event()
        self.lost = 0
        """Scans that it was too slow for."""

    def put(self, message: bytes, is_scan: bool = False) -> None:
        """Queue a message; scans make room for it, oldest first, other messages stay."""
        self._queue.append((message, is_scan))
        self._bytes += len(message)
        if self._bytes > MOST_QUEUED:
            self._make_room()
        self._filled.set()

    def _make_room(self) -> None:
        kept: deque[tuple[bytes, bool]] = deque()
        # To half, so that a client which is always behind doesn't cost a walk through its queue each time.
        for message, is_scan in self._queue:
            if is_scan and self._bytes > MOST_QUEUED // 2:
                self._bytes -= len(message)
                self.lost += 1
            else:
                kept.append((message, is_scan))
        self._queue = kept

    async def serve(self) -> None:
        """Send and obey until either side ends it."""
        tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._receive())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            self.end()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self.lost:
                log.info("a client of the LLMRI socket read too slowly for %d scans", self.lost)

    def end(self) -> None:
        """Close the connection, and leave unsent what waits."""
        with contextlib.suppress(OSError):
            self._writer.transport.abort()

    async def _send(self) -> None:
        while True:
            await self._filled.wait()
            while self._queue:
                message, _ = self._queue.popleft()
                self._bytes -= len(message)
                self._writer.write(message)
                await self._writer.drain()
            self._filled.clear()

    async def _receive(self) -> None:
        try:
            while True:
                (length,) = HEADER.unpack(await self._reader.readexactly(HEADER.size))
                if length > MOST_BYTES:
                    raise BadRequest(f"It has {length} bytes.")
                await self._obey(self, read_command(await self._reader.readexactly(length)))
        except (asyncio.IncompleteReadError, OSError):
            return  # it is gone
        except BadRequest as refused:
            log.info("a client of the LLMRI socket was closed for a message: %s", refused)
