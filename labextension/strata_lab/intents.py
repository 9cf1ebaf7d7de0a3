"""What a change makes of an intent: from what was asked for before to what is asked for after it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from packaging.utils import canonicalize_name

from strata_lab import matchspecs, specs
from strata_lab.changes import Adopt, Create, Install, Rebuild, Remove, Upgrade
from strata_lab.environments import Intent, Kind, Locked, Record
from strata_lab.errors import NotFound, Refused

Building = Create | Install | Upgrade | Remove | Adopt | Rebuild


@dataclass(frozen=True, slots=True)
class Aim:
    """What a new generation shall be.

    Attributes
    ----------
    preferred
        Versions to keep where they fit.
    upgrade
        Names that shall move.
    hashes
        By ``name==version``: the SHA-256 values that are acceptable; what is not named is free.
    """

    intent: Intent
    preferred: tuple[Locked, ...] = ()
    upgrade: frozenset[str] = frozenset()
    hashes: Mapping[str, frozenset[str]] = field(default_factory=dict)


def aim(request: Building, before: Record | None, machinery: frozenset[str]) -> Aim:
    """Return what a change aims at.

    Raises
    ------
    Refused
        If it asks for a name of the machinery.
    NotFound
        If it removes or upgrades what was never asked for.
    """
    intent = before.intent if before is not None else Intent()
    kept = before.locked if before is not None else ()
    match request:
        case Create():
            return Aim(_created(request, machinery))
        case Install():
            return _installed(request, intent, kept, machinery)
        case Upgrade():
            return _upgraded(request, intent, kept)
        case Remove():
            return _removed(request, intent, kept)
        case Adopt() | Rebuild():
            return Aim(intent, kept)


def _created(request: Create, machinery: frozenset[str]) -> Intent:
    if request.kind is Kind.CONDA:
        refuse_machinery((matchspecs.parse(text).name for text in request.requirements), machinery)
        return Intent(kind=Kind.CONDA, requirements=request.requirements, python=request.python)
    if request.python is not None:
        raise Refused("An overlay has the stack's Python.", hint="Ask for a conda environment to choose another one.")
    asked = specs.parse_all(request.requirements)
    refuse_machinery((spec.name for spec in asked), machinery)
    return Intent(requirements=tuple(str(spec) for spec in asked))


def _installed(request: Install, intent: Intent, kept: tuple[Locked, ...], machinery: frozenset[str]) -> Aim:
    if intent.kind is Kind.CONDA:
        names = {matchspecs.parse(text).name for text in request.requirements}
        refuse_machinery(names, machinery)
        asked_for = matchspecs.merged(intent.requirements, tuple(map(matchspecs.parse, request.requirements)))
        return Aim(intent.model_copy(update={"requirements": asked_for}), kept)
    asked = specs.parse_all(request.requirements)
    refuse_machinery((spec.name for spec in asked), machinery)
    merged = specs.merged(intent.requirements, asked)
    return Aim(intent.model_copy(update={"requirements": merged}), kept)


def _upgraded(request: Upgrade, intent: Intent, kept: tuple[Locked, ...]) -> Aim:
    there = {item.name for item in kept}
    if not request.names:
        return Aim(intent, kept, frozenset(there))
    names: set[str] = {specs.parse_name(text) for text in request.names}
    _must_be_known(names, there | _names(intent))
    return Aim(intent, kept, frozenset(names))


def _removed(request: Remove, intent: Intent, kept: tuple[Locked, ...]) -> Aim:
    names: set[str] = {specs.parse_name(text) for text in request.names}
    asked = _names(intent)
    needed = sorted(names & {item.name for item in kept} - asked)
    if needed:
        raise Refused(
            f"{', '.join(needed)} was not asked for: other packages need it.", hint="Remove the package that needs it."
        )
    _must_be_known(names, asked)
    rest = tuple(text for text in intent.requirements if requirement_name(text, intent.kind) not in names)
    shadow = tuple(name for name in intent.shadow if name not in names)
    return Aim(intent.model_copy(update={"requirements": rest, "shadow": shadow}), kept)


def requirement_name(text: str, kind: Kind) -> str:
    """Return the name in a requirement of an intent of this kind."""
    return matchspecs.parse(text).name if kind is Kind.CONDA else specs.parse(text).name


def refuse_machinery(names: Iterable[str], machinery: frozenset[str]) -> None:
    """Raise :exc:`~strata_lab.errors.Refused` if a name belongs to the lab's own machinery."""
    for name in names:
        if canonicalize_name(name) in machinery:
            raise Refused(
                f"{name} belongs to the lab's own machinery and cannot be part of an environment.",
                hint="Ask the people who run this lab.",
            )


def _names(intent: Intent) -> set[str]:
    return {requirement_name(text, intent.kind) for text in intent.requirements}


def _must_be_known(names: set[str], known: set[str]) -> None:
    unknown = sorted(names - known)
    if unknown:
        raise NotFound(
            f"{', '.join(unknown)} is not part of this environment.",
            hint="What the stack holds cannot be changed from here.",
        )
