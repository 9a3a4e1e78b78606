from __future__ import annotations

import base64
import io
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgpack
import numpy as np
import pytest

NOBODY = "t_" + "0" * 26


def url(trace: dict[str, Any], rest: str = "") -> str:
    return f"/api/traces/{trace['trace_id']}{rest}"


def values(client: httpx.Client, trace: dict[str, Any], address: str) -> np.ndarray:
    answer = client.get(url(trace, "/tensor"), params={"address": address}).json()
    assert (answer["address"], answer["dtype"]) == (address, "float32")
    return np.frombuffer(base64.b64decode(answer["data"]), "<f4").reshape(answer["shape"])


def test_the_list_has_the_newest_first(client: httpx.Client, trace: dict[str, Any]) -> None:
    newer = client.post("/api/captures", json={"model_id": "local/one", "prompt": "Newer"}).json()
    listed = client.get("/api/traces").json()["traces"]
    ids = [entry["trace_id"] for entry in listed]
    assert ids == sorted(ids, reverse=True)
    assert ids.index(newer["trace_id"]) < ids.index(trace["trace_id"])
    entry = listed[ids.index(newer["trace_id"])]
    assert (entry["text"], entry["token_count"], entry["steps"], entry["closed"]) == ("Newer", 6, 1, True)


def test_a_broken_file_does_not_hide_the_others(client: httpx.Client, server: Any, trace: dict[str, Any]) -> None:
    broken = server.services.workspace.traces / f"{NOBODY}.trace"
    broken.write_bytes(b"nothing")
    try:
        assert trace["trace_id"] in {entry["trace_id"] for entry in client.get("/api/traces").json()["traces"]}
        answer = client.get(f"/api/traces/{NOBODY}")
        assert answer.status_code == 422
        assert answer.json()["error"]["code"] == "damaged_file"
    finally:
        broken.unlink()


def test_detail_agrees_with_the_capture(client: httpx.Client, trace: dict[str, Any]) -> None:
    detail = client.get(url(trace)).json()
    for name in ("trace_id", "model_id", "tokens", "layers", "points", "unavailable", "top"):
        assert detail[name] == trace[name]


def test_deleting_removes_file_and_entry(client: httpx.Client, server: Any) -> None:
    made = client.post("/api/captures", json={"model_id": "local/one", "prompt": "Gone"}).json()
    assert client.delete(url(made)).json() == {"deleted": made["trace_id"]}
    assert not list(server.services.workspace.traces.glob(f"{made['trace_id']}*"))
    for answer in (client.get(url(made)), client.delete(url(made))):
        assert answer.status_code == 404


def test_tensor_as_bytes_equals_tensor_as_json(client: httpx.Client, trace: dict[str, Any]) -> None:
    answer = client.get(
        url(trace, "/tensor"), params={"address": "mlp_act.1"}, headers={"Accept": "application/octet-stream"}
    )
    assert answer.headers["content-type"] == "application/octet-stream"
    shape = [int(extent) for extent in answer.headers["x-shape"].split(",")]
    assert np.array_equal(np.frombuffer(answer.content, "<f4").reshape(shape), values(client, trace, "mlp_act.1"))


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("attn_out.0", 409, "not_captured"),
        ("mlp_act.7", 400, "bad_address"),
        ("mlp_act", 400, "bad_address"),
        ("nothing.0", 400, "bad_address"),
        ("mlp_act.0; DROP", 400, "bad_address"),
        ("x" * 41, 422, "invalid_request"),
    ],
)
def test_tensors_that_are_not_there(
    client: httpx.Client, trace: dict[str, Any], address: str, status: int, code: str
) -> None:
    for kind in ("tensor", "heatmap"):
        answer = client.get(url(trace, f"/{kind}"), params={"address": address})
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize("by", ["max", "variance", "mean_abs"])
def test_heatmap_ranks_without_special_tokens(client: httpx.Client, trace: dict[str, Any], by: str) -> None:
    whole = values(client, trace, "mlp_act.1")
    plain = whole[1:].astype(np.float64)
    scores = {"max": plain.max(0), "variance": plain.var(0), "mean_abs": np.abs(plain).mean(0)}[by]
    answer = client.get(url(trace, "/heatmap"), params={"address": "mlp_act.1", "top": 5, "by": by}).json()
    assert answer["units"] == np.argsort(-scores)[:5].tolist()
    assert np.array_equal(np.array(answer["values"], np.float32), whole[:, answer["units"]].T)
    assert answer["tokens"] == trace["tokens"]


def test_heatmap_of_a_point_without_units_is_refused(client: httpx.Client) -> None:
    made = client.post("/api/captures", json={"model_id": "local/one", "prompt": "Hi", "points": ["q.0"]}).json()
    answer = client.get(url(made, "/heatmap"), params={"address": "q.0"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_address")


@pytest.mark.parametrize("by", ["max", "mean_abs", "l2"])
def test_layers(client: httpx.Client, trace: dict[str, Any], by: str) -> None:
    answer = client.get(url(trace, "/layers"), params={"point": "mlp_act", "by": by}).json()
    assert [row["layer"] for row in answer["layers"]] == [0, 1]
    for row in answer["layers"]:
        whole = values(client, trace, f"mlp_act.{row['layer']}").astype(np.float64)
        per_token = {"max": whole.max(1), "mean_abs": np.abs(whole).mean(1), "l2": np.linalg.norm(whole, axis=1)}[by]
        assert np.allclose(row["per_token"], per_token)
        plain = whole[1:]
        assert np.isclose(row["stats"]["mean"], plain.mean())
        assert np.isclose(row["stats"]["p99"], np.percentile(plain, 99))
        assert np.isclose(row["stats"]["sparsity"], (np.abs(plain) < 1e-3 * np.abs(plain).max()).mean())


def test_layers_of_what_was_not_kept(client: httpx.Client, trace: dict[str, Any]) -> None:
    assert client.get(url(trace, "/layers"), params={"point": "mlp_out"}).status_code == 409
    assert client.get(url(trace, "/layers"), params={"point": "nope"}).status_code == 400
    assert client.get(url(trace, "/layers"), params={"point": "mlp_act.1"}).status_code == 400
    assert client.get(url(trace, "/layers"), params={"by": "mode"}).status_code == 422


def test_a_step_is_the_event_of_the_live_stream(client: httpx.Client, trace: dict[str, Any]) -> None:
    answer = client.get(url(trace, "/steps/0"))
    assert answer.headers["content-type"] == "application/msgpack"
    event = msgpack.unpackb(answer.content)
    assert next(iter(event)) == "type"
    assert (event["type"], event["phase"], event["step"], event["pos0"]) == ("step", "prefill", 0, 0)
    assert event["t_add"] == len(trace["tokens"])
    assert [entry["address"] for entry in event["entries"]] == trace["points"]
    assert client.get(url(trace, "/steps/1")).status_code == 404
    for number in ("x", "-1", "99999999999"):
        assert client.get(url(trace, f"/steps/{number}")).status_code == 422


def test_replay_gives_the_events_in_order(client: httpx.Client, trace: dict[str, Any]) -> None:
    answer = client.get(url(trace, "/events"))
    assert answer.headers["content-type"] == "application/msgpack"
    events = list(msgpack.Unpacker(io.BytesIO(answer.content)))
    assert [event["type"] for event in events] == ["start", "step", "done"]
    assert events[1] == msgpack.unpackb(client.get(url(trace, "/steps/0")).content)


def test_export_as_the_trace_file(client: httpx.Client, server: Any, trace: dict[str, Any], tmp_path: Path) -> None:
    answer = client.get(url(trace, "/export"))
    assert answer.headers["content-disposition"] == f'attachment; filename="{trace["trace_id"]}.trace"'
    assert answer.content == server.services.workspace.trace_path(trace["trace_id"]).read_bytes()
    copy = tmp_path / "copy.trace"
    copy.write_bytes(answer.content)
    assert sqlite3.connect(copy).execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_export_as_arrays(client: httpx.Client, server: Any, trace: dict[str, Any]) -> None:
    answer = client.get(url(trace, "/export"), params={"format": "npz"})
    with np.load(io.BytesIO(answer.content), allow_pickle=False) as arrays:
        assert set(arrays) == {"tokens", "token_ids", "special", *trace["points"]}
        assert arrays["tokens"].tolist() == [token["text"] for token in trace["tokens"]]
        for address in trace["points"]:
            assert np.array_equal(arrays[address], values(client, trace, address))
    assert list((server.services.workspace.root / "tmp").iterdir()) == []


def test_export_as_json(client: httpx.Client, trace: dict[str, Any]) -> None:
    found = json.loads(client.get(url(trace, "/export"), params={"format": "json"}).content)
    assert found["tokens"] == trace["tokens"]
    assert set(found["tensors"]) == set(trace["points"])
    kept = found["tensors"]["mlp_act.0"]
    whole = values(client, trace, "mlp_act.0")
    assert kept["shape"] == list(whole.shape)
    assert np.array_equal(np.array(kept["data"], np.float32), whole)
    assert client.get(url(trace, "/export"), params={"format": "csv"}).status_code == 422


PATHS = ["", "/steps/0", "/events", "/export", "/tensor?address=mlp_act.0", "/heatmap?address=mlp_act.0", "/layers"]


@pytest.mark.parametrize("path", PATHS)
def test_unknown_traces_are_not_found(client: httpx.Client, path: str) -> None:
    for trace_id in (NOBODY, "x", "t_" + "Z" * 26, "%2e%2e%2fetc%2fpasswd", "..%5c..%5cetc", NOBODY + "%00"):
        answer = client.get(f"/api/traces/{trace_id}{path}")
        assert answer.status_code == 404, answer.text
        assert answer.json()["error"]["code"] == "not_found"


@pytest.fixture
def outside(server: Any, trace: dict[str, Any]) -> Iterator[Path]:
    """A sound trace file beside the folder of traces, where no id leads."""
    source = server.services.workspace.trace_path(trace["trace_id"])
    path = server.services.workspace.root / source.name.replace(trace["trace_id"], NOBODY)
    path.write_bytes(source.read_bytes())
    yield path
    path.unlink()


@pytest.mark.parametrize("trace_id", [f"../{NOBODY}", f"..%2f{NOBODY}", f"..%5c{NOBODY}", f"%2e%2e/{NOBODY}"])
def test_no_path_leads_out_of_the_folder(client: httpx.Client, outside: Path, trace_id: str) -> None:
    assert client.get(f"/api/traces/{trace_id}").status_code == 404
