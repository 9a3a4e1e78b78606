"""Indexes that are being built, or whose building was cut off: found again, gone on with, or cleared away.

One lies beside the place of the index to be, under a name that starts with a dot and that nothing takes for an index.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from neuronscope.core.errors import Conflict, NeuronScopeError, StorageFull
from neuronscope.core.storage import full_disk_named
from neuronscope.corpus import plan as plans
from neuronscope.corpus.commits import SHARDS, committed
from neuronscope.corpus.files import to_disk
from neuronscope.corpus.manifest import FILE as MANIFEST
from neuronscope.corpus.plan import Plan

UNFINISHED = ".unfinished"
LOCK = "lock"


def place_of(folder: Path) -> Path:
    """Where an index is written until it is whole."""
    return folder.with_name(f".{folder.name}{UNFINISHED}")


def index_of(unfinished: Path) -> Path:
    """The place that an unfinished index is to have."""
    return unfinished.with_name(unfinished.name.removeprefix(".").removesuffix(UNFINISHED))


def unfinished_in(parent: Path) -> list[Path]:
    """Every unfinished index that lies in a folder, newest first."""
    return sorted(parent.glob(f".*{UNFINISHED}"), reverse=True)


def to_resume(parent: Path, plan: Plan) -> Path | None:
    """The place of an index whose building was cut off under this very plan, and that nobody works on."""
    for folder in unfinished_in(parent):
        if plan.same(folder) and not in_use(folder):
            return index_of(folder)
    return None


def clean(parent: Path) -> list[str]:
    """Remove the unfinished indexes that nobody works on; their ids."""
    gone = []
    for folder in unfinished_in(parent):
        if not in_use(folder):
            shutil.rmtree(folder, ignore_errors=True)
            gone.append(index_of(folder).name)
    return gone


@contextlib.contextmanager
def written_whole(folder: Path, plan: Plan, resume: bool = True) -> Iterator[Path]:
    """A folder to write into, with the shards that an earlier attempt under the same plan committed to it.

    It becomes ``folder`` when the block ends. When the block fails for a reason that a new attempt would meet again (or
    the disk is full, or somebody cancelled), it is removed; when it is cut off, shards that were committed stay.

    Raises :class:`Conflict` where ``folder`` exists or somebody else writes it, :class:`StorageFull` for a full disk.
    """
    if folder.exists():
        raise Conflict(f"'{folder.name}' exists already.", "Delete it first, or choose another name.")
    work = place_of(folder)
    with full_disk_named():
        work.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _held(work) as held:
        if not held:
            raise Conflict(f"'{folder.name}' is being built already.", "Wait until it is done.")
        try:
            with full_disk_named():
                _prepare(work, plan, resume)
                yield work
                # From here on it is an index: what is left to do needs no model.
                shutil.rmtree(work / SHARDS, ignore_errors=True)
                (work / LOCK).unlink(missing_ok=True)
                to_disk(work)
                work.rename(folder)
                (folder / plans.FILE).unlink(missing_ok=True)
        except NeuronScopeError:
            shutil.rmtree(work, ignore_errors=True)
            raise
        except BaseException:
            if not (committed(work) or (work / MANIFEST).exists()):
                shutil.rmtree(work, ignore_errors=True)
            raise


def _prepare(work: Path, plan: Plan, resume: bool) -> None:
    if not (resume and plan.same(work)):
        for path in work.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()
        plan.write(work)
    (work / SHARDS).mkdir(exist_ok=True)


def in_use(folder: Path) -> bool:
    """Whether a live process works on an unfinished index."""
    if not folder.is_dir():
        return False
    try:
        with _held(folder) as held:
            return not held
    except (OSError, StorageFull):
        return True


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Hold a folder as long as the block runs, or say that somebody else does; a killed process holds nothing."""
    with full_disk_named():
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield _lock(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    locking: Any
    try:
        if os.name == "posix":
            import fcntl as locking

            locking.flock(descriptor, locking.LOCK_EX | locking.LOCK_NB)
        else:
            import msvcrt as locking

            locking.locking(descriptor, locking.LK_NBLCK, 1)
    except OSError:
        return False
    return True
