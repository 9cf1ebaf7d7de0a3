"""``strata-hub prune``: what may be deleted under the retention policy, and deleting it."""

import asyncio
import json
import os
from collections.abc import Collection, Iterator
from dataclasses import asdict
from pathlib import Path

import click

from strata_hub import config as configuration
from strata_hub import deletion, logs, running
from strata_hub.config import DeploymentConfig
from strata_hub.deletion import Outcome, Plan
from strata_hub.errors import HubUnavailable
from strata_hub.factory import Machinery, make_machinery
from strata_hub.refresh.repository import utc_now

from .config_option import config_option

_GIB = 1 << 30


@click.command()
@config_option
@click.option("--delete", is_flag=True, help="Delete what is proposed; without it, nothing is touched.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--kept", is_flag=True, help="List what stays as well, with the reason.")
@click.option(
    "--in-use",
    type=click.Path(path_type=Path),
    help="File that names the digests of everything that runs, such as the output of "
    "`kubectl get pods --all-namespaces -o json`; default: the hub is asked.",
)
@click.pass_context
def prune(context: click.Context, path: Path, delete: bool, as_json: bool, kept: bool, in_use: Path | None) -> None:
    """Propose what to delete under the retention policy, by digest.

    Everything is read from the registries again first; nothing is proposed where anything could not be read. The hub
    is asked which images run by JUPYTERHUB_API_URL and JUPYTERHUB_API_TOKEN. Exits with 1 if a repository was refused
    or a deletion failed.
    """
    config = configuration.load(path)
    logs.configure("warning")
    plans, outcomes = asyncio.run(_prune(config, in_use, delete=delete))
    if as_json:
        click.echo(json.dumps(_document(plans, outcomes, deleted=delete, kept=kept), indent=2))
    else:
        for line in _report(plans, outcomes, deleted=delete, kept=kept):
            click.echo(line)
    if any(plan.refused for plan in plans) or any(outcome.error for outcome in outcomes):
        context.exit(1)


async def _prune(config: DeploymentConfig, in_use: Path | None, *, delete: bool) -> tuple[list[Plan], list[Outcome]]:
    digests, why = await _running(in_use)
    machinery = make_machinery(config)
    try:
        plans: list[Plan] = []
        outcomes: list[Outcome] = []
        for repository in dict.fromkeys(payload.repository for payload in config.payloads.values()):
            plan = await _plan(machinery, config, repository, digests, why)
            plans.append(plan)
            if delete:
                refresh = next(r for r in machinery.refresher.unique() if r.source.repository == repository)
                outcomes += [outcome async for outcome in deletion.execute(refresh, plan.deletions)]
        return plans, outcomes
    finally:
        await machinery.close()


async def _plan(
    machinery: Machinery, config: DeploymentConfig, repository: str, digests: Collection[str] | None, why: str
) -> Plan:
    if digests is None:
        return Plan(repository, refused=why)
    views = [
        (machinery.refresher.repositories[name], payload)
        for name, payload in config.payloads.items()
        if payload.repository == repository
    ]
    return await deletion.plan(views, digests, utc_now())


async def _running(in_use: Path | None) -> tuple[Collection[str] | None, str]:
    """Return the digests that run, or None and why they are not known."""
    url, token = os.environ.get("JUPYTERHUB_API_URL"), os.environ.get("JUPYTERHUB_API_TOKEN")
    try:
        if in_use is not None:
            return running.digests_in_file(in_use), ""
        if url and token:
            return await running.digests_from_hub(url, token), ""
    except HubUnavailable as error:
        return None, error.sentence()
    return None, (
        "Which images are running is not known. Set JUPYTERHUB_API_URL and JUPYTERHUB_API_TOKEN, or give --in-use."
    )


def _document(plans: list[Plan], outcomes: list[Outcome], *, deleted: bool, kept: bool) -> dict[str, object]:
    repositories = [
        {
            "repository": plan.repository,
            "refused": plan.refused,
            "deletions": [asdict(item) for item in plan.deletions],
            **({"kept": [asdict(item) for item in plan.kept]} if kept else {}),
        }
        for plan in plans
    ]
    done = [{"digest": outcome.deletion.digest, "error": outcome.error} for outcome in outcomes]
    return {"dry_run": not deleted, "repositories": repositories, "outcomes": done}


def _report(plans: list[Plan], outcomes: list[Outcome], *, deleted: bool, kept: bool) -> Iterator[str]:
    for plan in plans:
        yield f"{plan.repository}:"
        if plan.refused:
            yield f"  Nothing may be deleted. {plan.refused}"
            continue
        for item in plan.deletions:
            yield f"  delete  {item.digest[:19]}  {item.size / _GIB:6.1f} GiB  {', '.join(item.tags)}  ({item.reason})"
        for stays in plan.kept if kept else ():
            yield f"  keep    {stays.digest[:19]}  {', '.join(stays.tags)}  ({stays.reason})"
        total = sum(item.size for item in plan.deletions) / _GIB
        yield f"  {len(plan.deletions)} to delete ({total:.1f} GiB with shared layers), {len(plan.kept)} kept."
    for outcome in outcomes:
        if outcome.error:
            yield f"NOT deleted: {outcome.deletion.digest}: {outcome.error}"
    if deleted:
        gone = sum(1 for outcome in outcomes if not outcome.error)
        yield f"Deleted {gone} of {len(outcomes)}. The registry frees the space at its next garbage collection."
    else:
        yield "Nothing was deleted: this was a dry run. Give --delete to delete."
