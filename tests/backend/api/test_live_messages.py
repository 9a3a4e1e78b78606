"""What a client may send wrongly over the live socket: each is answered with a sentence, and nothing changes."""

from __future__ import annotations

import socket
from typing import Any

import msgpack
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from support.live import live_client, recorded, without_id

UNKNOWN = "t_" + "0" * 26
BAD: list[tuple[Any, str, str | None]] = [
    ("a text", "bad_request", None),
    ("", "bad_request", None),
    (b"", "bad_request", None),
    (b"\xc1", "bad_request", None),
    (b"\x81\xa4type", "bad_request", None),
    (b"\x81\xa4type\xa4stop\x00", "bad_request", None),
    (b"\x91" * 5000 + b"\xc0", "bad_request", None),
    (b"\xdf\xff\xff\xff\xff", "bad_request", None),
    (b"\xa3\xff\xfe\xfd", "bad_request", None),
    (msgpack.packb(["generate"]), "bad_request", None),
    (msgpack.packb(7), "bad_request", None),
    (msgpack.packb({}), "bad_request", None),
    (msgpack.packb({"type": None}), "bad_request", None),
    (msgpack.packb({"type": ["generate"]}), "bad_request", None),
    (msgpack.packb({b"type": "generate"}), "bad_request", None),
    (msgpack.packb({"type": "Generate"}), "bad_request", None),
    (msgpack.packb({"type": "step"}), "bad_request", None),
    (msgpack.packb({"type": "x" * 100_000}), "bad_request", None),
    (b"\x81\xa4type" + msgpack.packb("x" * (1 << 20)), "too_large", None),
    (b"\x00" * (8 << 20), "too_large", None),
]
FIELDS: list[tuple[str, dict[str, Any], str]] = [
    ("generate", {}, "bad_request"),
    ("generate", {"prompt": "a", "messages": [{"role": "user", "content": "a"}]}, "bad_request"),
    ("generate", {"prompt": ""}, "bad_request"),
    ("generate", {"messages": [{"role": "user", "content": ""}]}, "bad_request"),
    ("generate", {"prompt": 3}, "invalid_request"),
    ("generate", {"prompt": b"bytes"}, "invalid_request"),
    ("generate", {"prompt": "a" * 200_001}, "invalid_request"),
    ("generate", {"prompt": "a", "max_new_tokens": 0}, "invalid_request"),
    ("generate", {"prompt": "a", "max_new_tokens": 1 << 63}, "invalid_request"),
    ("generate", {"prompt": "a", "temperature": float("nan")}, "invalid_request"),
    ("generate", {"prompt": "a", "temprature": 1}, "invalid_request"),
    ("generate", {"prompt": "a", "stop": [1.5]}, "invalid_request"),
    ("generate", {"prompt": "a", "config": []}, "invalid_request"),
    ("generate", {"prompt": "a", "config": {"topk": "many"}}, "bad_request"),
    ("generate", {"prompt": "a", "config": {"colour": 1}}, "bad_request"),
    ("generate", {"prompt": "a", "config": {"capture_mode": "tile", "tile_size": [8]}}, "bad_request"),
    ("generate", {"prompt": "a", "config": {"capture_mode": "tile", "tile": "pca"}}, "bad_request"),
    ("generate", {"prompt": "a", "config": {"capture_mode": msgpack.ExtType(4, b"x")}}, "bad_request"),
    ("generate", {"prompt": "a", "interventions": {"units": []}}, "invalid_request"),
    ("generate", {"prompt": "a", "interventions": [{"units": ["mlp_act.1:3"]}]}, "bad_request"),
    ("generate", {"prompt": "a", "interventions": [{"units": ["nonsense"], "op": "scale", "value": 1}]}, "bad_address"),
    ("generate", {"prompt": "a", "model_id": "no such"}, "not_found"),
    ("generate", {"prompt": "a", "model_id": "/etc/passwd"}, "not_found"),
    ("generate", {"prompt": "a", "model_id": "gpt2"}, "conflict"),
    ("generate", {"messages": []}, "invalid_request"),
    ("generate", {"messages": [{"role": "oracle", "content": "a"}]}, "invalid_request"),
    ("watch", {}, "invalid_request"),
    ("watch", {"trace_id": 5}, "invalid_request"),
    ("watch", {"trace_id": UNKNOWN}, "not_found"),
    ("watch", {"trace_id": "../../etc/passwd"}, "not_found"),
    ("watch", {"trace_id": UNKNOWN, "from_step": -1}, "invalid_request"),
    ("watch", {"trace_id": UNKNOWN, "speed": 0}, "invalid_request"),
    ("stop", {"trace_id": UNKNOWN}, "not_found"),
    ("stop", {"trace_id": "no id"}, "not_found"),
    ("intervene", {"trace_id": UNKNOWN, "interventions": []}, "not_found"),
    ("intervene", {"trace_id": UNKNOWN}, "invalid_request"),
    ("credit", {"frames": 0}, "invalid_request"),
    ("credit", {"frames": -3}, "invalid_request"),
    ("credit", {"frames": "plenty"}, "invalid_request"),
    ("credit", {"frames": 1 << 40}, "invalid_request"),
]


def _is_refusal(event: dict[str, Any], code: str, request: str | None) -> bool:
    assert list(event) == ["type", "code", "message", "hint", "request"], event
    assert event["message"].endswith(".")
    return (event["type"], event["code"], event["request"]) == ("error", code, request)


def test_every_bad_message_is_refused_and_changes_nothing(live: Any) -> None:
    before = {path.name for path in live.services.workspace.traces.iterdir()}
    with live_client(live.client) as client:
        for data, code, request in BAD:
            client.connection.send(data)
            found = client.receive()
            assert _is_refusal(found, code, request), (data[:40], found)
        for kind, fields, code in FIELDS:
            client.send(kind, **fields)
            found = client.receive()
            assert _is_refusal(found, code, kind), (kind, fields, found)
        assert {path.name for path in live.services.workspace.traces.iterdir()} == before
        assert live.services.live.active() == []
        # The connection stands, its credit too.
        trace_id = client.generate(tokens=70)
        assert without_id(client.to_end()) == recorded(live.client, trace_id)


def test_a_message_in_pieces_is_one_message(live: Any) -> None:
    whole = msgpack.packb({"type": "generate", "model_id": "local/long", "prompt": "Hi", "max_new_tokens": 2})
    with live_client(live.client) as client:
        client.connection.send([whole[:10], whole[10:30], whole[30:]])
        assert [event["type"] for event in client.to_end()][-4:] == ["start", "step", "step", "done"]


def test_refusals_in_mid_run_leave_the_run_alone(live: Any) -> None:
    with live_client(live.client) as client:
        trace_id = client.generate(tokens=4000)
        client.until(lambda event: event.get("step") == 3)
        refused = [
            {"interventions": [{"units": ["mlp_act.1:4000"], "op": "ablate_zero"}]},
            {"interventions": [{"units": ["resid_mid.9:0"], "op": "ablate_zero"}]},
            {"interventions": [{"units": ["mlp_act.1:3"], "op": "ablate_mean", "reference": "x_" + "0" * 26}]},
        ]
        for fields in refused:
            client.send("intervene", trace_id=trace_id, **fields)
        client.send("watch", trace_id=trace_id, from_step=9_000_000)
        errors: list[dict[str, Any]] = []
        after = 0
        while len(errors) < 4 or after < 5:
            event = client.receive()
            errors += [event] if event["type"] == "error" else []
            after += event["type"] == "step" and len(errors) == 4
            assert event["type"] in ("error", "step")
        assert [event["request"] for event in errors] == ["intervene"] * 3 + ["watch"]
        assert [event["code"] for event in errors] == ["bad_address", "bad_address", "not_found", "not_found"]
        client.send("stop", trace_id=trace_id)
        assert client.to_end()[-1]["reason"] == "stopped"
    assert not any(event["type"] == "receipt" for event in recorded(live.client, trace_id))


def test_what_only_the_model_can_refuse_is_refused_at_once_and_begins_nothing(live: Any) -> None:
    live.services.engine.load("local/long")
    before = live.client.get("/api/generations").json()
    with live_client(live.client) as client:
        for fields, code in (
            ({"prompt": "a" * 9000}, "too_large"),
            ({"prompt": None, "messages": [{"role": "user", "content": "Hi"}]}, "bad_request"),
            ({"config": {"points": ["resid_mid.77"]}}, "bad_address"),
            ({"interventions": [{"units": ["mlp_act.1:4000"], "op": "ablate_zero"}]}, "bad_address"),
        ):
            client.send("generate", **{"model_id": "local/long", "prompt": "Hi", **fields})
            found = client.receive()
            assert _is_refusal(found, code, "generate"), found
    assert live.client.get("/api/generations").json() == before


def test_changes_before_a_run_begins_are_in_force_from_its_first_step(live: Any) -> None:
    live.services.engine.load("local/other")
    with live_client(live.client) as client:
        running = client.generate(tokens=8000)
        client.until(lambda event: event["type"] == "step")
        with live_client(live.client) as other:
            waiting = other.generate(model_id="local/other", tokens=3)
            bad = [{"units": ["mlp_act.99:0"], "op": "ablate_zero"}]
            other.send("intervene", trace_id=waiting, interventions=bad)
            while (found := other.receive())["type"] == "queued":
                pass
            assert _is_refusal(found, "bad_address", "intervene")
            other.send("intervene", trace_id=waiting, interventions=[{**bad[0], "units": ["mlp_act.1:0"]}])
            other.send("watch", trace_id=waiting)  # answered after it, and that from the begin
            assert other.receive()["type"] == "queued"
            client.send("stop", trace_id=running)
            events = other.to_end()
        assert [event["step"] for event in events if event["type"] == "receipt"] == [0, 1, 2]
        assert next(event for event in events if event["type"] == "start")["settings"]["interventions"][0]["units"] == [
            "mlp_act.1:0"
        ]

        client.to_end()


def test_one_connection_watches_so_many_runs_and_no_more(live: Any) -> None:
    with live_client(live.client) as client:
        running = client.generate(tokens=8000)
        for _ in range(31):
            client.send("generate", model_id="local/other", prompt="Hi")
        client.send("generate", model_id="local/other", prompt="Hi")
        refused = client.receive()
        while refused["type"] in ("queued", "start", "step"):
            refused = client.receive()
        assert _is_refusal(refused, "conflict", "generate")
        for run in live.services.live.active():
            client.send("unwatch", trace_id=run.trace_id)
        client.send("watch", trace_id=running)
        assert client.until(lambda event: event["type"] == "start")[-1]["trace_id"] == running
        for run in reversed(live.services.live.active()):
            live.services.live.stop(run.trace_id)
        assert client.to_end()[-1]["reason"] == "stopped"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/live", {}),
        ("/api/live", {"Authorization": "Bearer wrong"}),
        ("/api/live", {"Authorization": "Bearer correct-horse", "Origin": "http://evil.example"}),
        ("/api/other", {"Authorization": "Bearer correct-horse"}),
        ("/", {"Authorization": "Bearer correct-horse"}),
        ("/api/live?token=correct-horse", {}),
    ],
)
def test_strangers_are_turned_away_before_the_connection_is_taken(
    live: Any, path: str, headers: dict[str, str]
) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(_url(live, path), additional_headers=headers, proxy=None):
        pass
    assert refused.value.response.status_code == 403


def test_a_name_that_was_made_to_point_here_is_turned_away(live: Any) -> None:
    sock = socket.create_connection(("127.0.0.1", live.settings.port))
    headers = {"Authorization": "Bearer correct-horse"}
    uri = f"ws://evil.example:{live.settings.port}/api/live"
    with pytest.raises(InvalidStatus) as refused, connect(uri, sock=sock, additional_headers=headers, proxy=None):
        pass
    assert refused.value.response.status_code == 403


def test_the_page_is_let_in_by_its_cookie(live: Any) -> None:
    origin = f"http://127.0.0.1:{live.settings.port}"
    headers = {"Cookie": f"neuronscope_{live.settings.port}=correct-horse", "Origin": origin}
    with connect(_url(live, "/api/live"), additional_headers=headers, proxy=None) as connection:
        connection.send(msgpack.packb({"type": "stop", "trace_id": UNKNOWN}))
        assert msgpack.unpackb(connection.recv(timeout=10))["code"] == "not_found"


def _url(live: Any, path: str) -> str:
    return f"ws://127.0.0.1:{live.settings.port}{path}"
