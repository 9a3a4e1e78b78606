"""Which servers run in a workspace: a file for each in ``servers/``, and ``server.json`` for the newest."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from neuronscope.runtime.workspace import write_private

Said = dict[str, Any]
"""``url``, ``port``, ``token`` and ``pid``."""


@contextlib.contextmanager
def announced(newest: Path, mine: Said) -> Iterator[None]:
    """Say where a server is, in files that only their owner reads, for as long as it runs.

    ``newest`` is ``server.json``; once this server ends it names the newest of those that still run.
    """
    own = _folder(newest) / f"{mine['port']}.json"
    own.parent.mkdir(mode=0o700, exist_ok=True)
    for path in (own, newest):
        write_private(path, json.dumps(mine))
    try:
        yield
    finally:
        if _read(own) == mine:
            own.unlink(missing_ok=True)
        # A server started later has put its own there.
        if _read(newest) == mine:
            newest.unlink(missing_ok=True)
            for other in running(newest)[:1]:
                write_private(newest, json.dumps(other))


def running(newest: Path) -> list[Said]:
    """What the servers that still run have said, the newest first."""
    import psutil

    named: list[tuple[float, Path]] = []
    for path in _folder(newest).glob("*.json"):
        with contextlib.suppress(OSError):
            named.append((path.stat().st_mtime, path))
    paths = [newest, *(path for _, path in sorted(named, reverse=True))]
    found: list[Said] = []
    for said in map(_read, paths):
        if said is not None and psutil.pid_exists(said["pid"]) and said not in found:
            found.append(said)
    return found


def _folder(newest: Path) -> Path:
    return newest.with_name("servers")


def _read(path: Path) -> Said | None:
    try:
        said: Said = json.loads(path.read_text(encoding="utf-8"))
        whole = {"url", "port", "token"} <= said.keys() and isinstance(said["pid"], int)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return said if whole else None
