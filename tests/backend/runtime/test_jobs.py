from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neuronscope.core.errors import BadRequest, Conflict, NotFound
from neuronscope.runtime import jobs as module
from neuronscope.runtime.jobs import Job, JobHandle, Jobs


def wait(condition: Callable[[], bool], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


def ended(jobs: Jobs, job: Job) -> Job:
    wait(lambda: jobs.get(job.job_id).state in module.ENDED)
    return jobs.get(job.job_id)


def until_cancelled(handle: JobHandle) -> dict[str, Any]:
    while True:
        handle.check()
        time.sleep(0.005)


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path)


def test_a_job_goes_from_queued_to_done_with_progress(jobs: Jobs) -> None:
    go = threading.Event()

    def work(handle: JobHandle) -> dict[str, Any]:
        handle.progress(3, 10, "documents")
        go.wait(5)
        return {"index_id": "x"}

    job = jobs.start("index", "Index of a", work)
    wait(lambda: jobs.get(job.job_id).done == 3)
    seen = jobs.get(job.job_id).to_dict()
    assert seen["state"] == "running"
    assert seen["progress"] == {"done": 3, "total": 10, "unit": "documents", "phase": ""}
    assert seen["finished_at"] is None
    go.set()
    seen = ended(jobs, job).to_dict()
    assert (seen["state"], seen["result"], seen["error"]) == ("done", {"index_id": "x"}, None)
    assert seen["finished_at"] >= seen["created_at"]


def test_an_error_for_a_person_is_kept_whole(jobs: Jobs) -> None:
    def work(handle: JobHandle) -> dict[str, Any]:
        raise BadRequest("No.", "Try yes.")

    job = ended(jobs, jobs.start("load", "Load a", work))
    assert job.state == "failed"
    assert job.error == {"code": "bad_request", "message": "No.", "hint": "Try yes."}


def test_any_other_error_becomes_a_sentence(jobs: Jobs) -> None:
    def work(handle: JobHandle) -> dict[str, Any]:
        raise KeyError("/secret/path")

    job = ended(jobs, jobs.start("load", "Load a", work))
    assert job.error is not None
    assert job.error["code"] == "internal_error"
    assert "secret" not in json.dumps(job.error)


def test_a_running_job_is_cancelled_where_it_checks(jobs: Jobs) -> None:
    job = jobs.start("index", "Index of a", until_cancelled)
    wait(lambda: jobs.get(job.job_id).state == "running")
    jobs.cancel(job.job_id)
    assert ended(jobs, job).state == "cancelled"


def test_a_queued_job_is_cancelled_at_once_and_never_runs(jobs: Jobs) -> None:
    busy = [jobs.start("index", "busy", until_cancelled) for _ in range(module.AT_ONCE)]
    wait(lambda: all(jobs.get(job.job_id).state == "running" for job in busy))
    ran = threading.Event()

    def work(handle: JobHandle) -> dict[str, Any]:
        ran.set()
        return {}

    waiting = jobs.start("index", "waits", work)
    assert jobs.cancel(waiting.job_id).state == "cancelled"
    for job in busy:
        jobs.cancel(job.job_id)
        ended(jobs, job)
    after = jobs.start("index", "after", lambda handle: {})
    assert ended(jobs, after).state == "done"
    assert not ran.is_set()
    assert jobs.get(waiting.job_id).state == "cancelled"


def test_kinds_do_not_wait_for_each_other(jobs: Jobs) -> None:
    busy = [jobs.start("index", "busy", until_cancelled) for _ in range(module.AT_ONCE)]
    assert ended(jobs, jobs.start("load", "Load a", lambda handle: {})).state == "done"
    for job in busy:
        jobs.cancel(job.job_id)
        ended(jobs, job)


def test_cancelling_what_has_ended_changes_nothing(jobs: Jobs) -> None:
    job = ended(jobs, jobs.start("load", "Load a", lambda handle: {}))
    assert jobs.cancel(job.job_id).state == "done"


def test_too_many_waiting_are_refused(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING", 1)
    started = [jobs.start("index", "busy", until_cancelled) for _ in range(module.AT_ONCE)]
    wait(lambda: all(jobs.get(job.job_id).state == "running" for job in started))
    started.append(jobs.start("index", "waits", until_cancelled))
    with pytest.raises(Conflict, match="waiting"):
        jobs.start("index", "one too many", until_cancelled)
    for job in started:
        jobs.cancel(job.job_id)
        ended(jobs, job)


def test_closing_cancels_and_waits_for_what_runs(jobs: Jobs) -> None:
    tidied = threading.Event()

    def work(handle: JobHandle) -> dict[str, Any]:
        try:
            return until_cancelled(handle)
        finally:
            time.sleep(0.1)
            tidied.set()

    job = jobs.start("index", "Index of a", work)
    wait(lambda: jobs.get(job.job_id).state == "running")
    jobs.close(5)
    assert tidied.is_set()
    assert jobs.get(job.job_id).state == "cancelled"


@pytest.mark.parametrize("job_id", ["../x", "j_" + "0" * 26, "t_" + "0" * 26])
def test_unknown_ids_are_not_found(jobs: Jobs, job_id: str) -> None:
    with pytest.raises(NotFound):
        jobs.get(job_id)
    with pytest.raises(NotFound):
        jobs.cancel(job_id)


def test_a_restart_remembers_what_ended_and_what_it_interrupted(jobs: Jobs, tmp_path: Path) -> None:
    done = ended(jobs, jobs.start("load", "Load a", lambda handle: {"model_id": "a"}))
    running = jobs.start("index", "Index of a", until_cancelled)
    wait(lambda: json.loads((tmp_path / f"{running.job_id}.json").read_text())["state"] == "running")
    (tmp_path / "j_broken.json").write_text("{")
    (tmp_path / "j_other.json").write_text("[]")
    again = Jobs(tmp_path)
    assert [job.job_id for job in again.list()] == [running.job_id, done.job_id]
    assert again.get(done.job_id).result == {"model_id": "a"}
    assert again.get(running.job_id).state == "interrupted"
    assert Jobs(tmp_path).get(running.job_id).state == "interrupted"
    jobs.cancel(running.job_id)
    ended(jobs, running)


def test_another_living_servers_jobs_are_left_alone(tmp_path: Path) -> None:
    import psutil

    parent = psutil.Process().parent()
    assert parent is not None
    job = Job("j_" + "0" * 26, "index", "theirs", state="running")
    fields = {**vars(job), "owner": {"pid": parent.pid, "since": parent.create_time()}}
    path = tmp_path / f"{job.job_id}.json"
    path.write_text(json.dumps(fields))
    assert Jobs(tmp_path).list() == []
    assert json.loads(path.read_text())["state"] == "running"


def test_old_jobs_are_forgotten(jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    started = [ended(jobs, jobs.start("load", f"Load {number}", lambda handle: {})) for number in range(4)]
    last = ended(jobs, jobs.start("load", "last", lambda handle: {}))
    kept = [job.job_id for job in jobs.list()]
    assert kept == [last.job_id, started[3].job_id, started[2].job_id]
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(kept)
