from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from neuronscope.api.server import FIRST_PORT, listen, token_file
from neuronscope.api.settings import Settings
from neuronscope.core.errors import BadRequest, Conflict

SERVE = [sys.executable, "-m", "neuronscope.cli.main", "serve", "--no-browser"]


@contextmanager
def taken(port: int = 0) -> Iterator[int]:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        yield other.getsockname()[1]


def test_a_named_port_that_is_taken_is_a_conflict() -> None:
    with taken() as port, pytest.raises(Conflict, match=f"Port {port} is taken"):
        listen("127.0.0.1", port)


def test_without_a_name_the_next_free_port_is_taken() -> None:
    with listen("127.0.0.1", None) as first, listen("127.0.0.1", None) as second:
        ports = [sock.getsockname()[1] for sock in (first, second)]
    assert FIRST_PORT <= ports[0] < ports[1]


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.7", "a" * 300])
def test_a_host_that_this_machine_has_not_is_said(host: str) -> None:
    with pytest.raises(BadRequest, match=r"this machine|listen"):
        listen(host, 0)


def test_the_token_file_is_private_and_goes_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / "server.json"
    settings = Settings(token="t", port=5003)
    with token_file(path, settings):
        assert json.loads(path.read_text()) == {
            "url": "http://127.0.0.1:5003/?token=t", "port": 5003, "token": "t", "pid": os.getpid()
        }  # fmt: skip
        if sys.platform != "win32":
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


def test_a_later_servers_file_is_left(tmp_path: Path) -> None:
    path = tmp_path / "server.json"
    with token_file(path, Settings(token="a", port=5000)):
        path.write_text("{}")
    assert path.exists()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "NEURONSCOPE_HOME": str(tmp_path / "home"), "PYTHONUNBUFFERED": "1"}


def start(environment: dict[str, str], *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*SERVE, *options], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def printed(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if "http://" in line:
            return line[line.index("http://") :].strip()
    raise AssertionError(process.stderr.read() if process.stderr else "")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_serve_prints_a_working_address_and_stops_cleanly(
    environment: dict[str, str], tmp_path: Path, how: signal.Signals
) -> None:
    begin = time.monotonic()
    process = start(environment)
    try:
        address = printed(process)
        with httpx.Client(follow_redirects=True, trust_env=False) as browser:
            page = browser.get(address)
            seconds = time.monotonic() - begin
            assert page.status_code in (200, 503)
            health = page.url.join("/api/health")
            assert browser.get(health).json()["status"] == "ok"
            assert httpx.get(health).status_code == 401
        assert seconds < 10
        said = json.loads((tmp_path / "home" / "server.json").read_text())
        assert said["url"] == address
    finally:
        process.send_signal(how)
        assert process.wait(15) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert not (tmp_path / "home" / "server.json").exists()


def test_serve_on_a_taken_port_exits_with_a_sentence(environment: dict[str, str]) -> None:
    with taken() as port:
        process = start(environment, "--port", str(port))
        assert process.wait(20) == 1
    assert process.stderr is not None
    said = process.stderr.read()
    assert f"Port {port} is taken." in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "options", [("--no-token", "--host", "192.168.0.7"), ("--port", "x"), ("--port", "70000"), ("--model-dir", "/no/such")]
)  # fmt: skip
def test_serve_refuses_what_is_unsafe_or_makes_no_sense(environment: dict[str, str], options: Any) -> None:
    process = start(environment, *options)
    assert process.wait(20) == 2
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()


def test_the_script_of_the_checkout_starts_the_same_server(environment: dict[str, str]) -> None:
    script = Path(__file__).resolve().parents[3] / "src" / "backend" / "api_server.py"
    process = subprocess.Popen(
        [sys.executable, script.name, "--no-browser", "--no-token"],
        cwd=script.parent, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert httpx.get(printed(process) + "api/health").json()["status"] == "ok"
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(15) == 0
