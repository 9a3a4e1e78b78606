"""The one gate of the server: Host, Origin, token, size and kind of a body, and the headers that fence the page in.

It stands before everything else, WebSockets included, so that no route can forget it.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from neuronscope.api.settings import Settings, is_loopback
from neuronscope.core.errors import (
    BadRequest,
    Forbidden,
    LengthRequired,
    NeuronScopeError,
    TooLarge,
    Unauthorized,
    UnsupportedMediaType,
)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

SAFE = ("GET", "HEAD", "OPTIONS")
UPLOADS = ("/api/traces/import",)
"""Paths that take a file as their body. A form on a foreign page can't send bytes of this kind either."""
_CSP = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", _CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


def is_api(path: str) -> bool:
    """Whether a path belongs to the interface that needs the token; all other paths are the page's files."""
    return path == "/api" or path.startswith("/api/")


def is_upload(scope: Scope) -> bool:
    """Whether a request sends a file to one of the paths that take any."""
    return scope["method"] == "POST" and scope["path"] in UPLOADS


class Guard:
    """ASGI middleware that lets through what may pass and answers the rest itself."""

    def __init__(self, app: App, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one request or connection, then hand it on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        api = is_api(scope["path"])
        fenced = _with_headers(send, api) if scope["type"] == "http" else send
        try:
            headers = _Headers(scope)
            self._check_host(headers)
            self._check_origin(headers)
            target = self._login(scope)
            if target is not None:
                await _redirect(fenced, *target)
                return
            if api:
                self._check_token(scope, headers)
            if scope["type"] == "http":
                self._check_body(scope, headers)
        except NeuronScopeError as refused:
            await (answer_refusal(fenced, refused) if scope["type"] == "http" else send({"type": "websocket.close"}))
            return
        await self._app(scope, receive, fenced)

    def _check_host(self, headers: _Headers) -> None:
        hosts = headers.all("host")
        host = _host_of(f"//{hosts[0]}") if len(hosts) == 1 else None
        # A name that a foreign page made point here (DNS rebinding) is not ours, so its pages can't read answers.
        if host is None or not (is_loopback(host) or not is_loopback(self._settings.host)):
            raise Forbidden("This server does not answer to that host name.", "Open it as http://localhost:<port>/.")

    def _check_origin(self, headers: _Headers) -> None:
        for origin in headers.all("origin"):
            own = [f"{scheme}://{headers.one('host')}".lower() for scheme in ("http", "https")]
            if origin.lower() not in own and origin != self._settings.dev_origin:
                raise Forbidden("Requests from pages of another origin are refused.", "Open the page of this server.")

    def _login(self, scope: Scope) -> tuple[str, str | None] | None:
        """Where to send a page request that carries the token in its address, and the cookie to set."""
        query = scope["query_string"].decode("latin-1")
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or is_api(scope["path"]):
            return None
        pairs = parse_qsl(query, keep_blank_values=True)
        shown = [value for name, value in pairs if name == "token"]
        if not shown:
            return None
        rest = urlencode([pair for pair in pairs if pair[0] != "token"])
        # Two leading slashes would name another host.
        location = "/" + quote(scope["path"].lstrip("/")) + (f"?{rest}" if rest else "")
        if not self._matches(shown[0]):
            return location, None
        cookie = f"{self._settings.cookie}={self._settings.token}; Path=/; HttpOnly; SameSite=Strict"
        return location, cookie

    def _check_token(self, scope: Scope, headers: _Headers) -> None:
        if self._settings.token is None:
            return
        preflight = scope["type"] == "http" and scope["method"] == "OPTIONS"
        if preflight and self._settings.dev_origin in headers.all("origin"):
            return
        kind, _, shown = headers.one("authorization").partition(" ")
        bearer = shown.strip() if kind.lower() == "bearer" else None
        if bearer is None:
            bearer = headers.cookie(self._settings.cookie)
        if bearer is None or not self._matches(bearer):
            raise Unauthorized(
                "This needs the server's access token.",
                "Open the address that the server printed, or send 'Authorization: Bearer' with what "
                "`neuronscope token` prints.",
            )

    def _matches(self, shown: str) -> bool:
        token = self._settings.token
        return token is not None and hmac.compare_digest(shown.encode(), token.encode())

    def _check_body(self, scope: Scope, headers: _Headers) -> None:
        length = headers.one("content-length")
        if headers.all("transfer-encoding"):
            raise LengthRequired("A body must say its length.", "Send Content-Length instead of chunks.")
        if length and not (length.isascii() and length.isdigit()):
            raise BadRequest("Content-Length is not a number.")
        upload = is_upload(scope)
        largest = self._settings.max_upload if upload else self._settings.max_body
        if int(length or 0) > largest:
            raise TooLarge(f"The body is larger than {largest // 2**20} MB.", "Send less, or in several parts.")
        kind = headers.one("content-type").partition(";")[0].strip().lower()
        if upload and int(length or 0) and kind != "application/octet-stream":
            raise UnsupportedMediaType(
                "A file is sent as bytes.", "Send it with Content-Type: application/octet-stream."
            )
        if not upload and scope["method"] not in SAFE and int(length or 0) and kind != "application/json":
            raise UnsupportedMediaType("A body must be JSON.", "Send it with Content-Type: application/json.")


class _Headers:
    def __init__(self, scope: Scope) -> None:
        self._pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self._pairs if key == name]

    def one(self, name: str) -> str:
        return next(iter(self.all(name)), "")

    def cookie(self, name: str) -> str | None:
        for header in self.all("cookie"):
            for part in header.split(";"):
                key, _, value = part.strip().partition("=")
                if key == name:
                    return value
        return None


def _host_of(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    if parts.username is not None or parts.path:
        return None
    return parts.hostname


def _with_headers(send: Send, api: bool) -> Send:
    async def fenced(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", []), *HEADERS]
            if api and not any(name.lower() == b"cache-control" for name, _ in headers):
                headers.append((b"cache-control", b"no-store"))
            message = {**message, "headers": headers}
        await send(message)

    return fenced


async def _redirect(send: Send, location: str, cookie: str | None) -> None:
    headers = [(b"location", location.encode("latin-1")), (b"cache-control", b"no-store"), (b"content-length", b"0")]
    if cookie is not None:
        headers.append((b"set-cookie", cookie.encode("latin-1")))
    await send({"type": "http.response.start", "status": 302, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def answer_refusal(send: Send, refused: NeuronScopeError) -> None:
    """Send an error as its JSON and status."""
    await answer_json(send, refused.status, {"error": refused.to_dict()})


async def answer_json(send: Send, status: int, data: dict[str, Any]) -> None:
    """Send plain data as JSON."""
    body = json.dumps(data, ensure_ascii=False).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
