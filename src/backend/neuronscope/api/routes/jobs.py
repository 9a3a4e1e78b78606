"""Jobs: long work with progress, cancel and a result."""

from __future__ import annotations

from flask import Response

from neuronscope.api.reply import reply
from neuronscope.api.routes.common import blueprint, services
from neuronscope.api.schemas.jobs import JobList, JobOut, JobPath

api = blueprint("jobs", "Long work: progress, cancel, result.")


@api.get("/jobs", responses={200: JobList})
def list_jobs() -> Response:
    """All jobs, newest first, without their results"""
    jobs = [{**job.to_dict(), "result": None} for job in services().jobs.list()]
    return reply(JobList.model_validate({"jobs": jobs}))


@api.get("/jobs/<job_id>", responses={200: JobOut})
def get_job(path: JobPath) -> Response:
    """One job with its result"""
    return reply(JobOut.model_validate(services().jobs.get(path.job_id).to_dict()))


@api.delete("/jobs/<job_id>", responses={200: JobOut})
def cancel_job(path: JobPath) -> Response:
    """Cancel a job; one that has ended stays as it is"""
    return reply(JobOut.model_validate(services().jobs.cancel(path.job_id).to_dict()))
