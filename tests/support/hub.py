"""A hub cache in its real layout, and a small server that answers as the hub does."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def cache_model(cache: Path, model_id: str, folder: Path, commit: str = COMMIT) -> Path:
    """Put a model folder into a cache: blobs, a snapshot of relative links to them, and the ref ``main``."""
    root = cache / f"models--{model_id.replace('/', '--')}"
    snapshot = root / "snapshots" / commit
    for part in (root / "blobs", snapshot, root / "refs"):
        part.mkdir(parents=True, exist_ok=True)
    (root / "refs" / "main").write_text(commit)
    for file in sorted(folder.iterdir()):
        name = hashlib.sha256(file.read_bytes()).hexdigest()
        (root / "blobs" / name).write_bytes(file.read_bytes())
        (snapshot / file.name).symlink_to(Path("../../blobs") / name)
    return snapshot


def use_cache(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """Let the hub's library, and ours, look there."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))


class Hub:
    """What the server answers; ``slow`` seconds go by between chunks of a file."""

    def __init__(self) -> None:
        self.models: dict[str, Path] = {}
        self.gated: set[str] = set()
        self.slow = 0.0
        self.sent = 0


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            path = self.path.partition("?")[0].strip("/")
            parts = path.split("/")
            api = parts[0] == "api"
            model_id = "/".join(parts[2:4] if api else parts[:2])
            if model_id in hub.gated:
                self._fail(403 if api else 401, "GatedRepo", "Access to this model is restricted.")
            elif model_id not in hub.models:
                self._fail(401, "RepoNotFound", "Repository not found")
            elif api:
                self._api(model_id, parts[4:], body)
            else:
                self._file(hub.models[model_id] / parts[-1], body)

        def _api(self, model_id: str, rest: list[str], body: bool) -> None:
            revision = rest[1] if len(rest) > 1 else "main"
            if revision not in ("main", COMMIT):
                self._fail(404, "RevisionNotFound", "Invalid rev id")
                return
            files = sorted(hub.models[model_id].iterdir())
            if rest[:1] == ["tree"]:
                answer: object = [
                    {"type": "file", "path": f.name, "size": f.stat().st_size, "oid": _oid(f)} for f in files
                ]
            else:
                answer = {"id": model_id, "sha": COMMIT, "siblings": [{"rfilename": f.name} for f in files]}
            self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"}, body)

        def _file(self, file: Path, body: bool) -> None:
            if not file.is_file():
                self._fail(404, "EntryNotFound", "Entry not found")
                return
            data = file.read_bytes()
            headers = {"ETag": f'"{_oid(file)}"', "X-Repo-Commit": COMMIT}
            self._send(200, data, headers, body)

        def _fail(self, status: int, code: str, message: str) -> None:
            self._send(status, b"", {"X-Error-Code": code, "X-Error-Message": message}, True)

        def _send(self, status: int, data: bytes, headers: dict[str, str], body: bool) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if not body:
                return
            for start in range(0, len(data), 1 << 14):
                self.wfile.write(data[start : start + (1 << 14)])
                hub.sent += min(1 << 14, len(data) - start)
                if hub.slow and len(data) > 1 << 16:
                    threading.Event().wait(hub.slow)

    return Handler


def _oid(file: Path) -> str:
    return hashlib.sha1(file.read_bytes()).hexdigest()  # noqa: S324 — as git names its objects


@contextmanager
def hub_server(monkeypatch: pytest.MonkeyPatch, cache: Path) -> Iterator[Hub]:
    """The hub's library asks this server instead, and keeps what it gets in ``cache``."""
    from huggingface_hub import constants

    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    use_cache(monkeypatch, cache)
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1 << 14)
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
