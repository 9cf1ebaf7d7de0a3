"""Endpoints that look after the lab: the stack, the doctor, the bin, advice on restarts."""

import asyncio
import os

from strata_lab.api.endpoint import Answer, Call, endpoint
from strata_lab.api.models import (
    AdviceDocument,
    AdviceList,
    AsideDocument,
    BinnedDocument,
    BinnedList,
    DoctorDocument,
    FindingDocument,
    SinceQuery,
    StackDocument,
    SweptDocument,
)
from strata_lab.environments import checked_identifier, checked_name
from strata_lab.findings import Finding
from strata_lab.restarts import advise, changed_modules


@endpoint(StackDocument)
async def show_stack(call: Call) -> Answer:
    """Send what the image brings."""
    operations = await asyncio.to_thread(call.services.open)
    stack = operations.stack
    return Answer(
        StackDocument(
            title=stack.title,
            kind=stack.kind,
            python=stack.version,
            fingerprint=stack.fingerprint,
            distributions=len(stack.by_name),
            image=operations.origin.image,
            safe_mode=os.environ.get("STRATA_SAFE_MODE") == "1",
        )
    )


@endpoint(BinnedList)
async def list_bin(call: Call) -> Answer:
    """Send the deleted environments that can be restored, latest first."""
    operations = await asyncio.to_thread(call.services.open)
    found = await asyncio.to_thread(operations.binned)
    return Answer(BinnedList(binned=[BinnedDocument(entry=i.entry, name=i.name, deleted=i.deleted) for i in found]))


@endpoint(SweptDocument)
async def sweep(call: Call) -> Answer:
    """Take away what nothing names any more."""
    operations = await asyncio.to_thread(call.services.open)
    swept = await asyncio.to_thread(operations.sweep)
    return Answer(
        SweptDocument(generations=len(swept.generations), binned=len(swept.binned), leftovers=swept.leftovers)
    )


@endpoint(DoctorDocument)
async def examine(call: Call) -> Answer:
    """Send what hurts this lab or will, and what was moved aside."""
    doctor = await asyncio.to_thread(call.services.doctor)
    found = await asyncio.to_thread(doctor.examine)
    asides = await asyncio.to_thread(doctor.asides)
    return Answer(
        DoctorDocument(
            findings=[_finding(item) for item in found],
            asides=[AsideDocument.model_validate(item.model_dump()) for item in asides],
        )
    )


def _finding(item: Finding) -> FindingDocument:
    return FindingDocument(
        identifier=item.identifier,
        severity=item.severity,
        title=item.title,
        explanation=item.explanation,
        path=str(item.path) if item.path else None,
    )


@endpoint(AsideDocument, errors=(507,))
async def set_aside(call: Call) -> Answer:
    """Move what one finding is about aside."""
    doctor = await asyncio.to_thread(call.services.doctor)
    moved = await asyncio.to_thread(doctor.set_aside, call.path["finding"])
    return Answer(AsideDocument.model_validate(moved.model_dump()))


@endpoint(AsideDocument, errors=(409,))
async def put_back(call: Call) -> Answer:
    """Put back what was moved aside."""
    doctor = await asyncio.to_thread(call.services.doctor)
    moved = await asyncio.to_thread(doctor.restore, call.path["aside"])
    return Answer(AsideDocument.model_validate(moved.model_dump()))


@endpoint(AdviceList, query=SinceQuery)
async def restart_advice(call: Call) -> Answer:
    """Ask the running kernels of an environment which have imported what changed since a generation."""
    name = checked_name(call.path["name"])
    asked = call.query
    assert isinstance(asked, SinceQuery)  # noqa: S101 (declared above)
    operations = await asyncio.to_thread(call.services.open)
    current = await asyncio.to_thread(operations.store.current, name)
    before = operations.layout.generation(checked_identifier(asked.since)) if asked.since else None
    modules = await asyncio.to_thread(changed_modules, before, operations.layout.generation(current))
    manager = call.services.kernel_manager
    found = await advise(manager, modules, {name}) if manager and modules else []
    return Answer(
        AdviceList(
            advice=[
                AdviceDocument(
                    kernel=item.kernel_id,
                    name=item.name,
                    answer=item.answer,
                    modules=list(item.modules),
                    sentence=item.sentence,
                )
                for item in found
            ]
        )
    )
