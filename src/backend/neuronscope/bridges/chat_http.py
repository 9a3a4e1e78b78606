"""Talks to a chat server over HTTP: its models, and an answer line by line. What goes wrong is told in a sentence."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from neuronscope.bridges.chat_pieces import SAID, malformed
from neuronscope.core.errors import ChatServerFailed

CONNECT_SECONDS, LIST_SECONDS, TOKEN_SECONDS = 3.0, 2.0, 600.0
"""How long a server may take to be there, to list its models, and to say the next thing: it may load a model first."""
MOST_LINE, MOST_LIST = 1 << 20, 4 << 20
"""Bytes of a line and of a list of models beyond which a server is not believed."""


def client_options(seconds: float) -> dict[str, Any]:
    """The address is just what the command line says: no proxy of the environment, no redirect elsewhere."""
    return {"trust_env": False, "follow_redirects": False, "timeout": httpx.Timeout(seconds, connect=CONNECT_SECONDS)}


def get_json(address: str) -> object:
    """The JSON at an address. Raises :class:`ChatServerFailed`."""
    with (
        _told(address),
        httpx.Client(**client_options(LIST_SECONDS)) as client,
        client.stream("GET", address) as answer,
    ):
        body = b""
        for part in answer.iter_bytes():
            body += part
            if len(body) > MOST_LIST:
                raise malformed("its list of models is too long")
        if answer.status_code != 200:
            raise turned_down(answer.status_code, body)
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise malformed("it is not JSON") from error


async def post_lines(address: str, body: Mapping[str, Any]) -> AsyncGenerator[bytes]:
    """The lines of a streamed answer, without their ends. Raises :class:`ChatServerFailed`, at once or on the way."""
    with _told(address):
        async with (
            httpx.AsyncClient(**client_options(TOKEN_SECONDS)) as client,
            client.stream("POST", address, json=body) as answer,
        ):
            if answer.status_code != 200:
                raise turned_down(answer.status_code, await _start_of(answer))
            held = b""
            async for part in answer.aiter_bytes():
                # JSON may hold characters that str.splitlines takes for ends of lines; these two bytes it never holds.
                *lines, held = (held + part).replace(b"\r\n", b"\n").split(b"\n")
                for line in lines:
                    yield line
                if len(held) > MOST_LINE:
                    raise malformed("a line of it does not end")
            if held:
                yield held


class TurnedDown(ChatServerFailed):
    """The server answered with a status of 400 or more. ``said`` is what it said."""

    def __init__(self, status: int, said: str) -> None:
        hint = "It may not know this model." if status == 404 else "What it said is all that is known here."
        super().__init__(f"The chat server turned the request down with status {status}: {said or 'nothing'}", hint)
        self.answered = status
        self.said = said


def turned_down(status: int, body: bytes) -> ChatServerFailed:
    """An answer that is none. A redirect is not followed: it could lead anywhere."""
    if 300 <= status < 400:
        return ChatServerFailed(
            f"The chat server sent a redirect (status {status}).", "Give the address that it leads to, if you trust it."
        )
    return TurnedDown(status, _message(body))


def _message(body: bytes) -> str:
    """What the body of a refusal says: OpenAI nests it, Ollama does not, FastAPI calls it ``detail``."""
    text = body.decode("utf-8", errors="replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text.strip()[:SAID]
    error = found.get("error", found.get("detail", text)) if isinstance(found, dict) else text
    said = error.get("message", text) if isinstance(error, dict) else error
    return str(said)[:SAID]


async def _start_of(answer: httpx.Response) -> bytes:
    body = b""
    async for part in answer.aiter_bytes():
        body += part
        if len(body) > MOST_LINE:
            break
    return body


@contextmanager
def _told(address: str) -> Iterator[None]:
    try:
        yield
    except httpx.ConnectError as error:
        raise ChatServerFailed(
            f"No chat server answers at {address}.",
            "Start its local server, or name its address: serve --chat-server or chat --server.",
        ) from error
    except httpx.TimeoutException as error:
        raise ChatServerFailed(
            f"The chat server at {address} took too long.", "It may be loading a model; try again."
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ChatServerFailed(
            f"The chat server at {address} broke off ({type(error).__name__}).", "It may have ended; start it again."
        ) from error
