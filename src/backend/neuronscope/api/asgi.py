"""The ASGI application: the gate outside, then health, the page's files, live runs, and the routes in worker threads.

A worker thread is held for as long as a route computes and no longer: bodies are read before it starts and answers are
sent after it ends, so that clients who send or read slowly cost a socket, never a thread.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from a2wsgi import WSGIMiddleware

from neuronscope.api.app import create_app
from neuronscope.api.errors import UNEXPECTED
from neuronscope.api.live import Live
from neuronscope.api.reply import STREAM_KEY
from neuronscope.api.security import (
    App,
    Guard,
    Message,
    Receive,
    Scope,
    Send,
    answer_json,
    answer_refusal,
    is_api,
    is_upload,
)
from neuronscope.api.static import Page
from neuronscope.api.steps import Steps
from neuronscope.api.streams import send_stream
from neuronscope.api.uploads import Uploads
from neuronscope.core.errors import NeuronScopeError, TimedOut, TooLarge
from neuronscope.version import VERSION

if TYPE_CHECKING:
    from neuronscope.api.services import Services

log = logging.getLogger("neuronscope.api")

WORKERS = 40
BODY_SECONDS = 60
"""A body that takes longer to arrive is given up."""


def create_asgi(services: Services) -> App:
    """Everything the server answers, behind the gate."""
    flask: Any = create_app(services)
    settings = services.settings
    if settings.dev_origin is not None:
        from flask_cors import CORS

        CORS(flask, origins=[settings.dev_origin], supports_credentials=True)
    routes = Buffered(WSGIMiddleware(flask, workers=WORKERS), settings.max_body)
    uploads = Uploads(routes, services.workspace, settings.max_upload)
    steps = Steps(routes, services.workspace)
    return Guard(_Switch(steps, Page(settings.web), Live(services), uploads), settings)


class _Switch:
    def __init__(self, routes: App, page: Page, live: Live, uploads: Uploads) -> None:
        self._routes = routes
        self._page = page
        self._live = live
        self._uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "websocket":
            if scope["path"] == "/api/live":
                await self._live(scope, receive, send)
            else:
                await send({"type": "websocket.close"})
        elif not is_api(scope["path"]):
            await self._page(scope, receive, send)
        elif scope["path"] == "/api/health" and scope["method"] == "GET":
            # Without a worker thread, so that it answers however busy they are.
            await answer_json(send, 200, {"status": "ok", "version": VERSION})
        elif is_upload(scope):
            await self._uploads(scope, receive, send)
        else:
            await self._routes(scope, receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


class Buffered:
    """Reads a whole body, lets the WSGI side answer it completely, and only then begins to send."""

    def __init__(self, app: Any, max_body: int) -> None:
        self._app = app
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await self._read(receive)
        except NeuronScopeError as refused:
            await answer_refusal(send, refused)
            return
        except TimeoutError:
            await answer_refusal(send, TimedOut("The body did not arrive in time.", "Send it again."))
            return
        if body is None:
            return
        # a2wsgi reads the query as ASCII; what a client left unescaped is escaped here.
        scope = {**scope, "query_string": quote(scope["query_string"], safe="%&=+,;:/?@!$'()*-._~[]").encode()}
        messages: list[Message] = []
        try:
            await self._app(scope, _once(body), _collect(messages))
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"])
            await answer_json(send, 500, {"error": UNEXPECTED})
            return
        chunks = scope.get(STREAM_KEY)
        if chunks is not None:
            await send_stream(messages[0], chunks, receive, send)
            return
        for message in messages:
            await send(message)

    async def _read(self, receive: Receive) -> bytes | None:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self._max_body:
                raise TooLarge(f"The body is larger than {self._max_body // 2**20} MB.")
            if not message.get("more_body", False):
                return bytes(body)


def _once(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _collect(messages: list[Message]) -> Send:
    async def send(message: Message) -> None:
        messages.append(message)

    return send
