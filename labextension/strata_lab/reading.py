"""How each environment stands to the stack at hand, found without starting anything."""

import os
from dataclasses import dataclass
from pathlib import Path

from strata_lab import lease
from strata_lab.environments import Action, Kind, Record, State, Status
from strata_lab.errors import InvalidInput, NotFound, StrataError
from strata_lab.intents import requirement_name
from strata_lab.judging import shadowing, unmet
from strata_lab.stack import Stack
from strata_lab.store import Store


@dataclass(frozen=True, slots=True)
class Verdict:
    """A state with its reasons, and the generation to use."""

    state: State
    reasons: tuple[str, ...]
    live: str | None


def status(store: Store, stack: Stack, name: str) -> Status:
    """Return one environment, judged.

    Raises
    ------
    NotFound
        If there is none of this name.
    """
    identifier = store.current(name)
    holder, _idle = lease.look(store.layout.locks / name)
    busy = f"{holder.purpose} ({holder.user} on {holder.host})" if holder else None
    try:
        record = store.record(identifier)
    except StrataError as error:
        return Status(name=name, state=State.BROKEN, reasons=(str(error),), record=None, live=None, busy=busy)
    verdict = judged(store, stack, name, record)
    return Status(
        name=name,
        state=verdict.state,
        reasons=verdict.reasons,
        record=record,
        live=verdict.live,
        busy=busy,
        can_undo=undone(store, record) is not None,
        can_redo=redone(store, name, record) is not None,
    )


def statuses(store: Store, stack: Stack) -> list[Status]:
    """Return all environments, judged; one that vanishes meanwhile is left out."""
    found = []
    for name in store.names():
        try:
            found.append(status(store, stack, name))
        except (NotFound, InvalidInput):
            continue
    return found


def judged(store: Store, stack: Stack, name: str, record: Record) -> Verdict:
    """Judge the realisation that an environment's pointer names, or another one of the same intent on this stack."""
    reasons = misfits(store, stack, record)
    if not reasons:
        return Verdict(State.GOOD, (), record.generation)
    for other in store.known(name):
        same = other.intent.digest == record.intent.digest and other.stack.fingerprint == stack.fingerprint
        if same and other.generation != record.generation and not misfits(store, stack, other):
            return Verdict(State.GOOD, (), other.generation)
    missing = impossible(store, stack, record)
    return Verdict(State.IMPOSSIBLE if missing else State.REBUILD, missing or tuple(reasons), None)


def misfits(store: Store, stack: Stack, record: Record) -> list[str]:
    """Return why a realisation cannot be used on a stack, as sentences; none if it can."""
    prefix = store.layout.generation(record.generation)
    if not os.access(prefix / "bin" / "python", os.X_OK):
        if record.intent.kind is Kind.OVERLAY and record.stack.prefix != str(stack.prefix):
            return [f"It was made on {record.stack.title} ({record.stack.prefix}), which is not in this image."]
        return ["Its interpreter is gone."]
    if record.stack.fingerprint == stack.fingerprint or record.intent.kind is Kind.CONDA:
        return []
    if (record.stack.prefix, record.stack.abi) != (str(stack.prefix), stack.abi) or not _same_minor(record, stack):
        there = f"{stack.version} in {stack.prefix}"
        return [f"It was made for Python {record.stack.python} in {record.stack.prefix}; this image has {there}."]
    wanting = [
        f"{item.name} {item.version} needs {item.requirement}; the stack now has {item.found or 'none'}."
        for item in unmet(record.locked, stack)
    ]
    shadows = set(record.intent.shadow)
    new = [
        f"The stack now has {item.name} {item.stack_version} itself; the environment has {item.new_version}."
        for item in shadowing(record.locked, stack)
        if item.name not in shadows
    ]
    return wanting + new


def lock_fits(record: Record, stack: Stack) -> bool:
    """Whether exactly what was locked can be installed on a stack: same ABI, all needs met, nothing doubled."""
    if record.stack.fingerprint == stack.fingerprint:
        return True
    if record.stack.abi != stack.abi or not _same_minor(record, stack):
        return False
    shadows = {item.name for item in shadowing(record.locked, stack)} - set(record.intent.shadow)
    doubled = {item.name for item in record.locked} & set(stack.by_name) - set(record.intent.shadow)
    return not (shadows or doubled or unmet(record.locked, stack) or _asked_and_missing(record, stack))


def _asked_and_missing(record: Record, stack: Stack) -> bool:
    have = {item.name for item in record.locked} | set(stack.by_name)
    return any(requirement_name(text, record.intent.kind) not in have for text in record.intent.requirements)


def impossible(store: Store, stack: Stack, record: Record) -> tuple[str, ...]:
    """Return what is missing for a rebuild on this stack, as far as it is known without asking an index."""
    if not os.access(stack.executable, os.X_OK):
        return (f"The stack's interpreter {stack.executable} is missing.",)
    return failures(store, record, stack)


def failures(store: Store, record: Record, stack: Stack) -> tuple[str, ...]:
    """Return what the last attempt to rebuild this intent on this stack could not satisfy."""
    path = failure_path(store, record, stack)
    try:
        return (path.read_text(encoding="utf-8").strip(),)
    except OSError:
        return ()


def failure_path(store: Store, record: Record, stack: Stack) -> Path:
    """Return where such a failure is remembered: in the cache, so that a new session tries again."""
    return store.layout.cache / "failures" / f"{record.intent.digest}-{stack.fingerprint}.txt"


def undone(store: Store, record: Record) -> Record | None:
    """Return the generation that an undo goes back to: the one before the last change that was not a mere rebuild."""
    while record.parent is not None:
        try:
            parent = store.record(record.parent)
        except (NotFound, InvalidInput):
            return None
        if record.action is not Action.REBUILD:
            return parent
        record = parent
    return None


def redone(store: Store, name: str, record: Record) -> Record | None:
    """Return the newest generation that was made from this one, if there is any."""
    made = (other for other in store.known(name) if other.parent == record.generation)
    return next((other for other in made if other.action is not Action.REBUILD), None)


def _same_minor(record: Record, stack: Stack) -> bool:
    return record.stack.python.split(".")[:2] == stack.version.split(".")[:2]
