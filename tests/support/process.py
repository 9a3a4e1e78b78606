"""The program as a user starts it: ``neuronscope serve`` in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx


@dataclass(frozen=True)
class Program:
    """Where it answers, the address that opens its page, a client that shows its token, and when it was started."""

    base: str
    url: str
    client: httpx.Client
    started: float
    """Of ``time.perf_counter``."""

    def get(self, path: str, **query: str | int) -> Any:
        """The JSON of a request that must go well."""
        return self.client.get(path, params=query).raise_for_status().json()

    def post(self, path: str, **body: Any) -> Any:
        """The JSON of a request that must go well; of a job, the job once it has ended well."""
        answer = self.client.post(path, json=body).raise_for_status()
        job = answer.json()
        if answer.status_code != 202:
            return job
        while job["state"] in ("queued", "running"):
            time.sleep(0.05)
            job = self.get(f"/api/jobs/{job['job_id']}")
        assert job["state"] == "done", job["error"]
        return job


@contextmanager
def program(home: Path, arguments: Sequence[str] = (), seconds: float = 60) -> Iterator[Program]:
    """Start it on a free port with a workspace of its own, and end it as Ctrl+C would."""
    home.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "neuronscope.cli.main", "serve", "--no-browser", *arguments]
    started = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, "NEURONSCOPE_HOME": str(home)}, stdout=subprocess.DEVNULL)
    try:
        said = _said(home / "server.json", process, seconds)
        base = f"http://127.0.0.1:{said['port']}"
        headers = {"Authorization": f"Bearer {said['token']}"}
        with httpx.Client(base_url=base, headers=headers, timeout=60, trust_env=False) as client:
            assert client.get("/").status_code == 200
            yield Program(base, said["url"], client, started)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _said(file: Path, process: subprocess.Popen[bytes], seconds: float) -> dict[str, str]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, "the server ended by itself"
        if file.is_file():
            found: dict[str, str] = json.loads(file.read_text("utf-8"))
            return found
        time.sleep(0.01)
    raise AssertionError("the server did not start")
