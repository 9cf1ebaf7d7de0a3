"""What the command prints: results on standard output, progress and notes on standard error."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

import click
from pydantic import BaseModel

_UNITS = ("B", "kB", "MB", "GB", "TB")


def size(count: float | None) -> str:
    """Return a number of bytes for people, in powers of 1000."""
    if count is None:
        return "unknown size"
    for unit in _UNITS:
        if count < 1000 or unit == _UNITS[-1]:  # noqa: PLR2004 (the step between units)
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError("unreachable")


def printable(text: str) -> str:
    """Return text without control characters, which a package's metadata may use to forge what a terminal shows."""
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)


@dataclass(frozen=True, slots=True)
class Output:
    """Where and how to print.

    ``as_json`` prints one JSON document and nothing else on standard output; ``rich`` is true on a terminal that
    nobody asked to keep plain.
    """

    as_json: bool = False
    rich: bool = False

    @classmethod
    def of(cls, *, as_json: bool, plain: bool, stream: IO[str] | None = None) -> "Output":
        """Return the output that the options and the terminal ask for."""
        terminal = (stream or sys.stdout).isatty()
        return cls(as_json=as_json, rich=terminal and not plain and not as_json)

    def document(self, document: BaseModel | Mapping[str, object] | Sequence[object]) -> None:
        """Print one JSON document."""
        if isinstance(document, BaseModel):
            click.echo(document.model_dump_json(indent=2))
        else:
            click.echo(json.dumps(document, indent=2, default=_plain))

    def text(self, text: str) -> None:
        """Print a result."""
        click.echo(printable(text))

    def note(self, text: str) -> None:
        """Print what is not a result."""
        click.echo(printable(text), err=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print rows under headings; without colours and lines where the output is not a terminal."""
        rows = [[printable(cell) for cell in row] for row in rows]
        if self.rich:
            from rich.console import Console  # noqa: PLC0415 (a pipe does not pay for it)
            from rich.table import Table  # noqa: PLC0415 (as above)
            from rich.text import Text  # noqa: PLC0415 (as above)

            table = Table(*columns, box=None, header_style="bold", pad_edge=False)
            for row in rows:
                table.add_row(*(Text(cell) for cell in row))
            Console().print(table)
            return
        widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
        for row in [columns, *rows]:
            click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} is not part of a document")
