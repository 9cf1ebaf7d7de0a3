"""``strata-hub menu``: what the form shows to a user."""

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from strata_hub import wording
from strata_hub.errors import StateUnavailable
from strata_hub.menu import Menu, MenuPayload, User, menu_for
from strata_hub.state import ImageEntry, MenuState, load
from strata_hub.state_source import source_for

_SEARCH = "search"


@click.command()
@click.option("--state", "place", required=True, metavar="URL|FILE", help="The menu state.")
@click.option("--user", "name", default="somebody", show_default=True, help="Whose menu it is.")
@click.option("--group", "groups", multiple=True, metavar="NAME", help="A group of the user; may be repeated.")
@click.option("--admin", is_flag=True, help="The user is an admin: name the problems of each list as well.")
@click.option("--all", "everything", is_flag=True, help="Every image that can be found by searching, too.")
@click.option("--why", is_flag=True, help="Give the reason for every image that the form does not show.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.option("--token", envvar="STRATA_STATE_TOKEN", default="", help="Token for the service.", show_envvar=True)
def menu(
    *,
    place: str,
    name: str,
    groups: tuple[str, ...],
    admin: bool,
    everything: bool,
    why: bool,
    as_json: bool,
    token: str,
) -> None:
    """Show what the form shows to a user: images by section, sizes, and what is selected.

    Exits with 2 if the menu state cannot be read.
    """
    url = place if "://" in place else Path(place).absolute().as_uri()
    state = asyncio.run(_read(url, token))
    made = menu_for(state, User(name, frozenset(groups), admin), datetime.now(UTC))
    shown = _Shown(made, state, everything=everything or why, why=why)
    if as_json:
        click.echo(json.dumps(shown.document(), indent=2))
    else:
        shown.print()


async def _read(url: str, token: str) -> MenuState:
    document = await source_for(url, token).read("")
    if document is None:
        raise StateUnavailable(f"{url} holds no menu state.")
    return load(document.body)


@dataclass(frozen=True)
class _Shown:
    """A menu, and how much of what the form leaves out is told with it."""

    menu: Menu
    state: MenuState
    everything: bool
    why: bool

    def document(self) -> dict[str, object]:
        default = self.menu.default
        return {
            "deployment": self.menu.deployment,
            "selected": None if default is None else default[0].reference(default[1]),
            "payloads": [self._payload(payload) for payload in self.menu.payloads],
            "sizes": [size.model_dump(exclude={"groups"}) for size in self.menu.sizes],
        }

    def print(self) -> None:
        # A pipe has no width: then a row is a line, however long.
        console = Console(width=None if sys.stdout.isatty() else 1000, highlight=False)
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in ("PAYLOAD", "SECTION", "IMAGE", "TAG", "BUILT", "NOTES"):
            table.add_column(column, overflow="fold")
        for payload in self.menu.payloads:
            for cells in self._rows(payload):
                table.add_row(*(Text(_plain(cell)) for cell in (payload.name, *cells)))
        console.print(table)
        for payload in self.menu.payloads:
            age = () if payload.age is None else (f"The list is {wording.span(payload.age)} old.",)
            for sentence in (*age, *payload.problems):
                console.print(Text(f"{payload.name}: {_plain(sentence)}"))
        sizes = [
            f"{size.name} ({wording.cores(size.cpu_limit)}, {wording.memory(size.memory_limit)})"
            for size in self.menu.sizes
        ]
        console.print(Text(f"Sizes: {_plain(', '.join(sizes)) or 'none'}"))

    def _payload(self, payload: MenuPayload) -> dict[str, object]:
        found: dict[str, object] = {
            "name": payload.name,
            "title": payload.title,
            "sections": {
                section.title: [_entry(payload, entry) for entry in section.entries] for section in payload.sections
            },
            "age": None if payload.age is None else wording.span(payload.age),
            "problems": list(payload.problems),
        }
        if self.everything:
            found["search"] = [_entry(payload, entry) for entry in _searchable(payload)]
        if self.why:
            found["hidden"] = [
                {"tag": tag, "code": code, "reason": reason} for tag, code, reason in self._left(payload)
            ]
        return found

    def _rows(self, payload: MenuPayload) -> Iterator[tuple[str, ...]]:
        for section in payload.sections:
            for entry in section.entries:
                yield _cells(section.title, entry, self.menu.at)
        for entry in _searchable(payload) if self.everything else ():
            yield _cells(_SEARCH, entry, self.menu.at)
        for tag, _, reason in self._left(payload) if self.why else ():
            yield ("hidden", "", tag, "", reason)

    def _left(self, payload: MenuPayload) -> Iterator[tuple[str, str, str]]:
        """Yield tag, code and reason of what this user is not shown."""
        allowed = {entry.tag for entry in payload.entries}
        source = next(found for found in self.state.payloads if found.name == payload.name)
        for entry in source.images:
            if entry.tag not in allowed:
                yield entry.tag, "group", f"For members of {', '.join(entry.groups)} only."
        for one in source.hidden:
            yield one.tag, one.code, one.reason


def _searchable(payload: MenuPayload) -> list[ImageEntry]:
    shown = {entry.tag for section in payload.sections for entry in section.entries}
    return [entry for entry in payload.entries if entry.tag not in shown]


def _entry(payload: MenuPayload, entry: ImageEntry) -> dict[str, object]:
    return {
        "title": entry.recommendation.title if entry.recommendation else entry.display,
        "display": entry.display,
        "tag": entry.tag,
        "reference": payload.reference(entry),
        "names": list(entry.names),
        "version": entry.version,
        "cycle": entry.cycle,
        "stack": entry.stack,
        "created": None if entry.created is None else entry.created.isoformat(),
        "tested": entry.tested,
        "cached": entry.cached,
        "startable": entry.digest is not None,
        "why": entry.why,
    }


def _cells(section: str, entry: ImageEntry, now: datetime) -> tuple[str, ...]:
    title = entry.display
    if entry.recommendation and section != _SEARCH:
        title = f"{entry.recommendation.title}: {title}"
    notes = (
        entry.stack,
        entry.cycle,
        {"passed": "tested", "failed": "failed its test"}.get(entry.tested, ""),
        "starts fast" if entry.cached else "",
        "" if entry.digest else "not examined yet",
        entry.why if section == _SEARCH else "",
    )
    built = "" if entry.created is None else wording.age(entry.created, now)
    return section, title, entry.tag, built, "; ".join(note for note in notes if note)


def _plain(text: str) -> str:
    """Return `text` without characters that a terminal would obey."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
