"""Subcommands that write environments to files and make them from files."""

import json
from pathlib import Path
from typing import Any

import click

from strata_lab.changes import parse_change
from strata_lab.cli import options
from strata_lab.cli.output import Output
from strata_lab.cli.session import Session
from strata_lab.environments import Kind
from strata_lab.errors import InvalidInput, NotFound
from strata_lab.plans import Consent
from strata_lab.provenance import read_origin
from strata_lab.queries import record
from strata_lab.reproduction import change_for, same_lock
from strata_lab.wiring import open_operations

FORMATS = ("requirements", "pylock", "environment-yml", "rattler-lock")
_LARGEST = 50_000_000


def _format_of(file: Path) -> str:
    if file.name.startswith("pylock") and file.suffix == ".toml":
        return "pylock"
    if file.suffix in {".yml", ".yaml"}:
        return "environment-yml"
    if file.suffix == ".lock":
        return "rattler-lock"
    return "requirements"


def _text_of(file: Path) -> str:
    try:
        if file.stat().st_size > _LARGEST:
            raise InvalidInput(f"{file} is too large to be what is meant.")
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InvalidInput(f"{file} is not a text file.") from None


def _write(text: str, target: Path | None) -> None:
    if target is None:
        click.echo(text, nl=not text.endswith("\n"))
    else:
        target.write_text(text, encoding="utf-8")


@click.command("export")
@options.name_argument
@click.option("--format", "form", type=click.Choice(FORMATS), help="By default by the name of the output file.")
@click.option("-o", "--output", "target", type=click.Path(dir_okay=False, path_type=Path), help="A file to write.")
def export_command(name: str, form: str | None, target: Path | None) -> None:
    """Write environment NAME as a file that pip, uv or conda understand, and that `strata import` takes."""
    _write(open_operations("command").export(name, form or (_format_of(target) if target else "requirements")), target)


@click.command("freeze")
@options.environment_option
@click.option("-o", "--output", "target", type=click.Path(dir_okay=False, path_type=Path), help="A file to write.")
def freeze_command(name: str, target: Path | None) -> None:
    """Print exactly what an environment holds, with hashes: requirements, or a lock file for a conda environment."""
    operations = open_operations("command")
    conda = record(operations, name).intent.kind is Kind.CONDA
    _write(operations.export(name, "rattler-lock" if conda else "requirements"), target)


@click.command("import")
@options.name_argument
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "form", type=click.Choice(FORMATS), help="By default by the name of the file.")
@options.change_options
def import_command(
    name: str, file: Path, form: str | None, *, as_json: bool, plain: bool, yes: bool, dry_run: bool
) -> None:
    """Make environment NAME from FILE: requirements, pylock.toml, environment.yml or rattler.lock."""
    document = {"action": "import", "environment": name, "format": form or _format_of(file), "text": _text_of(file)}
    session = Session(Output.of(as_json=as_json, plain=plain), yes=yes)
    session.told(parse_change(document), Consent(), "Environment {0} is ready.", dry_run=dry_run)


@click.command("reproduce")
@click.argument("notebook", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", help="The new environment's name; by default the one of the notebook, or that with a number.")
@options.change_options
def reproduce_command(
    notebook: Path, name: str | None, *, as_json: bool, plain: bool, yes: bool, dry_run: bool
) -> None:
    """Make the environment again that NOTEBOOK ran in, from what the notebook carries."""
    try:
        content: Any = json.loads(_text_of(notebook))
    except (ValueError, RecursionError):
        raise InvalidInput(f"{notebook} is not a notebook.") from None
    if not isinstance(content, dict):
        raise InvalidInput(f"{notebook} is not a notebook.")
    origin = read_origin(content)
    output = Output.of(as_json=as_json, plain=plain)
    session = Session(output, yes=yes)
    present = same_lock(session.operations, origin)
    if present is not None:
        output.document(present) if as_json else output.text(f"{present.name} is exactly what the notebook ran in.")
        return
    here = session.operations.origin.image
    if origin.image and origin.image != here:
        output.note(f"The notebook ran in the image {origin.image}; this is {here or 'no image'}.")
    if not origin.locked:
        raise NotFound("The notebook's environment held nothing beside the stack.", hint="Start its image instead.")
    change = change_for(session.operations, origin, name)
    session.told(change, Consent(), "Environment {0} holds what the notebook ran with.", dry_run=dry_run)
