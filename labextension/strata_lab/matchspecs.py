"""What a user may write for a conda package: a name and a version, nothing that names another place."""

import re
from dataclasses import dataclass

from strata_lab.errors import InvalidInput, Refused

_MAX_LENGTH = 200
_NAME = r"(?P<name>[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?)"
_OPERATOR = "(?:==|=|>=|<=|>|<|!=|~=)"
_VERSION = r"[A-Za-z0-9_.!+*]+"
_MORE = rf"(?:[,|]{_OPERATOR}?{_VERSION})*"
# `name`, `name=1.2`, `name>=1,<2`, `name 1.2.*`: a version without an operator needs a space before it.
_SPEC = re.compile(rf"{_NAME}(?P<version> *{_OPERATOR}{_VERSION}{_MORE}| +{_VERSION}{_MORE})?", re.ASCII)
_LOOKS_ELSEWHERE = re.compile(r"::|://|/|\\|\[|\]|@", re.ASCII)


@dataclass(frozen=True, slots=True)
class CondaSpec:
    """One specification, proved to be a name with a version specifier.

    Attributes
    ----------
    version
        As conda's match specifications write it; empty for any.
    """

    name: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()


def parse(text: str) -> CondaSpec:
    """Return the specification that a user wrote.

    Raises
    ------
    InvalidInput
        If it is no name with an optional version.
    Refused
        If it names a channel, a URL, a path or a build attribute.
    """
    text = text.strip(" \t")
    shown = repr(text[:80])
    if not text or len(text) > _MAX_LENGTH:
        raise InvalidInput("A package needs between 1 and 200 characters.")
    if text.startswith("-"):
        raise Refused(f"{shown} is an option, not a package.", hint="Write a package's name, such as 'gdal>=3'.")
    if _LOOKS_ELSEWHERE.search(text):
        raise Refused(
            f"{shown} names a place, not a package.",
            hint="Packages come from the channels that this lab is set up with.",
        )
    found = _SPEC.fullmatch(text.lower())
    if not found:
        raise InvalidInput(
            f"{shown} is not a package's name with an optional version.", hint="Write it like 'gdal' or 'gdal>=3,<4'."
        )
    return CondaSpec(found["name"], (found["version"] or "").strip())


def merged(old: tuple[str, ...], new: tuple[CondaSpec, ...]) -> tuple[str, ...]:
    """Return specifications with new ones put in, each in the place of the old one of its name."""
    kept = {parse(text).name: text for text in old}
    kept.update({spec.name: str(spec) for spec in new})
    return tuple(kept.values())
