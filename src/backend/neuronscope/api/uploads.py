"""Files that a client sends: streamed to the disk as they arrive, then handed to their route as a path."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from flask import request

from neuronscope.api.security import App, Message, Receive, Scope, Send, answer_refusal
from neuronscope.core.errors import BadRequest, NeuronScopeError, StorageFull, TimedOut, TooLarge
from neuronscope.core.storage import full_disk_named
from neuronscope.runtime.workspace import Workspace, remove

UPLOAD_KEY = "neuronscope.upload"
"""Key of the ASGI scope under which a route finds the file."""
IDLE_SECONDS = 60
"""A sender that is silent for longer is given up."""
SLOWEST = 64 * 1024
"""Bytes a second, over the whole of a file, below which a sender is given up."""
_PIECE = 1 << 20


def uploaded() -> Path:
    """The file that the present request brought. Its owner may move it; what is left of it is removed afterwards."""
    scope = request.environ.get("asgi.scope") or {}
    path: Path | None = scope.get(UPLOAD_KEY)
    if path is None:
        raise BadRequest("The file is empty.", "Send it as the body, with Content-Type: application/octet-stream.")
    return path


class Uploads:
    """Receives a file, lets the routes do with it what they do, and leaves nothing of it behind.

    A slow sender costs a socket and a file, never a thread; one that breaks off, or is too slow, costs nothing any more.
    """

    def __init__(self, routes: App, workspace: Workspace, largest: int) -> None:
        self._routes = routes
        self._folder = workspace.root / "tmp"
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        length = next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)
        path = await asyncio.to_thread(self._place)
        try:
            try:
                async with asyncio.timeout(IDLE_SECONDS + length / SLOWEST):
                    received = await self._receive(receive, path, length)
            except TimeoutError:
                raise TimedOut("The file did not arrive in time.", "Send it again.") from None
            if received is None:
                return
            # The routes see a request without a body.
            headers = [pair for pair in scope["headers"] if pair[0] not in (b"content-length", b"content-type")]
            given: dict[str, Any] = {**scope, "headers": headers}
            if received:
                given[UPLOAD_KEY] = path
            await self._routes(given, _without_body(receive), send)
        except NeuronScopeError as refused:
            await answer_refusal(send, refused)
        finally:
            await asyncio.to_thread(remove, path)

    def _place(self) -> Path:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with full_disk_named():
            descriptor, name = tempfile.mkstemp(suffix=".upload", dir=self._folder)
        os.close(descriptor)
        return Path(name)

    async def _receive(self, receive: Receive, path: Path, length: int) -> int | None:
        """Write the body to the file; its size, or ``None`` where the sender is gone."""
        free = shutil.disk_usage(self._folder).free
        if length > free:
            raise StorageFull(f"The file has {length} bytes; {free} are free on the disk.", "Free some space.")
        waiting, size = bytearray(), 0
        with path.open("wb") as file:
            while True:
                async with asyncio.timeout(IDLE_SECONDS):
                    message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                waiting += message.get("body", b"")
                size += len(message.get("body", b""))
                if size > self._largest:
                    raise TooLarge(f"The file is larger than {self._largest // 2**20} MB.")
                more = message.get("more_body", False)
                if len(waiting) >= _PIECE or not more:
                    await asyncio.to_thread(_write, file.write, bytes(waiting))
                    waiting.clear()
                if not more:
                    return size


def _write(write: Any, piece: bytes) -> None:
    with full_disk_named():
        write(piece)


def _without_body(receive: Receive) -> Receive:
    told = False

    async def rest() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return rest
