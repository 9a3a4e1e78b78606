"""Steps of traces, answered beside the routes: a person who scrubs through a run asks for many, each one read from a file."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from neuronscope.api.security import App, Receive, Scope, Send, answer_refusal
from neuronscope.api.traces import step
from neuronscope.core.errors import NeuronScopeError

if TYPE_CHECKING:
    from neuronscope.runtime.workspace import Workspace

_PATH = re.compile(r"/api/traces/(t_[0-9a-z]{26})/steps/([0-9]{1,7})")


class Steps:
    """Answers ``GET /api/traces/{id}/steps/{n}`` without Flask; what is not just that goes on to the routes."""

    def __init__(self, routes: App, workspace: Workspace) -> None:
        self._routes = routes
        self._workspace = workspace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        match = _PATH.fullmatch(scope["path"]) if scope["method"] == "GET" else None
        if match is None:
            await self._routes(scope, receive, send)
            return
        try:
            body = await asyncio.to_thread(step, self._workspace, match[1], int(match[2]))
        except NeuronScopeError as refused:
            await answer_refusal(send, refused)
            return
        headers = [(b"content-type", b"application/msgpack"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
