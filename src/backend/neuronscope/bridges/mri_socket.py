"""The LLMRI socket: scans of every run to whoever listens on loopback, and interventions from there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from neuronscope.bridges.mri_client import Client
from neuronscope.bridges.mri_steering import Steering
from neuronscope.bridges.mri_wire import Clear, Command, Ping, Scan, notice, pack
from neuronscope.core.errors import Conflict

if TYPE_CHECKING:
    from neuronscope.capture.values import Lookup
    from neuronscope.core.events import Token
    from neuronscope.models.loaded import LoadedModel
    from neuronscope.runtime.live import LiveRuns
    from neuronscope.runtime.live_run import LiveRun

log = logging.getLogger("neuronscope.bridges")

HOST = "127.0.0.1"
REMEMBERED = 100
"""Scans that a new client gets first."""
MOST_WAITING = 64
"""Steps that may wait to be packed; one beyond is lost to the socket, never to the run."""
MOST_CLIENTS = 32
SECONDS_TO_END = 5.0


class MriSocket:
    """Listens from its making to :meth:`close`, on a thread of its own that packs and sends.

    A run hands its rows over and goes on; each client has its own bounded queue. Raises :class:`Conflict` where the port
    is taken.
    """

    def __init__(self, port: int) -> None:
        self._listener = _listen(port)
        self.port: int = self._listener.getsockname()[1]
        self._steering = Steering()
        self._scans: deque[Scan] = deque(maxlen=REMEMBERED)
        self._waiting = 0
        self._clients: set[Client] = set()
        self._turns = 0
        self._runs: LiveRuns | None = None
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="llmri", daemon=True)
        self._thread.start()

    def join(self, runs: LiveRuns) -> Self:
        """Take part in every run that begins from now on."""
        self._runs = runs
        runs.on_begin.append(self._joined)
        return self

    def close(self) -> None:
        """Close the port and every client; the thread has ended then."""
        if self._runs is not None and self._joined in self._runs.on_begin:
            self._runs.on_begin.remove(self._joined)
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ending.set)
            self._thread.join(SECONDS_TO_END)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _joined(self, run: LiveRun) -> None:
        run.rows = _Turn(self)
        run.joined.append(lambda loaded, lookup: self._begun(run, loaded, lookup))

    def _begun(self, run: LiveRun, loaded: LoadedModel, lookup: Lookup) -> None:
        told = self._steering.join(run, loaded, lookup)
        if told is not None:
            self._soon(lambda: self._tell(notice("intervention_active", **told)))

    def new_turn(self) -> int:
        """A run takes its first step: its number, which every client is told."""
        with self._lock:
            self._turns += 1
            turn = self._turns
        self._soon(lambda: self._tell(notice("turn_start", turn=turn)))
        return turn

    def scanned(self, turn: int, token: int, rows: dict[int, NDArray[np.float32]]) -> None:
        """The blocks' outputs ``[d]`` by layer at a step's last token. Returns at once."""
        with self._lock:
            if self._waiting >= MOST_WAITING:
                return
            self._waiting += 1
        now = time.time()
        scans = [Scan(now, turn, token, layer, values) for layer, values in sorted(rows.items())]
        self._soon(lambda: self._keep(scans))

    def _soon(self, work: Callable[[], None]) -> None:
        # Once it is closed, nobody listens any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(work)

    def _keep(self, scans: list[Scan]) -> None:
        with self._lock:
            self._waiting -= 1
        self._scans.extend(scans)
        if self._clients:
            for scan in scans:
                packed = pack(scan.to_map())
                for client in self._clients:
                    client.put(packed, is_scan=True)

    def _tell(self, message: bytes) -> None:
        for client in self._clients:
            client.put(message)

    async def _obey(self, client: Client, command: Command) -> None:
        if isinstance(command, Ping):
            client.put(notice("pong"))
            return
        cleared = isinstance(command, Clear)
        # In a thread: a run's own lock may be held for a moment.
        told = await asyncio.to_thread(self._steering.set, None if isinstance(command, Clear) else command)
        self._tell(notice("interventions_cleared") if cleared else notice("intervention_active", **told))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client(reader, writer, self._obey)
        if len(self._clients) >= MOST_CLIENTS:
            client.end()
            return
        for scan in self._scans:
            client.put(pack(scan.to_map()), is_scan=True)
        self._clients.add(client)
        try:
            await client.serve()
        finally:
            self._clients.discard(client)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._listening())
        finally:
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    async def _listening(self) -> None:
        server = await asyncio.start_server(self._serve, sock=self._listener)
        async with server:
            await self._ending.wait()
            server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class _Turn:
    """One run's rows on their way to the socket; its turn begins with its first step, however long it waited for that."""

    wanted = True

    def __init__(self, server: MriSocket) -> None:
        self._server = server
        self._number: int | None = None

    def take(self, step: int, token: Token, values: dict[int, NDArray[np.float32]]) -> None:
        if self._number is None:
            self._number = self._server.new_turn()
        self._server.scanned(self._number, step, values)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(16)
    except OSError as failure:
        listener.close()
        raise Conflict(f"Port {port} is taken.", "Choose another with --mri-server.") from failure
    return listener
