"""Long work: queued, run in the background, watched, cancelled, and remembered over a restart."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import psutil

from neuronscope.core.errors import Cancelled, Conflict, InternalError, NeuronScopeError, NotFound
from neuronscope.core.ids import check_id, new_id
from neuronscope.runtime.workspace import write_private

log = logging.getLogger("neuronscope.jobs")

State = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
ENDED = ("done", "failed", "cancelled", "interrupted")
KEPT = 200
"""Ended jobs beyond this many are forgotten, oldest first."""
AT_ONCE = 2
"""Jobs of one kind that run at once; the others wait."""
WAITING = 100
"""Jobs that may wait; one more is refused."""


@dataclass
class Job:
    """One piece of long work, as it stands now."""

    job_id: str
    kind: str
    title: str
    model_id: str | None = None
    state: State = "queued"
    done: float = 0
    total: float | None = None
    unit: str = ""
    phase: str = ""
    created_at: str = field(default_factory=lambda: _now())
    finished_at: str | None = None
    result: dict[str, Any] | None = None
    error: dict[str, str] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The job as CONTRACTS has it, with ``progress`` as one object."""
        plain = asdict(self)
        plain["progress"] = {name: plain.pop(name) for name in ("done", "total", "unit", "phase")}
        return plain


class JobHandle:
    """What the work sees of its job: it reports progress and asks whether to go on."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._stop = threading.Event()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked the work to stop."""
        return self._stop.is_set()

    def check(self) -> None:
        """Raise :class:`Cancelled` if somebody asked the work to stop."""
        if self.cancelled:
            raise Cancelled(f"'{self._job.title}' was cancelled.")

    def progress(self, done: float, total: float | None, unit: str, phase: str = "") -> None:
        """Say how far the work is, in units of its own; ``phase`` where it counts anew in each of several parts."""
        self._job.done, self._job.total, self._job.unit, self._job.phase = done, total, unit, phase

    def cancel(self) -> None:
        """Ask the work to stop."""
        self._stop.set()


class Jobs:
    """All jobs of a workspace. Each is one JSON file in ``folder``, so that a restart can tell what it interrupted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._jobs: dict[str, Job] = {}
        self._handles: dict[str, JobHandle] = {}
        self._slots: dict[str, threading.Semaphore] = {}
        self._same: dict[object, str] = {}
        me = psutil.Process()
        self._owner = {"pid": me.pid, "since": me.create_time()}
        for path in sorted(folder.glob("j_*.json")):
            self._recall(path)

    def start(
        self,
        kind: str,
        title: str,
        work: Callable[[JobHandle], dict[str, Any]],
        *,
        model_id: str | None = None,
        same: Hashable = None,
    ) -> Job:
        """Queue work and return at once. ``work`` returns the job's result, plain data that JSON can hold.

        ``model_id`` says which model it is about, where it is about one. Where a job with the same ``same`` has neither
        ended nor been cancelled, that one is given back and nothing new is started: a double click is one wish.
        """
        with self._lock:
            running = self._handles.get(self._same.get(same, "")) if same is not None else None
            if running is not None and not running.cancelled:
                return self._jobs[self._same[same]]
            if sum(job.state == "queued" for job in self._jobs.values()) >= WAITING:
                raise Conflict(f"{WAITING} jobs are waiting already.", "Wait for some to end, or cancel them.")
            job = Job(new_id("j"), kind, title, model_id)
            self._jobs[job.job_id] = job
            handle = self._handles[job.job_id] = JobHandle(job)
            if same is not None:
                self._same[same] = job.job_id
            slot = self._slots.setdefault(kind, threading.Semaphore(AT_ONCE))
            self._save(job)
            self._prune()
        threading.Thread(target=self._run, args=(job, handle, slot, work), name=job.job_id, daemon=True).start()
        return job

    def get(self, job_id: str) -> Job:
        """One job; :class:`NotFound` where there is none."""
        with self._lock:
            job = self._jobs.get(check_id(job_id, "j"))
        if job is None:
            raise NotFound(f"There is no job '{job_id}'.", "GET /api/jobs lists them.")
        return job

    def list(self) -> list[Job]:
        """All jobs, newest first."""
        with self._lock:
            return sorted(self._jobs.values(), key=lambda job: job.job_id, reverse=True)

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop; one that has ended stays as it is."""
        job = self.get(job_id)
        with self._lock:
            handle = self._handles.get(job_id)
            if handle is not None:
                handle.cancel()
            if job.state == "queued":
                self._end(job, "cancelled")
        return job

    def close(self, seconds: float) -> None:
        """Cancel everything, and give it so long to tidy up after itself."""
        for job in self.list():
            self.cancel(job.job_id)
        end = time.monotonic() + seconds
        while any(job.state not in ENDED for job in self.list()) and time.monotonic() < end:
            time.sleep(0.02)

    def _run(
        self, job: Job, handle: JobHandle, slot: threading.Semaphore, work: Callable[[JobHandle], dict[str, Any]]
    ) -> None:
        while not slot.acquire(timeout=0.1):
            if handle.cancelled:
                return
        try:
            with self._lock:
                if job.state != "queued":
                    return
                job.state = "running"
                self._save(job)
            job.result = work(handle)
            self._end(job, "done")
        except Cancelled:
            self._end(job, "cancelled")
        except NeuronScopeError as failure:
            self._end(job, "failed", failure.to_dict())
        except Exception as failure:
            log.exception("job %s (%s) failed", job.job_id, job.title, exc_info=failure)
            message = f"'{job.title}' failed unexpectedly."
            hint = "The server's log has the details."
            self._end(job, "failed", InternalError(message, hint).to_dict())
        finally:
            slot.release()

    def _end(self, job: Job, state: State, error: dict[str, str] | None = None) -> None:
        with self._lock:
            job.error = error
            job.finished_at = _now()
            job.state = state
            self._handles.pop(job.job_id, None)
            for same in [key for key, job_id in self._same.items() if job_id == job.job_id]:
                del self._same[same]
            self._save(job)

    def _save(self, job: Job) -> None:
        try:
            text = json.dumps({**asdict(job), "owner": self._owner}, ensure_ascii=False)
            write_private(self._folder / f"{job.job_id}.json", text)
        except (OSError, NeuronScopeError) as failure:
            # The work itself goes on: a job that can't be remembered is better than one that dies of it.
            log.warning("job %s could not be saved: %s", job.job_id, failure)

    def _recall(self, path: Path) -> None:
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            owner = fields.pop("owner")
            job = Job(**fields)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            log.warning("%s is no job and was skipped", path.name)
            return
        if job.state not in ENDED:
            if _alive(owner) and owner["pid"] != os.getpid():
                return
            job.state, job.finished_at = "interrupted", _now()
            self._save(job)
        self._jobs[job.job_id] = job

    def _prune(self) -> None:
        ended = sorted(job.job_id for job in self._jobs.values() if job.state in ENDED)
        for job_id in ended[: max(0, len(ended) - KEPT)]:
            del self._jobs[job_id]
            (self._folder / f"{job_id}.json").unlink(missing_ok=True)


def _alive(owner: dict[str, Any]) -> bool:
    try:
        return abs(psutil.Process(int(owner["pid"])).create_time() - float(owner["since"])) < 1
    except (psutil.Error, KeyError, ValueError, TypeError):
        return False


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
