"""Which workers a build is to have."""

from __future__ import annotations

import os
from dataclasses import dataclass

from neuronscope.core.errors import BadRequest


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where the workers are and what each may use.

    ``address`` is a Ray cluster's (``auto`` for the one that this machine belongs to); without one, the workers are
    processes of this machine. ``threads`` are each worker's own (by default the machine's cores shared out), ``gpus``
    its share of GPUs. A shard whose worker died is tried ``tries`` times in all.
    """

    workers: int
    address: str | None = None
    threads: int | None = None
    gpus: float = 0
    tries: int = 3

    def __post_init__(self) -> None:
        if self.workers < 1 or (self.threads is not None and self.threads < 1) or self.tries < 1 or self.gpus < 0:
            raise BadRequest("Workers, threads and tries are at least 1, and gpus is not negative.")

    @property
    def threads_each(self) -> int:
        """Threads of a worker."""
        return self.threads or max(1, (os.cpu_count() or 1) // self.workers)
