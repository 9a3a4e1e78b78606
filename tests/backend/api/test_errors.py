from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import httpx
import pytest

from neuronscope.core import errors


def post(client: httpx.Client, content: bytes, path: str = "/api/captures") -> httpx.Response:
    return client.post(path, content=content, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize(
    "content",
    [b"{", b'{"prompt": "a"', b"nonsense", b"\xff\xfe", b'{"a": NaN}', b'{"a": Infinity}', b"[" * 100_000, b"[]", b'"x"',
     b"null", b"7"],
)  # fmt: skip
def test_broken_json_is_a_bad_request(client: httpx.Client, content: bytes) -> None:
    answer = post(client, content)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "bad_request"
    assert "JSON" in answer.json()["error"]["message"]


def test_a_missing_body_is_said(client: httpx.Client) -> None:
    answer = client.post("/api/captures")
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "invalid_request"


def test_a_sentence_names_the_field_and_counts_the_others(client: httpx.Client) -> None:
    error = client.post("/api/captures", json={"layers": ["x"], "colour": 1}).json()["error"]
    assert error["message"].startswith("'prompt': ")
    assert error["hint"] == "And 2 more."
    assert "pydantic" not in str(error)


@pytest.mark.parametrize("path", ["/api/nothing", "/api/", "/api", "/api/traces/x/y/z", "/api/%00"])
def test_unknown_addresses(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_wrong_methods_say_which_are_right(client: httpx.Client) -> None:
    answer = client.put("/api/captures", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
    assert "POST" in answer.headers["allow"]
    assert client.post("/api/health").status_code == 405
    assert client.post("/", json={}).status_code == 405


def test_the_unexpected_is_a_sentence_and_a_line_in_the_log(
    client: httpx.Client, server: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(server.services.jobs, "list", fail)
    answer = client.get("/api/jobs")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert any("GET /api/jobs" in record.getMessage() for record in caplog.records)


def test_queries_that_are_not_escaped_do_no_harm(server: Any) -> None:
    import socket

    head = b"HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer correct-horse\r\n\r\n"
    request = b"GET /api/neurons/top?layer=1&unit=\xff\xfe " + head
    with socket.create_connection(("127.0.0.1", server.settings.port), timeout=5) as connection:
        connection.sendall(request)
        assert connection.recv(100).split()[1] in (b"400", b"422")


ROOT = Path(__file__).resolve().parents[3]
KINDS = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.NeuronScopeError)
}


def test_every_code_is_listed_in_the_reference() -> None:
    listed = (ROOT / "docs" / "reference.md").read_text("utf-8")
    codes = {kind.code for kind in KINDS.values()}
    assert {code for code in codes if f"| `{code}` |" not in listed} == {errors.NeuronScopeError.code}
    assert {"invalid_request", "unsupported_media_type", "method_not_allowed", "timeout", "failed"} <= codes


@pytest.mark.parametrize("room", ["api", "runtime", "models", "capture", "traces", "corpus", "analysis", "cli"])
def test_no_code_is_made_elsewhere(room: str) -> None:
    for path in (ROOT / "src" / "backend" / "neuronscope" / room).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Dict):
                keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
                assert "code" not in keys, f"line {node.lineno} of {path.name}: use an error of neuronscope.core.errors"
            elif isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base) for base in node.bases}
                assert not bases & KINDS.keys(), f"{node.name} of {path.name} belongs into core/errors.py"
