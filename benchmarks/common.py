"""What every benchmark shares: a row of the table, a clock, the machine's name."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any


def machine() -> str:
    """Processor, cores and torch's threads, as one line."""
    import torch

    model = platform.processor() or platform.machine()
    return f"{model}, {os.cpu_count()} cores, torch {torch.__version__} on {torch.get_num_threads()} threads"


@dataclass(frozen=True)
class Result:
    """One row: what was reached, what it is compared with, and the goal, as CONTRACTS' results.json has it."""

    target: str
    ours: float
    reference: float | None
    ratio: float | None
    goal: str
    met: bool
    unit: str
    note: str = ""
    machine: str = field(default_factory=machine)
    when: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
