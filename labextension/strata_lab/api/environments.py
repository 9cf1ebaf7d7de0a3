"""Endpoints of environments, plans and changes."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import TypeVar

from strata_lab.api.endpoint import Answer, Call, endpoint
from strata_lab.api.jobs import job_document
from strata_lab.api.models import (
    EnvironmentList,
    EventList,
    JobDocument,
    JobRequest,
    PackageQuery,
    PlanRequest,
)
from strata_lab.environments import Status, checked_name
from strata_lab.jobs import Data
from strata_lab.jobs import Report as Tell
from strata_lab.plans import Plan
from strata_lab.progress import Progress
from strata_lab.provenance import Why
from strata_lab.queries import status, why_in

T = TypeVar("T")


async def _in_thread(function: Callable[..., T], *args: object) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, function, *args)


def progress_data(event: Progress) -> Data:
    """Return a progress event as a JSON document that says what it is."""
    return {"type": type(event).__name__.lower(), **asdict(event)}


@endpoint(EnvironmentList)
async def list_environments(call: Call) -> Answer:
    """Send all environments, judged against the stack at hand."""
    found = await _in_thread(lambda: call.services.operations.environments())  # noqa: PLW0108 (opened in the thread)
    return Answer(EnvironmentList(environments=list(found)))


@endpoint(Status, errors=(404,))
async def show_environment(call: Call) -> Answer:
    """Send one environment."""
    name = checked_name(call.path["name"])
    return Answer(await _in_thread(lambda: status(call.services.operations, name)))


@endpoint(EventList, errors=(404,))
async def environment_history(call: Call) -> Answer:
    """Send what was done to an environment, oldest first."""
    name = checked_name(call.path["name"])
    return Answer(EventList(events=list(await _in_thread(lambda: call.services.operations.history(name)))))


@endpoint(Why, query=PackageQuery, errors=(404,))
async def why_package(call: Call) -> Answer:
    """Send why a package is there."""
    name = checked_name(call.path["name"])
    asked = call.query
    assert isinstance(asked, PackageQuery)  # noqa: S101 (declared above)
    return Answer(await _in_thread(lambda: why_in(call.services.operations, name, asked.package)))


@endpoint(Plan, body=PlanRequest, errors=(404, 409, 502, 507))
async def plan_change(call: Call) -> Answer:
    """Work out what a change would do; stops when the client goes away."""
    body = call.body
    assert isinstance(body, PlanRequest)  # noqa: S101 (declared above)
    plan = await _in_thread(lambda: call.services.operations.plan(body.change, cancelled=call.disconnected))
    return Answer(plan)


@endpoint(JobDocument, body=JobRequest, status=202, errors=(409,))
async def start_job(call: Call) -> Answer:
    """Start a change as a job and send the job, before it is done."""
    body = call.body
    assert isinstance(body, JobRequest)  # noqa: S101 (declared above)
    change = body.change
    operations = call.services.operations

    def work(tell: Tell, cancelled: Callable[[], bool]) -> Data:
        record = operations.execute(
            change, body.consent, report=lambda event: tell("progress", progress_data(event)), cancelled=cancelled
        )
        return record.model_dump(mode="json")

    names = {change.environment, getattr(change, "new_name", change.environment)}
    job = call.services.jobs.submit(change.action, names, work)
    where = f"{call.base_url}strata/api/jobs/{job.id}"
    return Answer(job_document(job), headers={"Location": where})
