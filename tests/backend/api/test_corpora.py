from __future__ import annotations

import json
from typing import Any

import httpx
import pytest


def test_jsonl_corpora_keep_every_line(client: httpx.Client) -> None:
    content = "\n".join(json.dumps({"text": text}) for text in ("eins", "", "drei ☃"))
    answer = client.post("/api/corpora", json={"name": "lines", "format": "jsonl", "content": content})
    assert answer.json()["documents"] == 3


def test_the_text_of_a_corpus_may_be_any_field(server: Any, client: httpx.Client) -> None:
    rows = [{"id": 1, "title": "t", "body": "The cat sat."}, {"id": 2, "title": "u", "body": "A dog ran off."}]
    body = {"name": "fields", "format": "jsonl", "content": "\n".join(map(json.dumps, rows))}
    refused = client.post("/api/corpora", json=body)
    assert (refused.status_code, "'text'" in refused.json()["error"]["message"]) == (400, True)
    answer = client.post("/api/corpora", json={**body, "field": "body"})
    assert answer.status_code == 201, answer.text
    assert answer.json() == {
        "corpus": "local/fields",
        "documents": 2,
        "bytes": len(body["content"]),
        "fields": ["title", "body"],
    }
    ask = {"model_id": "local/one", "corpus": "local/fields", "k": 2}
    job = server.wait(client.post("/api/indexes", json={**ask, "field": "body"}).json())
    assert job["state"] == "done", job
    query: dict[str, Any] = {
        "model_id": "local/one",
        "index_id": job["result"]["index_id"],
        "unit": "mlp_act.0:1",
        "k": 1,
    }
    top = client.get("/api/neurons/top", params=query).json()
    assert top["contexts"][0]["doc"] in (0, 1)
    assert "".join(top["contexts"][0]["tokens"]).lstrip("<s>") in rows[top["contexts"][0]["doc"]]["body"]


def test_corpora_tell_which_fields_may_hold_their_text(server: Any, client: httpx.Client) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    folder = server.services.workspace.corpora
    parquet.write_table(arrow.table({"n": [1], "words": ["one"], "more": ["two"]}), folder / "columns.parquet")
    (folder / "broken.jsonl").write_text("[1, 2]\n", encoding="utf-8")
    (folder / "torn.parquet").write_bytes(b"PAR1")
    try:
        listed = {one["corpus"]: one["fields"] for one in client.get("/api/corpora").json()["corpora"]}
    finally:
        for name in ("columns.parquet", "broken.jsonl", "torn.parquet"):
            (folder / name).unlink()
    assert listed["local/columns"] == ["words", "more"]
    assert listed["local/broken"] == listed["local/torn"] == listed["bundled"] == []
