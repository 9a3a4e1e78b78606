"""A trace that comes from elsewhere: nothing in it is believed before it has been read."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import zstandard

from neuronscope.core.address import Address
from neuronscope.core.errors import BadAddress, Conflict, Damaged, NotCaptured, NotFound, TooLarge
from neuronscope.core.ids import check_id
from neuronscope.core.storage import full_disk_named
from neuronscope.traces.payloads import decode
from neuronscope.traces.store import Trace
from neuronscope.traces.tensors import is_whole
from neuronscope.traces.writer import TABLES

SQLITE = b"SQLite format 3\0"
"""How every trace file begins."""
MOST_BYTES = 64 << 30
MOST_CHUNK = 64 << 20
"""Bytes of a step's chunk once unpacked; tensors lie beside it."""
MOST_META = 64 << 20


def import_trace(source: Path, folder: Path, own: bool = False) -> Path:
    """Copy a trace file into a folder under its own id, once all of it has been read and found sound; the new path.

    With ``own`` it is moved: nobody else has the file, which lies on the folder's disk.
    Raises :class:`Damaged` for anything that a trace would not hold (other tables, triggers or views, steps with gaps,
    chunks or tensors that don't read), :class:`TooLarge`, :class:`Conflict` where a trace of this id is here already,
    :class:`NotFound` where there is no file, :class:`StorageFull`. Then nothing is left behind.
    """
    if not source.is_file():
        raise NotFound(f"There is no file {source}.")
    if source.stat().st_size > MOST_BYTES:
        raise TooLarge(f"{source.name} has {source.stat().st_size} bytes; a trace of at most {MOST_BYTES} is taken in.")
    with source.open("rb") as file:
        if file.read(len(SQLITE)) != SQLITE:
            raise Damaged(
                "That is no trace file.",
                "What can be taken in is a .trace file, as recording, or an export with --format trace, writes it; exports "
                "to JSON and NumPy arrays are for other programs.",
            )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".import-") as space:
        # A copy, so that what was checked is what is kept.
        copy = Path(space) / "arrived.trace"
        with full_disk_named():
            if own:
                source.rename(copy)
            else:
                shutil.copyfile(source, copy)
        _check_tables(copy)
        with Trace.open(copy) as trace:
            _check_contents(trace)
            trace_id = trace.trace_id
        target = folder / f"{trace_id}.trace"
        if target.exists():
            raise Conflict(f"The trace '{trace_id}' is here already.", "Delete it first to take in this file's.")
        copy.rename(target)
        return target


def _check_tables(path: Path) -> None:
    """Whether SQLite finds the file whole, and it holds a trace's tables and nothing else: no code of any kind."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as db:
            db.execute("PRAGMA trusted_schema=OFF")
            db.execute("PRAGMA cell_size_check=ON")
            rows = db.execute("SELECT type, name, sql FROM sqlite_schema").fetchall()
            for kind, name, sql in rows:
                own = kind == "index" and sql is None and name.startswith("sqlite_autoindex_")
                if not own and (kind != "table" or " ".join((sql or "").split()) not in TABLES):
                    raise Damaged(f"'{path.name}' holds a {kind} '{str(name)[:40]}' that no trace has.")
            if db.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok":
                raise Damaged(f"'{path.name}' is damaged.", "Its file was changed or cut short.")
            length = db.execute("SELECT COALESCE(SUM(LENGTH(value)), 0) FROM meta").fetchone()[0]
            if length > MOST_META:
                raise TooLarge("The trace's description is larger than any that a run writes.")
    except sqlite3.DatabaseError as error:
        raise Damaged("The file can't be read as a trace.", "It was changed or cut short.") from error


def _check_contents(trace: Trace) -> None:
    """Whether every step, payload, receipt and tensor reads, one after another."""
    try:
        check_id(trace.trace_id, "t")
        for point in trace.points:
            Address.parse(point)
        for number in range(trace.step_count):
            _check_sizes(trace, number)
            step = trace.step(number, tensors=True)
            trace.receipt(number)
            for entry in step.entries:
                Address.parse(entry.address)
                if entry.payload is None:
                    continue
                if is_whole(entry.payload):
                    if trace.tensor(number, entry.address).shape != entry.shape:
                        raise Damaged(f"{entry.address} has another shape at step {number} than the trace says.")
                else:
                    decode(entry.payload, entry.shape)
    except _UNSOUND as error:
        raise Damaged("The file is not a whole trace.", str(error)[:200]) from error


_UNSOUND = (
    BadAddress, NotFound, NotCaptured, sqlite3.DatabaseError, zstandard.ZstdError, TypeError, ValueError, LookupError,
    AttributeError, OverflowError, RecursionError,
)  # fmt: skip
"""What reading a file raises that no run wrote, beside :class:`Damaged`."""


def _check_sizes(trace: Trace, number: int) -> None:
    for chunk in trace.chunks(number):
        size = zstandard.get_frame_parameters(chunk).content_size if len(chunk) > 4 else 0
        # An unknown size would let a few bytes unpack to any number of them.
        if not 0 < size <= MOST_CHUNK:
            raise Damaged(f"Step {number} can't be read.", "Its file was changed or cut short.")
