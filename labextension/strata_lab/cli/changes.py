"""Subcommands that change environments."""

from pathlib import Path
from typing import Any

import click

from strata_lab import changes
from strata_lab.cli import options
from strata_lab.cli.output import Output
from strata_lab.cli.session import Session
from strata_lab.environments import Kind
from strata_lab.plans import Consent

_DONE = {
    "create": "Environment {0} is ready.",
    "clone": "Environment {1} is ready.",
    "rename": "Environment {0} is now {1}.",
    "delete": "Environment {0} is in the bin; `strata restore {0}` brings it back.",
    "restore": "Environment {0} is back.",
    "undo": "Environment {0} is what it was before its last change; `strata redo {0}` takes that back.",
    "redo": "The undo of environment {0} is taken back.",
}


def _change(
    document: dict[str, object], *, as_json: bool, plain: bool, yes: bool, dry_run: bool, consent: Consent | None = None
) -> None:
    change = changes.parse_change(document)
    session = Session(Output.of(as_json=as_json, plain=plain), yes=yes)
    done = _DONE.get(change.action, "")
    session.told(change, consent or Consent(), done, dry_run=dry_run)


@click.command("plan")
@options.requirements_arguments(required=True)
@options.environment_option
@options.output_options
def plan_command(name: str, packages: tuple[str, ...], files: tuple[Path, ...], **how: Any) -> None:  # noqa: ANN401 (click's)
    """Print what installing PACKAGEs would do, and change nothing."""
    wanted = options.all_packages(packages, files, required=True)
    _change({"action": "install", "environment": name, "requirements": wanted}, yes=False, dry_run=True, **how)


@click.command("create")
@options.name_argument
@options.requirements_arguments(required=False)
@click.option("--kind", type=click.Choice([kind.value for kind in Kind]), default=Kind.OVERLAY.value, show_default=True)
@click.option("--python", help="The Python of a conda environment, such as 3.12.")
@options.change_options
def create_command(
    name: str,
    packages: tuple[str, ...],
    files: tuple[Path, ...],
    kind: str,
    python: str | None,
    **how: Any,  # noqa: ANN401
) -> None:
    """Make the environment NAME, with PACKAGEs or without."""
    wanted = options.all_packages(packages, files)
    _change({"action": "create", "environment": name, "kind": kind, "requirements": wanted, "python": python}, **how)


@click.command("install")
@options.requirements_arguments(required=True)
@options.environment_option
@click.option("--shadow", multiple=True, metavar="NAME", help="A package of the stack that may be replaced here.")
@options.change_options
def install_command(
    name: str,
    packages: tuple[str, ...],
    files: tuple[Path, ...],
    shadow: tuple[str, ...],
    **how: Any,  # noqa: ANN401
) -> None:
    """Add PACKAGEs, such as 'specutils' or 'specutils>=2', to an environment."""
    wanted = options.all_packages(packages, files, required=True)
    consent = Consent(shadow=frozenset(shadow))
    _change({"action": "install", "environment": name, "requirements": wanted}, consent=consent, **how)


@click.command("upgrade")
@click.argument("packages", nargs=-1, metavar="[PACKAGE]...")
@options.environment_option
@options.change_options
def upgrade_command(name: str, packages: tuple[str, ...], **how: Any) -> None:  # noqa: ANN401
    """Bring PACKAGEs, or all that were asked for, to the newest versions that fit."""
    _change({"action": "upgrade", "environment": name, "names": packages}, **how)


@click.command("remove")
@click.argument("packages", nargs=-1, metavar="PACKAGE...", required=True)
@options.environment_option
@options.change_options
def remove_command(name: str, packages: tuple[str, ...], **how: Any) -> None:  # noqa: ANN401
    """Take PACKAGEs out, with what only they needed."""
    _change({"action": "remove", "environment": name, "names": packages}, **how)


def _of_one(action: str, text: str) -> click.Command:
    @click.command(action, help=text)
    @options.name_argument
    @options.change_options
    def command(name: str, **how: Any) -> None:  # noqa: ANN401
        _change({"action": action, "environment": name}, **how)

    return command


def _of_two(action: str, text: str) -> click.Command:
    @click.command(action, help=text)
    @options.name_argument
    @options.new_name_argument
    @options.change_options
    def command(name: str, new_name: str, **how: Any) -> None:  # noqa: ANN401
        _change({"action": action, "environment": name, "new_name": new_name}, **how)

    return command


undo_command = _of_one("undo", "Go back to what environment NAME was before its last change.")
redo_command = _of_one("redo", "Take back an undo of environment NAME.")
delete_command = _of_one("delete", "Put environment NAME into the bin.")
adopt_command = _of_one("adopt", "Make what pip did by hand in environment NAME part of what was asked for.")
rebuild_command = _of_one("rebuild", "Make environment NAME fit the image at hand; the old one is kept beside it.")
clone_command = _of_two("clone", "Make NEW_NAME with what environment NAME holds.")
rename_command = _of_two("rename", "Give environment NAME the name NEW_NAME.")


@click.command("restore")
@options.name_argument
@click.option("--entry", help="One particular entry of the bin, as `strata list --bin` prints it.")
@options.change_options
def restore_command(name: str, entry: str | None, **how: Any) -> None:  # noqa: ANN401
    """Take environment NAME out of the bin."""
    _change({"action": "restore", "environment": name, "entry": entry}, **how)
