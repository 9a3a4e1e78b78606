"""The WebSocket of live runs: binary frames, one MessagePack map each; a bad message is answered and changes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgpack
from pydantic import ValidationError

from neuronscope.api.errors import UNEXPECTED, raise_invalid
from neuronscope.api.generations import begin, intervene
from neuronscope.api.live_messages import read_message
from neuronscope.api.live_pump import Pump
from neuronscope.api.schemas.live import (
    MOST_CREDIT,
    CreditRequest,
    GenerateMessage,
    InterveneMessage,
    RunRequest,
    WatchRequest,
)
from neuronscope.api.security import Message, Receive, Scope, Send
from neuronscope.core.errors import Conflict, NeuronScopeError, NotFound
from neuronscope.runtime.live_feed import Recorded, Watcher

if TYPE_CHECKING:
    from neuronscope.api.services import Services
    from neuronscope.runtime.live_run import LiveRun

log = logging.getLogger("neuronscope.api")

CREDITS = 64
"""Step frames with payloads that are sent before the client has granted any."""
ANSWERS = 64
"""Refusals that may wait to be sent; then nothing more is read until the client reads."""
WATCHED = 32
"""Runs that one connection may watch at once."""


class Live:
    """The ASGI application of ``/api/live``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until it ends."""
        if (await receive())["type"] != "websocket.connect":
            return
        await send({"type": "websocket.accept"})
        await Connection(self._services, receive, send).serve()


class Connection:
    """One client: what it watches, and how many step frames with payloads it may still be sent."""

    def __init__(self, services: Services, receive: Receive, send: Send) -> None:
        self._services = services
        self._receive, self._send = receive, send
        self._credits = CREDITS
        self._answers: asyncio.Queue[bytes] = asyncio.Queue(ANSWERS)
        self._watching: dict[str, asyncio.Task[None]] = {}
        self._handlers: dict[str, tuple[Any, Callable[[Any], Awaitable[None]]]] = {
            "generate": (GenerateMessage, self._generate),
            "watch": (WatchRequest, self._watch),
            "unwatch": (RunRequest, self._unwatch),
            "intervene": (InterveneMessage, self._intervene),
            "stop": (RunRequest, self._stop),
            "credit": (CreditRequest, self._credit),
        }

    async def serve(self) -> None:
        """Read and answer until the client is gone; then nothing of it is left but the runs, which go on."""
        reading, answering = asyncio.create_task(self._read()), asyncio.create_task(self._answer())
        try:
            await asyncio.wait({reading, answering}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            tasks = [reading, answering, *self._watching.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            await self._handle(message)

    async def _answer(self) -> None:
        while True:
            await self._send({"type": "websocket.send", "bytes": await self._answers.get()})

    async def _handle(self, message: Message) -> None:
        kind: str | None = None
        try:
            kind, fields = read_message(message, self._handlers)
            schema, handler = self._handlers[kind]
            try:
                body = schema.model_validate(fields, strict=True)
            except ValidationError as failure:
                raise_invalid(failure)
            await handler(body)
        except NeuronScopeError as refused:
            await self._refuse(kind, refused.to_dict())
        except Exception:
            log.exception("a message of a live connection failed: %s", kind)
            await self._refuse(kind, UNEXPECTED)

    async def _generate(self, body: GenerateMessage) -> None:
        self._check_room()
        run = await asyncio.to_thread(begin, self._services, body, attended=True)
        await self._follow(run, 0, None, place=True)

    async def _watch(self, body: WatchRequest) -> None:
        if body.trace_id not in self._watching:
            self._check_room()
        try:
            run = self._services.live.get(body.trace_id)
        except NotFound:
            path = self._services.workspace.trace_path(body.trace_id)
            watcher = await asyncio.to_thread(Recorded, path, body.from_step)
            await self._carry(body.trace_id, watcher, asyncio.Event(), body.speed)
        else:
            await self._follow(run, body.from_step, body.speed)

    async def _unwatch(self, body: RunRequest) -> None:
        await self._drop(body.trace_id)

    async def _intervene(self, body: InterveneMessage) -> None:
        # In a thread, since means come out of an index, and a patch out of a trace.
        await asyncio.to_thread(intervene, self._services, body.trace_id, body)

    async def _stop(self, body: RunRequest) -> None:
        self._services.live.stop(body.trace_id)

    async def _credit(self, body: CreditRequest) -> None:
        self._credits = min(MOST_CREDIT, self._credits + body.frames)

    async def _follow(self, run: LiveRun, first: int, speed: float | None, place: bool = False) -> None:
        """Watch a live run from a step on."""
        changed, loop = asyncio.Event(), asyncio.get_running_loop()

        def wake() -> None:
            if not changed.is_set():
                with contextlib.suppress(RuntimeError):  # the server has shut down
                    loop.call_soon_threadsafe(changed.set)

        await self._carry(run.trace_id, run.feed.watch(first, wake, place), changed, speed)

    async def _carry(
        self, trace_id: str, watcher: Watcher | Recorded, changed: asyncio.Event, speed: float | None
    ) -> None:
        """Begin to send what a watcher gives; where the run was watched already, from now on so."""
        try:
            await self._drop(trace_id)
        except asyncio.CancelledError:
            watcher.close()
            raise
        task = asyncio.create_task(Pump(trace_id, watcher, changed, self._deliver, self._spend, speed).run())
        self._watching[trace_id] = task
        # Not within the task: one that is cancelled before its first turn runs nothing of its own.
        task.add_done_callback(lambda done: self._ended(trace_id, watcher, done))

    def _ended(self, trace_id: str, watcher: Watcher | Recorded, task: asyncio.Task[None]) -> None:
        watcher.close()
        if self._watching.get(trace_id) is task:
            del self._watching[trace_id]

    async def _drop(self, trace_id: str) -> None:
        task = self._watching.pop(trace_id, None)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    def _check_room(self) -> None:
        if len(self._watching) >= WATCHED:
            raise Conflict(f"This connection watches {WATCHED} runs already.", "Unwatch some, or open another one.")

    async def _deliver(self, data: bytes) -> None:
        await self._send({"type": "websocket.send", "bytes": data})

    def _spend(self) -> bool:
        granted = self._credits > 0
        self._credits -= granted
        return granted

    async def _refuse(self, kind: str | None, error: dict[str, str]) -> None:
        """An ``error`` that names the message which it answers, so that it is not taken for the end of a run."""
        await self._answers.put(msgpack.packb({"type": "error", **error, "request": kind}))
