"""A full disk, told apart from every other failure to write, in the one place that knows how it looks."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from neuronscope.core.errors import StorageFull


@contextmanager
def full_disk_named() -> Iterator[None]:
    """Raises :class:`StorageFull` where the block fails because the disk is full; every other failure passes as it is.

    SQLite reports a full disk as SQLITE_FULL, and where the write-ahead log can't grow as an I/O error.
    """
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        if not _is_full(error):
            raise
        raise StorageFull(
            "The disk is full, so this could not be written; nothing of it was left behind.",
            "Free some space, or delete old traces or indexes, then try again.",
        ) from error


def _is_full(error: OSError | sqlite3.OperationalError) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
