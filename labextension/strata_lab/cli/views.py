"""Subcommands that only look."""

from datetime import UTC, datetime

import click

from strata_lab.cli import options
from strata_lab.cli.output import Output, size
from strata_lab.environments import Status
from strata_lab.queries import why_in
from strata_lab.wiring import open_operations


def _when(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _judgement(found: Status) -> str:
    words = [found.state.value, *found.reasons]
    if found.busy:
        words.append(f"busy: {found.busy}")
    return "; ".join(words)


@click.command("list")
@options.output_options
def list_command(*, as_json: bool, plain: bool) -> None:
    """Print the environments, and how they stand to the image at hand."""
    output = Output.of(as_json=as_json, plain=plain)
    statuses = open_operations("command").environments()
    if as_json:
        output.document([found.model_dump(mode="json") for found in statuses])
        return
    if not statuses:
        output.text("There are no environments yet; `strata create NAME PACKAGE` makes one.")
        return
    rows = [
        [
            found.name,
            found.record.intent.kind.value if found.record else "",
            str(len(found.record.locked)) if found.record else "",
            found.record.stack.title if found.record else "",
            _judgement(found),
        ]
        for found in statuses
    ]
    output.table(["NAME", "KIND", "PACKAGES", "STACK", "STATE"], rows)


@click.command("show")
@options.name_argument
@options.output_options
def show_command(name: str, *, as_json: bool, plain: bool) -> None:
    """Print what environment NAME was asked to hold and what it holds."""
    output = Output.of(as_json=as_json, plain=plain)
    found = open_operations("command").environment(name)
    if as_json:
        output.document(found)
        return
    output.text(f"{found.name}: {_judgement(found)}")
    record = found.record
    if record is None:
        return
    output.text(f"asked for: {', '.join(record.intent.requirements) or 'nothing yet'}")
    output.text(f"made: {_when(record.created)} by {record.actor.user} ({record.action}), {size(record.size)}")
    output.text(f"stack: {record.stack.title}, Python {record.stack.python}, {record.image or 'no image'}")
    if record.locked:
        output.table(
            ["PACKAGE", "VERSION", "FROM"], [[i.name, i.version, i.index or i.url or ""] for i in record.locked]
        )


@click.command("history")
@options.name_argument
@options.output_options
def history_command(name: str, *, as_json: bool, plain: bool) -> None:
    """Print what was done to environment NAME, oldest first."""
    output = Output.of(as_json=as_json, plain=plain)
    events = open_operations("command").history(name)
    if as_json:
        output.document([event.model_dump(mode="json") for event in events])
        return
    rows = [[_when(e.when), e.action.value, " ".join(e.requested), e.actor.user, e.image or "", e.note] for e in events]
    output.table(["WHEN", "WHAT", "ASKED", "WHO", "IMAGE", "NOTE"], rows)


@click.command("why")
@click.argument("package")
@options.environment_option
@options.output_options
def why_command(package: str, name: str, *, as_json: bool, plain: bool) -> None:
    """Print why PACKAGE is there: who asked for it, and through what."""
    output = Output.of(as_json=as_json, plain=plain)
    found = why_in(open_operations("command"), name, package)
    if as_json:
        output.document(found)
        return
    place = name if found.source == "environment" else "the stack"
    output.text(f"{found.name} {found.version} is in {place}{', asked for by name' if found.requested else ''}.")
    for chain in found.chains:
        if len(chain) > 1:
            output.text("  " + " needs ".join(chain))
    if found.url:
        output.text(f"  from {found.url}\n  sha256 {found.sha256 or 'unknown'}")
