"""The side that asks: starts a process in an environment of its own and has it run things by name, see :mod:`answering`."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
Way: TypeAlias = "tuple[Side, str]"
"""Something that a side can be asked for, by its name there."""


class Side:
    """A process that stays, so that its model is loaded once and repeats can alternate with another's. A context manager."""

    def __init__(self, python: Path, script: str, job: dict[str, Any]) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in ("benchmarks", "tests")),
            "HF_HUB_OFFLINE": "1",
            "WANDB_MODE": "disabled",
        }
        self._name = script
        self._process = subprocess.Popen(
            [python, HERE / script, json.dumps(job)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.about: dict[str, Any] = self._read()

    def __enter__(self) -> Side:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def ask(self, way: str) -> tuple[float, Any]:
        """Seconds that a way took, and what it found."""
        assert self._process.stdin is not None
        self._process.stdin.write(way + "\n")
        self._process.stdin.flush()
        answer = self._read()
        return float(answer["seconds"]), answer["found"]

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._name} ended with {self._process.wait()}; what it said last stands above.")
        found: dict[str, Any] = json.loads(line)
        return found


def interleaved(ways: Sequence[Way], repeats: int) -> dict[Way, list[float]]:
    """Seconds of each way, one after another and again, so that a busy moment of the machine meets all of them."""
    times: dict[Way, list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        for side, name in ways:
            times[side, name].append(side.ask(name)[0])
    return times
