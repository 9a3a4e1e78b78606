"""A real server in a process of its own, started as a user starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Server:
    """Where it answers, its token, and when its process was started (``time.perf_counter``)."""

    url: str
    token: str
    started: float

    def call(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """One request; the decoded JSON, or the text of a page."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers)  # noqa: S310  # our own loopback address
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            raw = answer.read()
            return json.loads(raw) if "json" in answer.headers["Content-Type"] else raw.decode()

    def finished(self, job: dict[str, Any]) -> dict[str, Any]:
        """The job once it has ended well."""
        while job["state"] in ("queued", "running"):
            time.sleep(0.05)
            job = self.call(f"/api/jobs/{job['job_id']}")
        if job["state"] != "done":
            raise RuntimeError(f"the job ended as {job['state']}: {job['error']}")
        return job


@contextmanager
def server(home: Path | None = None) -> Iterator[Server]:
    """Start ``neuronscope serve`` and wait until its page answers; stopped at the end."""
    with tempfile.TemporaryDirectory() as own:
        place = home or Path(own)
        environment = {**os.environ, "NEURONSCOPE_HOME": str(place)}
        command = [str(Path(sys.executable).parent / "neuronscope"), "serve", "--no-browser"]
        start = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        try:
            yield _answering(place, process, start)
        finally:
            process.terminate()
            process.wait(20)


def _answering(home: Path, process: subprocess.Popen[bytes], start: float) -> Server:
    while time.perf_counter() - start < 60:
        if process.poll() is not None:
            raise RuntimeError("the server ended")
        try:
            said = json.loads((home / "server.json").read_text("utf-8"))
            found = Server(f"http://127.0.0.1:{said['port']}", said["token"], start)
            found.call("/")
            return found
        except (OSError, ValueError):
            time.sleep(0.01)
    raise RuntimeError("the server did not answer within a minute")
