"""The keeping of traces over REST: sizes, pins, the limit, files in, and replay at a speed."""

from __future__ import annotations

import io
import itertools
import socket
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgpack
import pytest

from neuronscope.api import uploads
from neuronscope.capture.generate import Generation
from neuronscope.core.generation import GenerateRequest
from neuronscope.runtime.run import Run

TOKEN = "correct-horse"
NOBODY = "t_" + "0" * 26
BYTES = {"Content-Type": "application/octet-stream"}


def capture(client: httpx.Client, prompt: str = "Hi") -> dict[str, Any]:
    return dict(client.post("/api/captures", json={"model_id": "local/one", "prompt": prompt}).json())


def send(client: httpx.Client, data: bytes, **headers: str) -> httpx.Response:
    return client.post("/api/traces/import", content=data, headers={**BYTES, **headers})


@pytest.fixture
def own(serve_with: Any, tiny_models: Path) -> Iterator[Any]:
    """A server with a workspace of its own, whose traces are nobody else's."""
    with serve_with(model_dirs=(tiny_models,)) as running:
        yield running


@pytest.fixture(scope="module")
def recorded(server: Any) -> str:
    """A run of six steps."""

    def work(loaded: Any) -> str:
        run = Run(Generation(loaded, GenerateRequest("Hi there", max_new_tokens=6)), server.services.workspace.traces)
        list(run)
        return run.trace_id

    return str(server.services.engine.run("local/one", work))


def test_the_limit_is_held_when_a_capture_ends_and_the_list_tells(own: Any) -> None:
    client = own.client
    first, second, third = (capture(client, f"Text {n}") for n in range(3))
    listed = client.get("/api/traces").json()
    assert (listed["limit_bytes"], listed["removed"]) == (None, [])
    assert listed["total_bytes"] == sum(entry["bytes"] for entry in listed["traces"])
    assert client.post(f"/api/traces/{first['trace_id']}/pin", json={"pinned": True}).json()["pinned"] is True
    assert client.get(f"/api/traces/{first['trace_id']}").json()["pinned"] is True
    answer = client.put("/api/traces/limit", json={"bytes": 1}).json()
    assert answer == {
        "limit_bytes": 1, "total_bytes": listed["total_bytes"], "would_go": [second["trace_id"]],
    }  # fmt: skip
    assert len(client.get("/api/traces").json()["traces"]) == 3
    fourth = capture(client)
    assert fourth["removed"] == [second["trace_id"], third["trace_id"]]
    listed = client.get("/api/traces").json()
    assert [entry["trace_id"] for entry in listed["traces"]] == [fourth["trace_id"], first["trace_id"]]
    assert [one["trace_id"] for one in listed["removed"]] == [third["trace_id"], second["trace_id"]]
    assert client.put("/api/traces/limit", json={"bytes": None}).json()["limit_bytes"] is None
    assert capture(client)["removed"] == []


@pytest.mark.parametrize("body", [{}, {"bytes": 0}, {"bytes": -1}, {"bytes": "2GB"}, {"bytes": 1 << 61}])
def test_what_is_no_limit_is_refused(client: httpx.Client, body: dict[str, Any]) -> None:
    assert client.put("/api/traces/limit", json=body).status_code == 422
    assert client.get("/api/traces").json()["limit_bytes"] is None


def test_pins_of_unknown_traces_are_refused(client: httpx.Client) -> None:
    for trace_id in (NOBODY, "x", "..%2fserver"):
        assert client.post(f"/api/traces/{trace_id}/pin", json={"pinned": True}).status_code == 404
    assert client.post(f"/api/traces/{NOBODY}/pin", json={}).status_code == 422


def test_a_trace_that_is_recorded_is_not_deleted(server: Any, client: httpx.Client) -> None:
    def work(loaded: Any) -> tuple[str, httpx.Response]:
        with Run(Generation(loaded, GenerateRequest("Hi")), server.services.workspace.traces) as run:
            next(iter(run))
            return run.trace_id, client.delete(f"/api/traces/{run.trace_id}")

    trace_id, refused = server.services.engine.run("local/one", work)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    assert client.delete(f"/api/traces/{trace_id}").status_code == 200


def test_a_trace_goes_out_and_comes_in(server: Any, client: httpx.Client, recorded: str) -> None:
    data = client.get(f"/api/traces/{recorded}/export").content
    events = client.get(f"/api/traces/{recorded}/events").content
    again = send(client, data)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")
    before = client.get(f"/api/traces/{recorded}").json()
    client.delete(f"/api/traces/{recorded}")
    arrived = send(client, data)
    assert arrived.status_code == 201, arrived.text
    assert arrived.json().items() <= before.items()
    assert client.get(f"/api/traces/{recorded}/events").content == events
    assert list((server.services.workspace.root / "tmp").iterdir()) == []


def test_what_is_no_trace_is_refused_and_nothing_stays(server: Any, client: httpx.Client, recorded: str) -> None:
    data = client.get(f"/api/traces/{recorded}/export").content
    kept = {path.name for path in server.services.workspace.traces.iterdir()}
    for broken in (b"x", data[: len(data) // 2], data[:100] + b"\0" * 4000 + data[4100:], b"{" * 2_000_000):
        answer = send(client, broken)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "damaged_file"), answer.text
    empty = send(client, b"")
    assert (empty.status_code, empty.json()["error"]["code"]) == (400, "bad_request")
    assert {path.name for path in server.services.workspace.traces.iterdir()} == kept
    # A client may be answered a moment before its file is removed.
    end = time.monotonic() + 5
    while list((server.services.workspace.root / "tmp").iterdir()) and time.monotonic() < end:
        time.sleep(0.01)
    assert list((server.services.workspace.root / "tmp").iterdir()) == []


def test_a_file_of_another_kind_of_program_is_refused(client: httpx.Client, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "own.db") as database:
        database.execute("CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL)")
    database.close()
    assert send(client, (tmp_path / "own.db").read_bytes()).status_code == 422


def test_only_files_sent_as_bytes_are_taken_and_only_there(client: httpx.Client) -> None:
    for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x", ""):
        answer = send(client, b"{}", **{"Content-Type": kind})
        assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")
    for path in ("/api/captures", "/api/traces/import/", "/api/traces//import", "/api/groups"):
        assert client.post(path, content=b"x", headers=BYTES).status_code == 415
    assert client.put("/api/traces/import", content=b"x", headers=BYTES).status_code == 415
    assert client.post("/api/traces/import", content=iter([b"x"]), headers=BYTES).status_code == 411
    assert httpx.post(f"{client.base_url}/api/traces/import", content=b"x", headers=BYTES).status_code == 401


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(serve_with: Any) -> None:
    with serve_with(max_upload=1000, max_body=100) as running:
        assert send(running.client, b"x" * 1001).status_code == 413
        assert send(running.client, b"x" * 1000).status_code == 422


def head(length: int) -> bytes:
    return (
        f"POST /api/traces/import HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"Content-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def emptied(folder: Path) -> bool:
    end = time.monotonic() + 10
    while list(folder.iterdir()) and time.monotonic() < end:
        time.sleep(0.02)
    return not list(folder.iterdir())


def test_a_file_is_written_as_it_arrives_and_gone_when_its_sender_is(server: Any, client: httpx.Client) -> None:
    capture(client)
    folder = server.services.workspace.root / "tmp"
    with socket.create_connection(("127.0.0.1", server.settings.port)) as connection:
        connection.sendall(head(50_000_000) + b"x" * 5_000_000)
        end = time.monotonic() + 10
        while time.monotonic() < end and not any(p.stat().st_size > 3_000_000 for p in folder.iterdir()):
            time.sleep(0.02)
        assert [path.stat().st_size > 3_000_000 for path in folder.iterdir()] == [True]
        assert client.get("/api/health").status_code == 200
    assert emptied(folder)


@pytest.mark.parametrize("name", ["IDLE_SECONDS", "SLOWEST"])
def test_a_sender_that_is_silent_or_too_slow_is_given_up(
    server: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(uploads, "IDLE_SECONDS", 0.3)
    if name == "SLOWEST":
        monkeypatch.setattr(uploads, "SLOWEST", 1e9)
    with socket.create_connection(("127.0.0.1", server.settings.port)) as connection:
        connection.settimeout(10)
        connection.sendall(head(1_000_000) + b"x")
        for _ in range(20 if name == "SLOWEST" else 0):
            time.sleep(0.03)
            connection.sendall(b"x")
        assert b" 408 " in connection.recv(200)
    assert emptied(server.services.workspace.root / "tmp")


def test_replay_from_a_step_and_at_a_speed(client: httpx.Client, recorded: str) -> None:
    def replay(**query: Any) -> list[dict[str, Any]]:
        return list(msgpack.Unpacker(io.BytesIO(client.get(f"/api/traces/{recorded}/events", params=query).content)))

    whole = replay()
    assert [event["type"] for event in whole] == ["start", *["step"] * 6, "done"]
    assert replay(from_step=4) == [whole[0], *whole[5:]]
    begun = time.monotonic()
    assert replay(speed=10, from_step=1) == [whole[0], *whole[2:]]
    assert time.monotonic() - begun >= 0.4
    for query, status in (
        ({"from_step": 6}, 404),
        ({"from_step": -1}, 422),
        ({"speed": 0}, 422),
        ({"speed": 1e9}, 422),
        ({"speed": "nan"}, 422),
    ):
        assert client.get(f"/api/traces/{recorded}/events", params=query).status_code == status


def test_steps_arrive_when_they_are_due(client: httpx.Client, recorded: str) -> None:
    unpacker, at = msgpack.Unpacker(), list[float]()
    with client.stream("GET", f"/api/traces/{recorded}/events", params={"speed": 8}) as answer:
        for piece in answer.iter_raw():
            unpacker.feed(piece)
            at += [time.monotonic() for event in unpacker if event["type"] == "step"]
    waits = [later - earlier for earlier, later in itertools.pairwise(at)]
    assert len(at) == 6
    assert sum(waits) >= 0.55
    assert max(waits) < 0.5, "they come one by one, not all at the end"


def test_slow_replays_hold_no_thread_and_end_with_their_readers(server: Any, recorded: str) -> None:
    path = server.services.workspace.trace_path(recorded)
    connections = []
    for _ in range(60):
        connection = socket.create_connection(("127.0.0.1", server.settings.port))
        connection.sendall(
            f"GET /api/traces/{recorded}/events?speed=0.01 HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {TOKEN}\r\n\r\n".encode()
        )
        connections.append(connection)
    for connection in connections:
        assert connection.recv(100)
    with httpx.Client(base_url=server.base, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False) as client:
        for other in ("/api/health", "/api/traces", f"/api/traces/{recorded}/export?format=json", "/"):
            assert client.get(other, timeout=20).status_code == 200, other
    from neuronscope.traces.in_use import is_read

    assert is_read(path)
    for connection in connections:
        connection.close()
    end = time.monotonic() + 10
    while is_read(path) and time.monotonic() < end:
        time.sleep(0.02)
    assert not is_read(path)
