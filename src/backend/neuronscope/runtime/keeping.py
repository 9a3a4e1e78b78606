"""Which traces are kept: listed with their sizes, pinned, deleted, taken in, and held within a limit where a person set one."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from neuronscope.core.errors import BadRequest, Conflict, NeuronScopeError, NotFound
from neuronscope.core.ids import check_id, is_id
from neuronscope.core.made_with import MadeWith
from neuronscope.runtime.locks import locked
from neuronscope.runtime.workspace import remove, write_private
from neuronscope.traces.in_use import is_read, is_written
from neuronscope.traces.store import Trace

log = logging.getLogger("neuronscope.traces")
REMEMBERED = 100
"""Removals that the list still tells."""
MOST_LIMIT = 1 << 60


@dataclass(frozen=True, slots=True)
class Kept:
    """A trace as a list shows it. ``bytes`` are those on the disk, ``text`` the first 200 characters of the prompt.

    ``made_with`` is for runs, ``None`` for a prompt that was only read.
    """

    trace_id: str
    model_id: str
    created_at: str
    text: str
    token_count: int
    steps: int
    bytes: int
    closed: bool
    pinned: bool
    made_with: MadeWith | None


@dataclass(frozen=True, slots=True)
class Removed:
    """A trace that went to hold the limit, and when (ISO 8601, UTC)."""

    trace_id: str
    bytes: int
    removed_at: str


class Keeping:
    """The traces of a folder. Iterate over it for :class:`Kept`, newest first. Safe from any thread and process.

    Limit and pins lie in ``keeping.json`` beside the traces. Without a limit, and there is none until a person sets one,
    nothing is ever removed but by :meth:`delete`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / "keeping.json"

    def __iter__(self) -> Iterator[Kept]:
        pinned = self.pinned
        for path in reversed(self._paths()):
            try:
                with Trace.open(path) as trace:
                    yield described(trace, trace.trace_id in pinned)
            except (NeuronScopeError, OSError) as failure:
                log.warning("%s was left out of the list: %s", path.name, failure)

    def get(self, trace_id: str) -> Kept:
        """One trace; errors as in :meth:`Trace.open`."""
        with Trace.open(self._path(trace_id)) as trace:
            return described(trace, trace_id in self.pinned)

    @property
    def total_bytes(self) -> int:
        """Of all traces on the disk."""
        return sum(map(disk_bytes, self._paths()))

    @property
    def pinned(self) -> frozenset[str]:
        """Ids of the traces that stay whatever the limit."""
        return frozenset(self._settings()["pinned"])

    @property
    def limit_bytes(self) -> int | None:
        """What all traces together may take; ``None`` where nobody has set a limit."""
        found: int | None = self._settings()["limit_bytes"]
        return found

    @property
    def removed(self) -> tuple[Removed, ...]:
        """What went to hold the limit, the latest first."""
        return tuple(Removed(**one) for one in reversed(self._settings()["removed"]))

    def pin(self, trace_id: str, pinned: bool = True) -> Kept:
        """Keep a trace whatever the limit, or let it go with the others again. Errors as in :meth:`get`."""
        found = self.get(trace_id)
        with self._changed() as settings:
            rest = [other for other in settings["pinned"] if other != trace_id]
            settings["pinned"] = [*rest, trace_id] if pinned else rest
        return self.get(found.trace_id)

    def set_limit(self, limit: int | None) -> None:
        """Set what all traces together may take, or take the limit away. What is over it goes when the next run ends.

        Raises :class:`BadRequest` for what is no number of bytes.
        """
        if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or not 0 < limit <= MOST_LIMIT):
            raise BadRequest(f"The limit can't be {str(limit)[:40]}.", "It is a number of bytes above 0, or none.")
        with self._changed() as settings:
            settings["limit_bytes"] = limit

    def over_limit(self) -> list[str]:
        """Ids of what would go now to hold the limit, oldest first."""
        return [path.stem for path in self._too_many(self._settings())]

    def tidy(self) -> tuple[Removed, ...]:
        """Hold the limit: remove the oldest traces that are closed, unpinned and not in use, until the rest fits.

        The newest always stays. Called when a run or capture has ended; what was removed is logged, told by
        :attr:`removed`, and given back. A failure is logged: the run that just ended is not to fail by it.
        """
        try:
            if self.limit_bytes is None:
                return ()
            with self._changed() as settings:
                gone = tuple(one for path in self._too_many(settings) if (one := _removed(path)) is not None)
                settings["removed"] = [*settings["removed"], *map(asdict, gone)][-REMEMBERED:]
        except (OSError, NeuronScopeError) as failure:
            log.warning("the limit of the traces could not be held: %s", failure)
            return ()
        return gone

    def delete(self, trace_id: str) -> None:
        """Remove a trace, pinned or not. Whoever reads it in this process or another goes on with what it has open.

        Raises :class:`NotFound` where there is none, :class:`Conflict` while it is recorded or, where the system keeps
        open files (Windows), read.
        """
        path = self._path(trace_id)
        if not path.is_file():
            raise NotFound(f"There is no trace '{trace_id}'.", "It may have been deleted.")
        if _is_recorded(path):
            raise Conflict(f"The trace '{trace_id}' is being recorded.", "Stop its run, or wait until it has ended.")
        try:
            remove(path)
        except PermissionError as failure:
            raise Conflict(f"The trace '{trace_id}' is open elsewhere.", "Close it there first.") from failure
        if trace_id in self.pinned:
            with self._changed() as settings:
                settings["pinned"] = [other for other in settings["pinned"] if other != trace_id]

    def take_in(self, source: Path, own: bool = False) -> Kept:
        """Copy a trace file of elsewhere into the folder, checked; with ``own`` it is moved.

        Errors as in :func:`neuronscope.traces.arrival.import_trace`.
        """
        from neuronscope.traces.arrival import import_trace

        return self.get(import_trace(source, self.folder, own=own).stem)

    def _too_many(self, settings: dict[str, Any]) -> Iterator[Path]:
        if settings["limit_bytes"] is None:
            return
        paths = self._paths()
        sizes = {path: disk_bytes(path) for path in paths}
        total, pinned = sum(sizes.values()), set(settings["pinned"])
        for path in paths[:-1]:
            if total <= settings["limit_bytes"]:
                return
            if path.stem not in pinned and not is_read(path) and _is_closed(path):
                total -= sizes[path]
                yield path

    def _path(self, trace_id: str) -> Path:
        return self.folder / f"{check_id(trace_id, 't')}.trace"

    def _paths(self) -> list[Path]:
        """Trace files, oldest first: ids are made in the order of time."""
        return sorted(path for path in self.folder.glob("t_*.trace") if is_id(path.stem, "t"))

    def _settings(self) -> dict[str, Any]:
        try:
            found = json.loads(self._file.read_text("utf-8"))
            limit, pinned, removed = found["limit_bytes"], found["pinned"], found["removed"]
            if not (isinstance(limit, int | None) and all(is_id(one, "t") for one in pinned)):
                raise ValueError("not what was written")
            [Removed(**one) for one in removed]
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError):
            log.warning("%s is damaged: no limit is held, and no trace is pinned", self._file)
        else:
            return {"limit_bytes": limit, "pinned": pinned, "removed": removed}
        return {"limit_bytes": None, "pinned": [], "removed": []}

    @contextmanager
    def _changed(self) -> Iterator[dict[str, Any]]:
        """The settings, to be changed inside: written when the block ends well, and nobody else's change comes between."""
        with locked(self.folder / ".keeping.lock"):
            settings = self._settings()
            yield settings
            write_private(self._file, json.dumps(settings))

    def __repr__(self) -> str:
        limit = "no limit" if self.limit_bytes is None else f"limit {self.limit_bytes / 1e6:.1f} MB"
        return f"<Keeping of {len(self._paths())} traces, {self.total_bytes / 1e6:.1f} MB, {limit}>"


def described(trace: Trace, pinned: bool) -> Kept:
    """An open trace as a list shows it."""
    return Kept(
        trace_id=trace.trace_id,
        model_id=trace.model_id,
        created_at=trace.created_at,
        text=trace.prompt[:200],
        token_count=len(trace.tokens),
        steps=trace.step_count,
        bytes=disk_bytes(trace.path),
        closed=trace.closed,
        pinned=pinned,
        made_with=MadeWith.of(trace.start),
    )


def disk_bytes(path: Path) -> int:
    """What a trace takes on the disk, with what SQLite keeps beside it while it is written; 0 where it is gone."""
    return sum(one.st_size for one in _stats(path))


def _stats(path: Path) -> list[os.stat_result]:
    found = []
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm", f"{path.name}-journal"):
        with suppress(FileNotFoundError):
            found.append(path.with_name(name).stat())
    return found


def _is_closed(path: Path) -> bool:
    """Whether a run has written its end there; what can't be read is left for a person to look at."""
    try:
        with Trace.open(path) as trace:
            return trace.closed
    except (NeuronScopeError, OSError):
        return False


def _is_recorded(path: Path) -> bool:
    """Whether a run, in this process or another, is at it; one that broke off has left the file as if one were."""
    return is_written(path) or (not _is_closed(path) and _is_open_elsewhere(path))


def _is_open_elsewhere(path: Path) -> bool:
    # A file in SQLite's log mode leaves that mode only for the last who has it open.
    with closing(sqlite3.connect(path, timeout=0)) as database:
        try:
            database.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.DatabaseError as failure:
            return failure.sqlite_errorcode == sqlite3.SQLITE_BUSY
    return False


def _removed(path: Path) -> Removed | None:
    size = disk_bytes(path)
    try:
        remove(path)
    except OSError as failure:
        log.warning("%s could not be removed to hold the limit of the traces: %s", path.stem, failure)
        return None
    log.warning("%s (%d bytes) was removed to hold the limit of the traces", path.stem, size)
    return Removed(path.stem, size, datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"))
