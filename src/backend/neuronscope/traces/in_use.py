"""Which trace files this process has open, so that none is removed under its reader or writer."""

from __future__ import annotations

import threading
from pathlib import Path
from weakref import WeakKeyDictionary

_held: WeakKeyDictionary[object, tuple[Path, bool]] = WeakKeyDictionary()
_lock = threading.Lock()


def hold(owner: object, path: Path, *, writing: bool = False) -> None:
    """Say that an object has a trace's file open, until it lets go or is gone."""
    with _lock:
        _held[owner] = (path.absolute(), writing)


def let_go(owner: object) -> None:
    """Say that it has not any more."""
    with _lock:
        _held.pop(owner, None)


def is_read(path: Path) -> bool:
    """Whether something in this process has the file open, to read or to write it."""
    with _lock:
        return any(held == path.absolute() for held, _ in _held.values())


def is_written(path: Path) -> bool:
    """Whether something in this process is writing the file."""
    with _lock:
        return (path.absolute(), True) in _held.values()
