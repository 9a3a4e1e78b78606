"""Clients that stall hold a socket each, and nothing that anybody else needs."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from neuronscope.api import asgi

TOKEN = "correct-horse"
MANY = 100


def connect(server: Any) -> socket.socket:
    connection = socket.socket()
    # A small window, so that an answer can't hide in the system's buffers.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", server.settings.port))
    return connection


def request(path: str, extra: str = "", method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n{extra}\r\n".encode()


def still_answers(server: Any) -> None:
    """A thread that waits for a stalled client waits for ever; whether the answer took a moment is the machine's affair."""
    with httpx.Client(base_url=server.base, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False) as client:
        for path in ("/api/health", "/", "/assets/index-abc123.js", "/api/jobs", "/api/traces"):
            assert client.get(path, timeout=20).status_code == 200, path


@pytest.fixture
def big(server: Any) -> str:
    """A trace whose answers are larger than any buffer on the way: 4 MB and more."""
    points = ["mlp_act", "resid_post", "attn_weights", "logits", "q", "k", "v", "mlp_gate", "mlp_up", "attn_out"]
    body = {"model_id": "local/one", "prompt": "a" * 90, "points": points}
    return str(server.client.post("/api/captures", json=body).json()["trace_id"])


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    found: list[socket.socket] = []
    yield found
    for connection in found:
        connection.close()


def test_readers_that_stall_leave_the_server_answering(server: Any, big: str, sockets: list[socket.socket]) -> None:
    paths = [
        "/assets/index-abc123.js",
        f"/api/traces/{big}/export?format=json",
        f"/api/traces/{big}/export?format=npz",
        f"/api/traces/{big}/events",
        f"/api/traces/{big}/tensor?address=logits",
        f"/api/traces/{big}/heatmap?address=logits&top=2000",
    ]
    for number in range(MANY):
        connection = connect(server)
        connection.sendall(request(paths[number % len(paths)]))
        sockets.append(connection)
    time.sleep(1)
    still_answers(server)


def test_senders_that_stall_leave_the_server_answering(server: Any, sockets: list[socket.socket]) -> None:
    head = request("/api/captures", "Content-Type: application/json\r\nContent-Length: 1000\r\n", "POST")
    for number in range(MANY):
        connection = connect(server)
        connection.sendall(head + b'{"prompt": ' if number % 2 else head[:-2])
        sockets.append(connection)
    time.sleep(0.5)
    still_answers(server)


def test_a_body_that_never_comes_is_given_up(
    server: Any, sockets: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "BODY_SECONDS", 0.2)
    connection = connect(server)
    sockets.append(connection)
    connection.sendall(request("/api/captures", "Content-Type: application/json\r\nContent-Length: 9\r\n", "POST"))
    connection.settimeout(5)
    assert b" 408 " in connection.recv(200)


def test_a_reader_that_is_slow_gets_all_of_it(server: Any, big: str, sockets: list[socket.socket]) -> None:
    connection = connect(server)
    sockets.append(connection)
    path = f"/api/traces/{big}/export"
    connection.sendall(request(path, "Connection: close\r\n"))
    received = b""
    while piece := connection.recv(2048):
        received += piece
        if len(received) < 20_000:
            time.sleep(0.01)
    head, _, body = received.partition(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0]
    whole = server.client.get(path).content
    assert whole[:100] in body
    assert len(body) >= len(whole)


def test_readers_that_leave_early_leave_no_file_behind(server: Any, big: str, sockets: list[socket.socket]) -> None:
    for _ in range(10):
        connection = connect(server)
        connection.sendall(request(f"/api/traces/{big}/export?format=npz"))
        connection.recv(100)
        connection.close()
    temporary = server.services.workspace.root / "tmp"
    end = time.monotonic() + 10
    while list(temporary.iterdir()) and time.monotonic() < end:
        time.sleep(0.05)
    assert list(temporary.iterdir()) == []
