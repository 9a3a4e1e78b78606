"""A lock that threads and processes share: a file's, which the system lets go of when its holder dies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from neuronscope.core.storage import full_disk_named


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock while the block runs; whoever has it already is waited for."""
    with full_disk_named():
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait(descriptor)
        yield
    finally:
        os.close(descriptor)


def _wait(descriptor: int) -> None:
    locking: Any
    if os.name == "posix":
        import fcntl as locking

        locking.flock(descriptor, locking.LOCK_EX)
        return
    import msvcrt as locking

    while True:
        # Windows gives up after ten seconds.
        with suppress(OSError):
            locking.locking(descriptor, locking.LK_LOCK, 1)
            return
