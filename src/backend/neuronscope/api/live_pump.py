"""From a run to a socket: frames in order, as fast as the client reads them and no faster than it asked for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgpack

from neuronscope.api.errors import UNEXPECTED
from neuronscope.api.live_messages import addressed
from neuronscope.core.errors import NeuronScopeError
from neuronscope.core.events import Queued, Start
from neuronscope.runtime.live_feed import Recorded, Watcher
from neuronscope.runtime.live_stored import Stored
from neuronscope.traces.wire import Frame

log = logging.getLogger("neuronscope.api")

MOST_FRAME = 16 << 20
"""Bytes of a step that are sent with its payloads; a larger one goes out light, since its reader would have to hold it whole."""
Deliver = Callable[[bytes], Awaitable[None]]


class Pump:
    """Carries one run to one client until the run or the client ends.

    While the socket takes nothing more, ``deliver`` waits, and with it this reader's place in the run; nothing piles up.
    ``spend`` takes one credit and says whether there was one.
    """

    def __init__(
        self,
        trace_id: str,
        watcher: Watcher | Recorded,
        changed: asyncio.Event,
        deliver: Deliver,
        spend: Callable[[], bool],
        speed: float | None = None,
    ) -> None:
        self._trace_id, self._watcher, self._changed = trace_id, watcher, changed
        self._deliver, self._spend = deliver, spend
        self._pause = 0.0 if speed is None else 1 / speed
        self._due = 0.0

    async def run(self) -> None:
        """Send everything; what goes wrong on the way is told to the client as the run's error."""
        try:
            await self._run()
        except OSError:
            return  # the client is gone
        except NeuronScopeError as refused:
            await self._fail(refused.to_dict())
        except Exception:
            log.exception("watching %s failed", self._trace_id)
            await self._fail(UNEXPECTED)

    async def _run(self) -> None:
        watcher = self._watcher
        while not watcher.ended:
            self._changed.clear()
            frame = watcher.take()
            if frame is not None:
                await self._send(frame)
            elif watcher.behind:
                for stored in await asyncio.to_thread(watcher.fetch):
                    await self._send(stored)
            else:
                await self._changed.wait()

    async def _send(self, frame: Frame | Stored) -> None:
        if frame.step is not None and self._pause:
            await self._pace()
        data = frame.data
        if frame.has_payload and (len(data) > MOST_FRAME or not self._spend()):
            data = frame.light()
        await self._deliver(data if _names_its_run(frame) else addressed(data, self._trace_id))
        # A socket with room takes a frame without waiting; others on this loop get their turn all the same.
        await asyncio.sleep(0)

    async def _pace(self) -> None:
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, self._due - now))
        self._due = max(self._due, now) + self._pause

    async def _fail(self, error: dict[str, str]) -> None:
        try:
            await self._deliver(addressed(msgpack.packb({"type": "error", **error}), self._trace_id))
        except OSError:
            return


def _names_its_run(frame: Frame | Stored) -> bool:
    if isinstance(frame, Stored):
        return frame.names_its_run
    return isinstance(frame.event, Queued | Start)
