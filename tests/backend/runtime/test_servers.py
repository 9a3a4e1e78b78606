from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

from neuronscope.runtime.servers import announced, running


def said(port: int, pid: int | None = None) -> dict[str, Any]:
    return {"url": f"http://127.0.0.1:{port}/", "port": port, "token": "t", "pid": pid or os.getpid()}


def ended() -> int:
    """The id of a process that is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_the_first_server_is_found_again_when_the_second_has_ended(tmp_path: Path) -> None:
    newest = tmp_path / "server.json"
    with announced(newest, said(5000)):
        with announced(newest, said(5001)):
            assert [one["port"] for one in running(newest)] == [5001, 5000]
        assert json.loads(newest.read_text()) == said(5000)
        if sys.platform != "win32":
            for path in (newest, tmp_path / "servers" / "5000.json"):
                assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not newest.exists()
    assert list((tmp_path / "servers").iterdir()) == []


def test_the_second_server_stays_named_when_the_first_ends(tmp_path: Path) -> None:
    newest = tmp_path / "server.json"
    first = announced(newest, said(5000))
    first.__enter__()
    with announced(newest, said(5001)):
        first.__exit__(None, None, None)
        assert running(newest) == [said(5001)]


def test_what_was_killed_or_is_broken_counts_as_gone(tmp_path: Path) -> None:
    newest = tmp_path / "server.json"
    with announced(newest, said(5000)):
        killed = said(5001, ended())
        for path in (newest, tmp_path / "servers" / "5001.json"):
            path.write_text(json.dumps(killed))
        (tmp_path / "servers" / "5002.json").write_text("[]")
        (tmp_path / "servers" / "5003.json").write_text('{"pid": 1')
        assert running(newest) == [said(5000)]
