"""Endpoints of environments, plans and changes."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict

from strata_lab.api.endpoint import Answer, Call, endpoint
from strata_lab.api.jobs import job_document
from strata_lab.api.models import (
    EnvironmentList,
    EventList,
    ExportDocument,
    ExportQuery,
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
from strata_lab.queries import why_in


def progress_data(event: Progress) -> Data:
    """Return a progress event as a JSON document that says what it is."""
    return {"type": type(event).__name__.lower(), **asdict(event)}


@endpoint(EnvironmentList)
async def list_environments(call: Call) -> Answer:
    """Send all environments, judged against the stack at hand."""
    operations = await asyncio.to_thread(call.services.open)
    found = await asyncio.to_thread(operations.environments)
    return Answer(EnvironmentList(environments=list(found)))


@endpoint(Status, errors=(404,))
async def show_environment(call: Call) -> Answer:
    """Send one environment."""
    name = checked_name(call.path["name"])
    operations = await asyncio.to_thread(call.services.open)
    return Answer(await asyncio.to_thread(operations.environment, name))


@endpoint(EventList, errors=(404,))
async def environment_history(call: Call) -> Answer:
    """Send what was done to an environment, oldest first."""
    name = checked_name(call.path["name"])
    operations = await asyncio.to_thread(call.services.open)
    return Answer(EventList(events=list(await asyncio.to_thread(operations.history, name))))


@endpoint(Why, query=PackageQuery, errors=(404,))
async def why_package(call: Call) -> Answer:
    """Send why a package is there."""
    name = checked_name(call.path["name"])
    operations = await asyncio.to_thread(call.services.open)
    asked = call.query
    assert isinstance(asked, PackageQuery)  # noqa: S101 (declared above)
    return Answer(await asyncio.to_thread(why_in, operations, name, asked.package))


@endpoint(ExportDocument, query=ExportQuery)
async def export_environment(call: Call) -> Answer:
    """Send an environment as the text of a file."""
    name = checked_name(call.path["name"])
    operations = await asyncio.to_thread(call.services.open)
    asked = call.query
    assert isinstance(asked, ExportQuery)  # noqa: S101 (declared above)
    text = await asyncio.to_thread(operations.export, name, asked.form)
    return Answer(ExportDocument(form=asked.form, text=text))


@endpoint(Plan, body=PlanRequest, errors=(404, 409, 502, 507))
async def plan_change(call: Call) -> Answer:
    """Work out what a change would do; stops when the client goes away."""
    body = call.body
    assert isinstance(body, PlanRequest)  # noqa: S101 (declared above)
    operations = await asyncio.to_thread(call.services.open)
    plan = await asyncio.to_thread(operations.plan, body.change, cancelled=call.disconnected)
    return Answer(plan)


@endpoint(JobDocument, body=JobRequest, status=202, errors=(409,))
async def start_job(call: Call) -> Answer:
    """Start a change as a job and send the job, before it is done."""
    body = call.body
    assert isinstance(body, JobRequest)  # noqa: S101 (declared above)
    change = body.change
    operations = await asyncio.to_thread(call.services.open)

    def work(tell: Tell, cancelled: Callable[[], bool]) -> Data:
        record = operations.execute(
            change, body.consent, report=lambda event: tell("progress", progress_data(event)), cancelled=cancelled
        )
        return record.model_dump(mode="json")

    names = {change.environment, getattr(change, "new_name", change.environment)}
    job = call.services.jobs.submit(change.action, names, work)
    where = f"{call.base_url}strata/api/jobs/{job.id}"
    return Answer(job_document(job), headers={"Location": where})
