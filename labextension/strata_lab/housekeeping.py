"""Take away what nothing names: half-made generations, generations past undoing, the bin past its time, dead leases."""

import contextlib
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from strata_lab import lease
from strata_lab.environments import Action, Actor, Event, Record, checked_identifier, checked_name
from strata_lab.errors import InvalidInput, NotFound, StrataError
from strata_lab.guard import Policy
from strata_lab.layout import RECORD, Layout
from strata_lab.store import Store, read_history, remove_tree

_BINNED = re.compile(r"(?P<name>.+)\.(?P<when>[0-9]{8}T[0-9]{6})\.[0-9a-f]{12}", re.ASCII)
_TIME = "%Y%m%dT%H%M%S"


@dataclass(frozen=True, slots=True)
class Swept:
    """What went, and what could not be taken away yet."""

    generations: tuple[str, ...] = ()
    binned: tuple[str, ...] = ()
    leftovers: int = 0
    stuck: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binned:
    """A deleted environment that can still be restored."""

    entry: str
    name: str
    deleted: datetime


def bin_entry(name: str, tag: str) -> str:
    """Return the name under which an environment lies in the bin."""
    return f"{name}.{time.strftime(_TIME, time.gmtime())}.{tag}"


def binned(layout: Layout) -> list[Binned]:
    """Return what is in the bin, latest first."""
    found = []
    for path in _inside(layout.bin):
        match = _BINNED.fullmatch(path.name)
        if match:
            with contextlib.suppress(InvalidInput, ValueError):
                when = datetime.strptime(match["when"], _TIME).replace(tzinfo=UTC)
                found.append(Binned(path.name, checked_name(match["name"]), when))
    return sorted(found, key=lambda item: (item.deleted, item.entry), reverse=True)


def sweep(store: Store, policy: Policy, actor: Actor, now: datetime | None = None) -> Swept:
    """Bring the home back to what its pointers name.

    The order matters where another lab is at work in the same home. First what lies there is listed, then who is
    alive, then what is named: a generation in the list whose maker is no longer alive has been named by then, or never
    will be.
    """
    layout, now = store.layout, now or datetime.now(UTC)
    candidates = _inside(layout.generations)
    scratch = [*_hidden(layout.environments), *_hidden(layout.bin)]
    for name in store.names():
        scratch += _hidden(layout.environment(name))
    alive = lease.living(layout.locks)
    leftovers = lease.sweep(layout.locks)
    overdue = [item for item in binned(layout) if now - item.deleted > timedelta(days=policy.bin_days)]
    gone = [item.entry for item in overdue if remove_tree(layout.bin / item.entry)]
    for path in scratch:
        if not any(tag in path.name for tag in alive):
            leftovers += remove_tree(path)
    named = _named(store, policy)
    removed: list[str] = []
    stuck: list[str] = []
    for folder in candidates:
        if folder.name in named or any(folder.name.endswith(tag) for tag in alive):
            continue
        (removed if remove_tree(folder) else stuck).append(folder.name)
    for name in store.names():
        _complete_history(store, name, actor)
    return Swept(tuple(removed), tuple(gone), leftovers, tuple(stuck))


def _named(store: Store, policy: Policy) -> set[str]:
    layout = store.layout
    named: set[str] = set()
    for folder in [layout.environment(name) for name in store.names()]:
        named |= kept(store, folder, policy.keep_generations)
    for item in binned(layout):
        named |= kept(store, layout.bin / item.entry, 1)
    return named


def kept(store: Store, folder: Path, count: int) -> set[str]:
    """Return the generations that an environment's folder names.

    These are the pointer's, the latest ones, and the latest realisation of the present intent on each of the last few
    stacks.
    """
    pointer = ""
    with contextlib.suppress(OSError, InvalidInput):
        pointer = checked_identifier((folder / "current").readlink().name)
    latest = [event.generation for event in reversed(read_history(folder / "history.jsonl"))]
    order = [name for name in dict.fromkeys([pointer, *latest]) if (store.layout.generations / name / RECORD).exists()]
    named = set(order[:count]) | ({pointer} - {""})
    present = _record(store, pointer)
    if present is None or count == 1:
        return named
    stacks: set[str] = set()
    for name in order:
        record = _record(store, name)
        if record is None or record.intent.digest != present.intent.digest or len(stacks) >= count:
            continue
        if record.stack.fingerprint not in stacks:
            stacks.add(record.stack.fingerprint)
            named.add(name)
    return named


def _complete_history(store: Store, name: str, actor: Actor) -> None:
    """Write the line that a killed operation could not write after its switch."""
    with contextlib.suppress(StrataError):
        pointer = store.current(name)
        events = store.history(name)
        if events and events[-1].generation == pointer:
            return
        record = store.record(pointer)
        seen = any(event.generation == pointer for event in events)
        store.note(
            name,
            Event(
                action=Action.UNDO if seen else record.action,
                generation=pointer,
                actor=record.actor if not seen else actor,
                when=record.created if not seen else datetime.now(UTC),
                requested=() if seen else record.requested,
                image=record.image,
                note="written by the sweep: the operation was interrupted after its switch",
            ),
        )


def _record(store: Store, identifier: str) -> Record | None:
    try:
        return store.record(identifier) if identifier else None
    except (NotFound, InvalidInput):
        return None


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _hidden(folder: Path) -> list[Path]:
    return [path for path in _inside(folder) if path.name.startswith(".")]
