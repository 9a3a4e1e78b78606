"""A trace is one SQLite file: what a run was, its steps, and the tensors that were kept in full. Crash-safe, one file to share."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from neuronscope.core.events import Event, Receipt, Start, Step, to_map
from neuronscope.core.storage import full_disk_named
from neuronscope.traces.codec import pack_receipt, pack_step, whole_tensors
from neuronscope.traces.in_use import hold, let_go
from neuronscope.traces.tensors import pack_tensor

APPLICATION_ID = 0x4E535452
FORMAT_VERSION = 1
_SCHEMA = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE steps(step INTEGER PRIMARY KEY, phase TEXT NOT NULL, pos0 INTEGER NOT NULL, t_add INTEGER NOT NULL,
  token_id INTEGER, token TEXT, logprob REAL, bytes INTEGER NOT NULL, chunk BLOB NOT NULL);
CREATE TABLE tensors(step INTEGER NOT NULL, address TEXT NOT NULL, dtype TEXT NOT NULL, shape TEXT NOT NULL,
  data BLOB NOT NULL, PRIMARY KEY(step, address));
CREATE TABLE receipts(step INTEGER PRIMARY KEY, chunk BLOB NOT NULL);
"""
PATIENCE = 2.0
"""Seconds that the end of a trace waits for those who are reading it."""
TABLES = frozenset(" ".join(one.split()) for one in _SCHEMA.split(";") if one.strip())
"""What a trace file holds, each as SQLite keeps it, white space made equal."""


_INSERT_STEP = "INSERT INTO steps VALUES (?,?,?,?,?,?,?,?,?)"
PAGE = 8192
"""Twice SQLite's own: where all is kept, a step's hundreds of tensors are written in four fifths of the time."""
CHECKPOINT_PAGES = 16_384
"""128 MB: each checkpoint waits for the disk, and SQLite's own 4 MB would come every few steps where all is kept."""
ROWS = 400
"""Tensors written by one statement, which takes at most 32,766 values in all."""


@cache
def _libraries() -> dict[str, str]:
    return {name: version(name) for name in ("torch", "transformers", "numpy")}


class TraceWriter:
    """Writes one trace; each step commits by itself, so that a crash loses at most the one being written.

    As a context manager it closes the file, and removes it where the block raises. A full disk is :class:`StorageFull`.
    """

    def __init__(self, path: Path, start: Start, *, prompt: str) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with full_disk_named():
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            try:
                # As long as there is nothing in the file, there is nothing to wait for the disk for.
                self._db.execute("PRAGMA synchronous=OFF")
                self._db.execute(f"PRAGMA page_size={PAGE}")
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
                self._db.execute(f"PRAGMA application_id={APPLICATION_ID}")
                self._db.execute(f"PRAGMA user_version={FORMAT_VERSION}")
                self._db.execute("BEGIN")
                for table in _SCHEMA.split(";"):
                    self._db.execute(table)
                self._meta(
                    start=to_map(start),
                    prompt=prompt,
                    libraries=_libraries(),
                    created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
                    closed=False,
                )
                self._db.execute("COMMIT")
                self._db.execute("PRAGMA synchronous=NORMAL")
            except BaseException:
                self.discard()
                raise
        hold(self, path, writing=True)

    def write(
        self, step: Step, tensors: Mapping[str, NDArray[np.float32]] | None = None, chunk: bytes | None = None
    ) -> None:
        """Append a step, with the tensors kept in full by address, in one transaction.

        Payloads that hold whole tensors are stored as such too. ``chunk`` is :func:`pack_step` where it
        is there already.
        """
        chunk = pack_step(step) if chunk is None else chunk
        kept: list[tuple[int, str, str, str, bytes | memoryview]]
        kept = [(step.step, a, str(t.dtype), json.dumps(t.shape), pack_tensor(t)) for a, t in (tensors or {}).items()]
        kept += [(step.step, *row) for row in whole_tensors(step)]
        size = len(chunk) + sum(len(row[-1]) for row in kept)
        row = (step.step, step.phase, step.pos0, step.t_add, step.token_id, step.token, step.logprob, size, chunk)
        with full_disk_named():
            if not kept:
                # One statement is a transaction of its own, and the interpreter is let go of once in place of thrice.
                self._db.execute(_INSERT_STEP, row)
                return
            self._db.execute("BEGIN")
            try:
                self._db.execute(_INSERT_STEP, row)
                for first in range(0, len(kept), ROWS):
                    # Many rows in one statement, for the same reason.
                    rows = kept[first : first + ROWS]
                    places = ",".join(["(?,?,?,?,?)"] * len(rows))
                    self._db.execute(f"INSERT INTO tensors VALUES {places}", list(chain.from_iterable(rows)))  # noqa: S608
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    def write_receipt(self, receipt: Receipt) -> None:
        """Append the receipt of a step, in a transaction of its own."""
        with full_disk_named():
            self._db.execute("INSERT OR REPLACE INTO receipts VALUES (?,?)", (receipt.step, pack_receipt(receipt)))

    def finish(self, end: Event) -> None:
        """Record how the run ended and make the trace one single file."""
        with full_disk_named():
            self._db.execute("BEGIN")
            self._meta(end=to_map(end), closed=True)
            self._db.execute("COMMIT")
            # The log would wait for the disk, and then the file, with the same bytes. Now the file alone does, in one write
            # that changes nothing.
            self._db.execute("PRAGMA synchronous=OFF")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._leave_wal()
            self._db.execute("PRAGMA synchronous=NORMAL")
            with suppress(sqlite3.OperationalError):  # somebody reads it already
                self._db.execute(f"PRAGMA user_version={FORMAT_VERSION}")

    def close(self) -> None:
        """Close the file as it is; one that was not finished keeps its committed steps."""
        self._db.close()
        let_go(self)

    def discard(self) -> None:
        """Close and remove the file with what SQLite keeps beside it."""
        self.close()
        for suffix in ("", "-wal", "-shm", "-journal"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def _leave_wal(self) -> None:
        # SQLite refuses this at once while anybody has the file open, whatever its time limit. Who reads it for longer
        # keeps it as it is: whole, with an empty log beside it.
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self._db.execute("PRAGMA journal_mode=DELETE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
                if time.monotonic() > end:
                    return
            time.sleep(0.01)

    def _meta(self, **values: object) -> None:
        rows = [(key, json.dumps(value)) for key, value in values.items()]
        self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?,?)", rows)
