"""Who runs the shards of a build: this process, or others; and how far they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from neuronscope.corpus.readers import Document
from neuronscope.corpus.worker import Worker

Progress = Callable[[int, int], None]


class Tally:
    """Documents that are done, of all."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def add(self, documents: int) -> None:
        """Count documents as done."""
        self._done += documents
        self.within(0)

    def within(self, documents: int) -> None:
        """Tell how many documents of a shard that is being run are done."""
        if self._progress is not None:
            self._progress(self._done + documents, self._total)


@dataclass(frozen=True, slots=True)
class Task:
    """A shard to be run and committed to the folder ``work``; ``files`` numbers the files that its documents come from.

    ``tried`` is how often it was given to somebody, this time included.
    """

    number: int
    documents: list[Document]
    files: dict[str, int]
    work: Path
    tried: int = 1


class Hands(Protocol):
    """Has shards run and committed, in any order."""

    def shard(self, task: Task, tally: Tally, check: Callable[[], None]) -> None:
        """Run a shard, or see to it."""

    def finish(self, tally: Tally, check: Callable[[], None]) -> None:
        """Return when every shard is committed."""


class Here:
    """Runs each shard at once, in this process; the model is not touched before the first one."""

    def __init__(self, make: Callable[[], Worker]) -> None:
        self._make = make
        self._worker: Worker | None = None

    def shard(self, task: Task, tally: Tally, check: Callable[[], None]) -> None:
        """Run and commit it."""
        self._worker = self._worker or self._make()
        self._worker.files = task.files
        self._worker.shard(task.number, task.documents, task.work, tally.within, check)
        tally.add(len(task.documents))

    def finish(self, tally: Tally, check: Callable[[], None]) -> None:
        """Nothing is left to wait for."""
