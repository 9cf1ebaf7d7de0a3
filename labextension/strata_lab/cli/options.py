"""Options and arguments that several subcommands take."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_ENVIRONMENT = "default"


def complete_environment(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001 (click's signature)
    """Return the environments whose names start as typed, without loading what looks into them."""
    from strata_lab.wiring import environments_folder  # noqa: PLC0415 (only completion pays for it)

    try:
        names = sorted(entry.name for entry in os.scandir(environments_folder()) if not entry.name.startswith("."))
    except OSError:
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def name_argument(function: F) -> F:
    """Take the name of an environment."""
    return click.argument("name", shell_complete=complete_environment)(function)


def new_name_argument(function: F) -> F:
    """Take a second name."""
    return click.argument("new_name", metavar="NEW_NAME")(function)


def environment_option(function: F) -> F:
    """Take the environment to work on; the one of the running kernel or terminal unless one is named."""
    return click.option(
        "-e",
        "--environment",
        "name",
        envvar="STRATA_ENVIRONMENT",
        default=DEFAULT_ENVIRONMENT,
        show_default=f"$STRATA_ENVIRONMENT, else {DEFAULT_ENVIRONMENT}",
        shell_complete=complete_environment,
        metavar="NAME",
        help="The environment to work on.",
    )(function)


def output_options(function: F) -> F:
    """Take how to print."""
    as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
    plain = click.option("--plain", is_flag=True, envvar="NO_COLOR", help="No colours and bars, also on a terminal.")
    return as_json(plain(function))


def change_options(function: F) -> F:
    """Take how to print and what to agree to."""
    dry = click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
    yes = click.option("-y", "--yes", is_flag=True, help="Agree to what the plan asks consent for.")
    return output_options(dry(yes(function)))


def requirements_arguments(*, required: bool) -> Callable[[F], F]:
    """Take packages, also from requirement files."""

    def decorate(function: F) -> F:
        words = click.argument("packages", nargs=-1, metavar="PACKAGE..." if required else "[PACKAGE]...")
        files = click.option(
            "-r",
            "--requirements",
            "files",
            multiple=True,
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="A file with one package per line; comments start with '#'.",
        )
        return words(files(function))

    return decorate


def all_packages(packages: tuple[str, ...], files: tuple[Path, ...], *, required: bool = False) -> tuple[str, ...]:
    """Return the packages that were named and those that the files list.

    Raises
    ------
    click.UsageError
        If a file is no text, or there is nothing where something is required.
    """
    found = list(packages)
    for file in files:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            raise click.UsageError(f"{file} is not a text file.") from None
        found += [text for line in lines if (text := line.partition("#")[0].strip())]
    if required and not found:
        raise click.UsageError("Name at least one package.")
    return tuple(found)
