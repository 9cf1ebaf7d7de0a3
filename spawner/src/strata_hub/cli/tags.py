"""``strata-hub tags``: check and explain the tags of a repository."""

import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from strata_hub.errors import ConfigurationError
from strata_hub.tags import Tag, TagKind, scheme
from strata_hub.tags.check import TagCheck, describe

_NAMES = {
    "tag": "Tag",
    "kind": "Kind",
    "display": "Shown as",
    "reason": "Reason",
    "immutable": "Names",
    "version": "Version",
    "date": "Date of version",
    "cycle": "Cycle",
    "build": "Build counter",
    "built_at": "Built at",
    "architecture": "Architecture",
    "extra": "Extra text",
}
_MOVES = {True: "the same image for ever", False: "whatever it is moved to"}

_scheme = click.option("--scheme", "name", default="rubin", show_default=True, help="Scheme of the repository.")
_aliases = click.option(
    "--alias", "aliases", multiple=True, metavar="NAME", help="A further alias; may be repeated, and '*' may end it."
)
_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@click.group()
def tags() -> None:
    """Check and explain the tags of a repository."""


@tags.command()
@click.argument("file")
@_scheme
@_aliases
@_json
def check(file: str, name: str, aliases: tuple[str, ...], as_json: bool) -> None:
    """Say what each name in FILE is, newest first within each kind.

    FILE has a name a line; what follows '#' is a comment. '-' reads standard input. The exit status is 1 if any name is
    unrecognised, and 2 if FILE or the scheme cannot be read.
    """
    checked = TagCheck.of(_lines(file), scheme(name, aliases))
    if as_json:
        for tag in checked.tags:
            click.echo(json.dumps(describe(tag)))
    else:
        _print_table(checked)
    if not checked.conforms:
        sys.exit(1)


@tags.command()
@click.argument("tag")
@_scheme
@_aliases
@_json
def explain(tag: str, name: str, aliases: tuple[str, ...], as_json: bool) -> None:
    """Say what TAG means, part by part; the exit status is 1 if it is unrecognised."""
    parsed = scheme(name, aliases).parse(tag)
    if as_json:
        click.echo(json.dumps(describe(parsed)))
    else:
        _print_fields(parsed)
    if parsed.kind is TagKind.UNRECOGNISED:
        sys.exit(1)


def _lines(file: str) -> list[str]:
    """Return the lines of `file`, or of standard input for ``-``.

    Raises
    ------
    ConfigurationError
        If it cannot be read, or is no text.
    """
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return data.decode("utf-8-sig").split("\n")
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}.", hint="Name a file, or '-'.") from error
    except ValueError as error:
        raise ConfigurationError(f"{file} is no text in UTF-8.", hint="Give it one name a line.") from error


def _print_table(checked: TagCheck) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("TAG", "KIND", "SHOWN AS", "REASON"):
        table.add_column(column, overflow="fold")
    for tag in checked.tags:
        table.add_row(*(Text(_plain(cell)) for cell in (tag.text, tag.kind.value, tag.display, tag.reason)))
    # A pipe has no width: then a row is a line, however long.
    Console(width=None if sys.stdout.isatty() else 1000, soft_wrap=False).print(table)
    click.echo(f"{len(checked.tags)} names, {len(checked.offending)} of them unrecognised.")


def _print_fields(tag: Tag) -> None:
    fields = describe(tag)
    fields["immutable"] = _MOVES[tag.immutable]
    width = max(len(name) for name in _NAMES.values())
    for key, name in _NAMES.items():
        if fields.get(key) not in (None, ""):
            click.echo(f"{name:{width}}  {_plain(str(fields[key]))}")


def _plain(text: str) -> str:
    """Return `text` without characters that would act on a terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
