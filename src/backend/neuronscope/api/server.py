"""Runs the server: finds a port, writes the token where scripts find it, says where the page is, opens it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

from neuronscope.api.asgi import create_asgi
from neuronscope.api.services import Services
from neuronscope.api.settings import FIRST_PORT, Settings
from neuronscope.core.errors import BadRequest, Conflict
from neuronscope.runtime.elsewhere import Elsewhere
from neuronscope.runtime.servers import announced
from neuronscope.runtime.workspace import Workspace

TRIED_PORTS = 50
MOST_MESSAGE = 16 << 20
"""Bytes of a client's WebSocket message that are read in order to refuse it with a sentence; one beyond ends the connection."""


def serve(
    settings: Settings,
    workspace: Workspace,
    *,
    port: int | None = None,
    open_browser: bool = True,
    say: Callable[[str], None] = print,
    elsewhere: Elsewhere | None = None,
    alongside: Sequence[Callable[[Services], AbstractContextManager[object]]] = (),
) -> None:
    """Serve until interrupted. ``port`` None takes 5000 or the next free one; a port that is named must be free.

    ``elsewhere`` are models that run on other servers. What ``alongside`` gives for the services is entered before the
    server answers and left when it has ended; what its making raises keeps it from starting.

    Raises :class:`Conflict` where the port is taken, :class:`BadRequest` for a host that this machine does not have.
    """
    listener = listen(settings.host, port)
    settings = replace(settings, port=listener.getsockname()[1])
    services = Services(settings, workspace, elsewhere)

    def started() -> None:
        if port is None and settings.port != FIRST_PORT:
            say(f"Port {FIRST_PORT} is taken; this is port {settings.port}.")
        say(f"NeuronScope is at {settings.url}")
        services.warm_in_background()
        if open_browser:
            webbrowser.open(settings.url)

    # uvicorn raises the signal again once it has shut down; as an interrupt it leaves time to tidy up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with contextlib.ExitStack() as stack:
            for join in alongside:
                stack.enter_context(join(services))
            with token_file(workspace.token_file, settings), contextlib.suppress(KeyboardInterrupt):
                make_server(services, started).run(sockets=[listener])
    finally:
        listener.close()
        services.close()


def make_server(services: Services, started: Callable[[], None]) -> uvicorn.Server:
    """A server over the services that calls ``started`` once it answers. Run it with a socket of :func:`listen`."""
    config = uvicorn.Config(
        create_asgi(services),
        log_level="warning",
        # The token would be written down with the address of the first request.
        access_log=False,
        lifespan="off",
        ws="websockets-sansio",
        ws_max_size=MOST_MESSAGE,
        # Steps are packed numbers: deflating them costs a core and saves little.
        ws_per_message_deflate=False,
        # A client that reads slowly answers late; it falls behind in the trace instead of being thrown out.
        ws_ping_timeout=None,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    return _Server(config, started)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._when_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # uvicorn says goodbye to each client, and fails at one that has said it and then read nothing more.
        for connection in list(self.server_state.connections):
            if isinstance(connection, WebSocketsSansIOProtocol) and connection.conn.state is State.CLOSING:
                connection.transport.abort()
        await asyncio.sleep(0)
        await super().shutdown(sockets)


def listen(host: str, port: int | None) -> socket.socket:
    """A listening socket on the port, or for None on the first free one from 5000 on."""
    wanted = [port] if port is not None else [*range(FIRST_PORT, FIRST_PORT + TRIED_PORTS), 0]
    for number in wanted:
        listener = _bind(host, number)
        if listener is not None:
            return listener
    raise Conflict(f"Port {port} is taken.", "Choose another with --port, or leave --port out.")


def _bind(host: str, port: int) -> socket.socket | None:
    if port and _answers(host, port):
        # Some systems let a second program bind beside one that listens on all addresses.
        return None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as failure:
        raise BadRequest(f"'{host}' is not an address of this machine.", "Leave out --host for 127.0.0.1.") from failure
    listener = socket.socket(family, kind, protocol)
    if sys.platform != "win32":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(1024)
    except OSError as failure:
        listener.close()
        if failure.errno in (errno.EADDRINUSE, errno.EACCES):
            return None
        raise BadRequest(f"This machine can't listen on {host}.", "Leave out --host for 127.0.0.1.") from failure
    listener.set_inheritable(False)
    return listener


def _answers(host: str, port: int) -> bool:
    target = "127.0.0.1" if host in ("0.0.0.0", "") else host  # noqa: S104 — compared, not bound
    with contextlib.suppress(OSError), socket.create_connection((target, port), timeout=0.2):
        return True
    return False


@contextlib.contextmanager
def token_file(path: Path, settings: Settings) -> Iterator[None]:
    """Keep address and token where scripts find them, for as long as the server runs."""
    mine = {"url": settings.url, "port": settings.port, "token": settings.token, "pid": os.getpid()}
    with announced(path, mine):
        yield
