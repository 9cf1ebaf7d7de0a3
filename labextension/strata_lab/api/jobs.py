"""Endpoints of jobs."""

import json
from collections.abc import AsyncIterator

from strata_lab.api.endpoint import Answer, Call, Stream, endpoint
from strata_lab.api.models import FollowQuery, JobDocument, JobList
from strata_lab.api.translate import translate
from strata_lab.jobs import Job, JobEvent


def job_document(job: Job) -> JobDocument:
    """Return what a client is told of a job."""
    return JobDocument(
        id=job.id,
        kind=job.kind,
        environments=sorted(job.environments),
        state=job.state,
        created=job.created,
        started=job.started,
        ended=job.ended,
        last_event=job.last_event,
        error=translate(job.error)[1] if job.error else None,
        result=dict(job.result) if job.result is not None else None,
    )


@endpoint(JobList)
async def list_jobs(call: Call) -> Answer:
    """Send all known jobs."""
    return Answer(JobList(jobs=[job_document(job) for job in call.services.jobs.all()]))


@endpoint(JobDocument, errors=(404,))
async def show_job(call: Call) -> Answer:
    """Send one job."""
    return Answer(job_document(call.services.jobs.get(call.path["job"])))


@endpoint(JobDocument, status=202, errors=(404,))
async def cancel_job(call: Call) -> Answer:
    """Ask a job to stop; its state tells when it has."""
    job = call.services.jobs.get(call.path["job"])
    job.cancel()
    return Answer(job_document(job))


@endpoint("text/event-stream", query=FollowQuery, errors=(404,), empty=204)
async def follow_job(call: Call) -> Answer | Stream:
    """Stream a job's events from a number on until it ends.

    A client that has seen the end is answered 204, which tells a browser's EventSource to stop reconnecting.
    """
    job = call.services.jobs.get(call.path["job"])
    asked = call.query
    after = call.last_event or (asked.after if isinstance(asked, FollowQuery) else 0)
    if job.state.ended and after >= job.last_event:
        return Answer(None, status=204)
    return Stream(_events(job, after))


async def _events(job: Job, after: int) -> AsyncIterator[str]:
    async for event in job.follow(after):
        yield ": still here\n\n" if event is None else _text(job, event)


def _text(job: Job, event: JobEvent) -> str:
    # The same for every reader at any time, so only the last event holds the whole document, which changes no more.
    last = job.state.ended and event.number == job.last_event
    data = job_document(job).model_dump(mode="json") if last else event.data
    return f"id: {event.number}\nevent: {event.kind}\ndata: {json.dumps(data)}\n\n"
