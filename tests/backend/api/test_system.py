from __future__ import annotations

import httpx
import psutil

from neuronscope.version import VERSION


def test_health(client: httpx.Client) -> None:
    answer = client.get("/api/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "version": VERSION}


def test_system_tells_the_memory_of_this_machine(client: httpx.Client) -> None:
    answer = client.get("/api/system").json()
    assert answer["memory"]["total_bytes"] == psutil.virtual_memory().total
    assert 0 < answer["memory"]["rss_bytes"] < answer["memory"]["total_bytes"]
    assert answer["cpu"]["count"] == psutil.cpu_count()
    assert isinstance(answer["ready"], bool)


def test_the_interface_describes_itself(client: httpx.Client) -> None:
    spec = client.get("/api/openapi.json").json()
    assert spec["openapi"] == "3.1.0"
    assert "/api/captures" in spec["paths"]


def test_the_docs_list_every_operation_and_ask_nobody_else(client: httpx.Client) -> None:
    page = client.get("/api/docs")
    assert page.headers["content-type"].startswith("text/html")
    for path in client.get("/api/openapi.json").json()["paths"]:
        assert path in page.text
    assert "<script" not in page.text
    assert "http://" not in page.text.replace("http://localhost", "")
    assert "https://" not in page.text
