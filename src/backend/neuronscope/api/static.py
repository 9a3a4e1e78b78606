"""The built page: hashed assets for ever, everything else asked for anew, unknown places answered with the page itself."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from urllib.parse import quote

from neuronscope.api.security import Message, Receive, Scope, Send, answer_refusal
from neuronscope.core.errors import MethodNotAllowed, NotFound

# The system's table is not to be trusted with these: on Windows it comes from the registry.
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_CHUNK = 256 * 1024
_NOT_BUILT = (
    b'<!doctype html><html lang="en"><meta charset="utf-8"><title>NeuronScope</title>'
    b"<h1>The page is not built</h1><p>Type <code>make serve</code> in the checkout, which builds it. "
    b'The REST interface answers already: <a href="/api/docs">/api/docs</a>.</p></html>'
)


class Page:
    """ASGI app over the folder of the built page."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one GET or HEAD."""
        if scope["method"] not in ("GET", "HEAD"):
            await answer_refusal(send, MethodNotAllowed("The page can only be read."))
            return
        path = self._find(scope["path"])
        if path is None:
            place = quote(scope["path"][:200])
            await answer_refusal(send, NotFound(f"There is no file {place}."))
        elif not path.is_file():
            await _send(send, 503, [(b"content-type", b"text/html; charset=utf-8")], _NOT_BUILT, scope)
        else:
            await self._file(path, scope, send)

    def _find(self, place: str) -> Path | None:
        parts = [part for part in place.split("/") if part]
        if any(part.startswith(".") or set(part) & set("\\:\0") for part in parts):
            return None
        path = self._folder.joinpath(*parts)
        if parts and path.is_file():
            return path if path.resolve().is_relative_to(self._folder) else None
        # A place without a suffix is one of the page's own addresses.
        return self._folder / "index.html" if not parts or "." not in parts[-1] else None

    async def _file(self, path: Path, scope: Scope, send: Send) -> None:
        stat = path.stat()
        tag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'.encode()
        hashed = path.parent.name == "assets"
        kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        if kind.startswith("text/") or kind == "application/json":
            kind += "; charset=utf-8"
        headers = [
            (b"content-type", kind.encode()),
            (b"etag", tag),
            (b"cache-control", b"public, max-age=31536000, immutable" if hashed else b"no-cache"),
        ]
        asked = [value for name, value in scope["headers"] if name == b"if-none-match"]
        if any(tag in value for value in asked):
            await send({"type": "http.response.start", "status": 304, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        await _send(send, 200, headers, path.read_bytes(), scope)


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes, scope: Scope) -> None:
    sized = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": sized})
    if scope["method"] == "HEAD":
        body = b""
    for start in range(0, len(body), _CHUNK):
        message: Message = {
            "type": "http.response.body",
            "body": body[start : start + _CHUNK],
            "more_body": start + _CHUNK < len(body),
        }
        await send(message)
    if not body:
        await send({"type": "http.response.body", "body": b""})
