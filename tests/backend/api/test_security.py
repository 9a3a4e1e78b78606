"""The gate. Each test fails when the guard that it names is taken out."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import httpx
import pytest

from neuronscope.api.security import HEADERS, Guard
from neuronscope.api.settings import Settings
from neuronscope.core.errors import BadRequest

TOKEN = "correct-horse"


async def _app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"let in"})


def ask(
    path: str = "/api/system",
    *,
    method: str = "GET",
    query: str = "",
    kind: str = "http",
    drop: tuple[str, ...] = (),
    settings: dict[str, Any] | None = None,
    more: tuple[tuple[str, str], ...] = (),
    **headers: str,
) -> dict[str, Any]:
    """What the gate answers to one request that is in order but for what the caller changes."""
    sound = {"host": "localhost:5000", "authorization": f"Bearer {TOKEN}"}
    wanted = {**sound, **{name.replace("_", "-"): value for name, value in headers.items()}}
    pairs = [(k.encode(), v.encode("latin-1")) for k, v in (*wanted.items(), *more) if k not in drop]
    scope = {"type": kind, "method": method, "path": path, "query_string": query.encode(), "headers": pairs}
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    gate = Guard(_app, Settings(**{"token": TOKEN, "port": 5000, **(settings or {})}))
    asyncio.run(gate(scope, receive, send))
    first = dict(sent[0])
    first["headers"] = {name.decode(): value.decode("latin-1") for name, value in first.get("headers", [])}
    first["body"] = b"".join(message.get("body", b"") for message in sent[1:])
    return first


def test_what_is_in_order_passes() -> None:
    assert ask()["status"] == 200


@pytest.mark.parametrize("host", ["localhost", "localhost:9", "127.0.0.1:5000", "[::1]:5000", "127.0.0.2", "LOCALHOST"])
def test_loopback_hosts_pass_with_any_port(host: str) -> None:
    assert ask(host=host)["status"] == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:5000", "localhost.evil.example", "127.0.0.1.evil.example", "user@localhost",
     "localhost/x", "", "192.168.0.7:5000", "localhost:abc", "[::1"],
)  # fmt: skip
def test_foreign_hosts_are_refused(host: str) -> None:
    for path in ("/api/system", "/api/health", "/", "/assets/x.js"):
        assert ask(path, host=host)["status"] == 403


def test_without_or_with_two_hosts_is_refused() -> None:
    assert ask(drop=("host",))["status"] == 403
    assert ask(more=(("host", "evil.example"),))["status"] == 403


def test_other_hosts_pass_where_the_server_listens_for_them_but_need_the_token() -> None:
    settings = {"host": "192.168.0.7"}
    assert ask(host="192.168.0.7:5000", settings=settings)["status"] == 200
    assert ask(host="192.168.0.7:5000", settings=settings, drop=("authorization",))["status"] == 401


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://localhost:3000", "http://127.0.0.1:5000", "http://localhost:5000.evil.example",
     "http://localhost", "file://", ""],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_foreign_origins_are_refused(origin: str, method: str) -> None:
    assert ask(origin=origin, method=method)["status"] == 403


def test_the_own_origin_passes() -> None:
    assert ask(origin="http://localhost:5000")["status"] == 200
    assert ask(origin="http://localhost:9999", host="localhost:9999")["status"] == 200


def test_one_more_origin_can_be_allowed() -> None:
    settings = {"dev_origin": "http://localhost:3000"}
    assert ask(origin="http://localhost:3000", settings=settings)["status"] == 200
    assert ask(origin="http://localhost:3000", settings=settings, drop=("authorization",))["status"] == 401
    preflight = ask(origin="http://localhost:3000", settings=settings, drop=("authorization",), method="OPTIONS")
    assert preflight["status"] == 200
    assert ask(settings=settings, drop=("authorization",), method="OPTIONS")["status"] == 401


@pytest.mark.parametrize(
    "path", ["/api/health", "/api/system", "/api/docs", "/api/openapi.json", "/api", "/api/nothing"]
)
def test_the_interface_needs_the_token(path: str) -> None:
    answer = ask(path, drop=("authorization",))
    assert answer["status"] == 401
    assert b"unauthorized" in answer["body"]


@pytest.mark.parametrize("shown", ["Bearer wrong", "Bearer", "Basic correct-horse", "Bearer correct-hors", "Bearer é"])
def test_wrong_tokens_are_refused(shown: str) -> None:
    assert ask(authorization=shown)["status"] == 401


def test_the_cookie_carries_the_token_too_under_the_name_of_the_port() -> None:
    assert ask(drop=("authorization",), cookie=f"a=b; neuronscope_5000={TOKEN}")["status"] == 200
    assert ask(drop=("authorization",), cookie=f"neuronscope_5001={TOKEN}")["status"] == 401
    assert ask(drop=("authorization",), cookie="neuronscope_5000=wrong")["status"] == 401


def test_the_token_in_an_interface_address_does_not_count() -> None:
    assert ask(drop=("authorization",), query=f"token={TOKEN}")["status"] == 401


def test_files_of_the_page_need_no_token() -> None:
    assert ask("/", drop=("authorization",))["status"] == 200
    assert ask("/assets/index.js", drop=("authorization",))["status"] == 200


def test_opening_the_printed_address_sets_the_cookie_and_hides_the_token() -> None:
    answer = ask("/explore", query=f"model=a%2Fb&token={TOKEN}", drop=("authorization",))
    assert answer["status"] == 302
    assert answer["headers"]["location"] == "/explore?model=a%2Fb"
    cookie = answer["headers"]["set-cookie"]
    assert cookie.startswith(f"neuronscope_5000={TOKEN};")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}


def test_a_wrong_token_in_the_address_sets_no_cookie() -> None:
    answer = ask("/", query="token=wrong", drop=("authorization",))
    assert (answer["status"], answer["headers"]["location"]) == (302, "/")
    assert "set-cookie" not in answer["headers"]


@pytest.mark.parametrize("path", ["//evil.example", "///evil.example/x", "/\\evil.example", "/\r\nset-cookie: a=b"])
def test_the_way_back_stays_here(path: str) -> None:
    location = ask(path, query=f"token={TOKEN}", drop=("authorization",))["headers"]["location"]
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))
    assert "\r" not in location
    assert "\n" not in location


def test_without_a_token_the_other_guards_stand() -> None:
    settings = {"token": None}
    assert ask(drop=("authorization",), settings=settings)["status"] == 200
    assert ask(host="evil.example", settings=settings)["status"] == 403
    assert ask(origin="http://evil.example", settings=settings)["status"] == 403


@pytest.mark.parametrize("host", ["192.168.0.7", "::", "example.org"])
def test_no_token_is_for_loopback_only(host: str) -> None:
    with pytest.raises(BadRequest, match="this machine only"):
        Settings(host=host, token=None)
    assert Settings(host="::1", token=None).token is None


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH"])
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_bodies_that_a_foreign_form_could_send_are_refused(method: str, kind: str) -> None:
    answer = ask(method=method, content_length="2", content_type=kind)
    assert answer["status"] == 415
    assert ask(method=method, content_length="2", content_type="application/json; charset=utf-8")["status"] == 200


def test_sizes() -> None:
    limit = Settings(token=TOKEN).max_body
    assert limit == 10 * 2**20
    for method in ("POST", "GET"):
        too_long = ask(method=method, content_length=str(limit + 1), content_type="application/json")
        assert too_long["status"] == 413
        assert ask(method=method, transfer_encoding="chunked", content_type="application/json")["status"] == 411
        assert ask(method=method, content_length="-5", content_type="application/json")["status"] == 400
    assert ask(method="POST", content_length=str(limit), content_type="application/json")["status"] == 200


def test_every_answer_is_fenced_in() -> None:
    for answer in (ask(), ask("/"), ask(drop=("authorization",)), ask("/", query=f"token={TOKEN}")):
        for name, value in HEADERS:
            assert answer["headers"][name.decode()] == value.decode()
    policy = ask("/")["headers"]["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe-eval" not in policy
    assert ask()["headers"]["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "wrong",
    [{"host": "evil.example"}, {"origin": "http://evil.example"}, {"drop": ("authorization",)}],
)
def test_websockets_pass_the_same_gate(wrong: dict[str, Any]) -> None:
    assert ask("/api/live", kind="websocket")["type"] == "websocket.accept"
    assert ask("/api/live", kind="websocket", **wrong)["type"] == "websocket.close"


def _raw(running: Any, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", running.settings.port), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = connection.recv(4096)
            if not piece:
                break
            answer += piece
        return answer


def test_the_running_server_stands_behind_the_gate(server: Any) -> None:
    base = server.base
    assert httpx.get(f"{base}/api/health").status_code == 401
    assert httpx.get(f"{base}/").status_code == 200
    assert server.client.get("/api/health", headers={"Host": "evil.example"}).status_code == 403
    assert server.client.get("/api/health", headers={"Origin": "http://evil.example"}).status_code == 403


def test_a_20_mb_body_is_refused_before_it_is_read(server: Any) -> None:
    head = (
        f"POST /api/captures HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
        "Content-Type: application/json\r\nContent-Length: 20971520\r\n\r\n"
    )
    assert b" 413 " in _raw(server, head.encode()).split(b"\r\n")[0]


def test_a_body_without_a_length_is_refused(server: Any) -> None:
    head = (
        f"POST /api/captures HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    )
    assert b" 411 " in _raw(server, head.encode()).split(b"\r\n")[0]


def test_a_client_can_log_in_by_address(server: Any) -> None:
    with httpx.Client(base_url=server.base, follow_redirects=True, trust_env=False) as browser:
        assert browser.get(f"/?token={TOKEN}").url.query == b""
        assert browser.get("/api/health").status_code == 200


def test_development_answers_carry_the_headers_of_cors(serve_with: Any) -> None:
    origin = "http://localhost:3000"
    with serve_with(dev_origin=origin) as running:
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        preflight = httpx.options(f"{running.base}/api/captures", headers=asked)
        assert preflight.headers["access-control-allow-origin"] == origin
        assert (
            running.client.get("/api/system", headers={"Origin": origin}).headers["access-control-allow-origin"]
            == origin
        )
