"""What a user may write for a package: PEP 508's name, extras and version specifiers, and nothing else."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from strata_lab.errors import InvalidInput, Refused

_MAX_LENGTH = 500
_START = re.compile(r"[A-Za-z0-9]", re.ASCII)
_CHARACTERS = re.compile(r"[A-Za-z0-9._\-\[\],<>=!~*+() ]+", re.ASCII)
_LOOKS_ELSEWHERE = re.compile(r"(?:[a-z+]+://|@|/|\\|\A\.|\A~|\Agit\+)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Spec:
    """One requirement, proved to be a name with extras and a specifier.

    Attributes
    ----------
    name
        Canonical (PEP 503).
    extras
        Canonical, sorted.
    """

    name: NormalizedName
    extras: tuple[str, ...] = ()
    specifier: SpecifierSet = SpecifierSet()  # noqa: RUF009 - immutable in use: no operation here changes it

    def __str__(self) -> str:
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        return f"{self.name}{extras}{self.specifier}"


def parse(text: str) -> Spec:
    """Return the specification that a user wrote.

    Raises
    ------
    InvalidInput
        If it is no requirement of PEP 508.
    Refused
        If it is one, but asks for a URL, a path, a version-control address, an option or a marker.
    """
    if len(text) > _MAX_LENGTH or not (text := text.strip(" \t")):
        raise InvalidInput("A requirement needs between 1 and 500 characters.")
    shown = repr(text[:80])
    if text.startswith("-"):
        raise Refused(f"{shown} is an option, not a package.", hint="Write a package's name, such as 'specutils>=2'.")
    if _LOOKS_ELSEWHERE.search(text):
        raise Refused(
            f"{shown} names a place, not a package.",
            hint="Packages come from the indexes that this lab is set up with.",
        )
    if ";" in text:
        raise Refused(
            f"{shown} has a marker.", hint="Leave out what follows ';': the plan is made for this stack only."
        )
    if not _START.match(text) or not _CHARACTERS.fullmatch(text):
        raise InvalidInput(f"{shown} is not a package's name with an optional version.")
    try:
        requirement = Requirement(text)
    except (InvalidRequirement, ValueError, RecursionError) as error:
        raise InvalidInput(
            f"{shown} is not a requirement.", hint="Write it like 'specutils', 'specutils>=2'."
        ) from error
    if requirement.url or requirement.marker:
        raise Refused(f"{shown} names a place, not a package.")
    if any(item.operator == "===" for item in requirement.specifier):
        raise Refused(f"{shown} compares versions as text ('===').", hint="Write '=='.")
    extras = tuple(sorted({canonicalize_name(extra) for extra in requirement.extras}))
    return Spec(canonicalize_name(requirement.name), extras, requirement.specifier)


def parse_all(texts: Iterable[str]) -> tuple[Spec, ...]:
    """Return all specifications, refusing one name asked twice with different conditions."""
    specs = tuple(parse(text) for text in texts)
    seen: dict[str, Spec] = {}
    for spec in specs:
        if seen.setdefault(spec.name, spec) != spec:
            raise InvalidInput(f"{spec.name} is asked for twice: {seen[spec.name]} and {spec}.")
    return tuple(seen.values())


def parse_name(text: str) -> NormalizedName:
    """Return a canonical distribution name, for changes that take no version."""
    spec = parse(text)
    if spec.extras or str(spec.specifier):
        raise InvalidInput(f"{text[:80]!r} has more than a name.", hint="Give the name alone.")
    return spec.name


def merged(old: Iterable[str], new: Iterable[Spec]) -> tuple[str, ...]:
    """Return requirements with new ones put in, each in the place of the old one of its name."""
    kept = {parse(text).name: text for text in old}
    kept.update({spec.name: str(spec) for spec in new})
    return tuple(kept.values())
