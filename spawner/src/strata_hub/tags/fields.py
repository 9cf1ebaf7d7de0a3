"""The fields that may follow the version in a tag of any scheme: ``_rsp2648``, ``_c0044.007``, ``-arm64``."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

ARCHITECTURES = {
    "amd64": "amd64",
    "x86_64": "amd64",
    "arm64": "arm64",
    "arm64v8": "arm64",
    "aarch64": "arm64",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
}
"""What a tag may say after its last ``-``, and the architecture's name in OCI documents."""

# Groups 2 to 4 are letter, number and revision of a cycle, 5 to 7 day, hours and minutes, and seconds of a build date.
_FIELD = re.compile(
    r"rsp([0-9]+)"
    r"|([ck])([0-9]+)(?:\.([0-9]+))?"
    r"|([0-9]{8})(?:T([0-9]{4})([0-9]{2})?Z?)?"
    r"|rc([0-9]+)",
    re.ASCII,
).fullmatch

_COUNTER, _CYCLE, _CANDIDATE = 1, (3, 4), 8
"""The last group that such a field fills."""

_TEXT = re.compile(r"[A-Za-z0-9.-]+", re.ASCII).fullmatch

Prerelease = tuple[tuple[int, int, str], ...]
"""Identifiers of a pre-release as semver orders them: numbers below words."""


class NotInScheme(ValueError):
    """A tag breaks a rule of its scheme; the message says which, as the end of a sentence about the tag."""


class Fields(NamedTuple):
    """The fields of one tag."""

    architecture: str = ""
    """In the words of OCI: ``amd64`` also where the tag says ``x86_64``."""
    build: int | None = None
    letter: str = ""
    """Of the cycle."""
    cycle: int | None = None
    revision: int | None = None
    """Of the cycle."""
    cycle_text: str = ""
    """The cycle for people, such as ``SAL Cycle 0044, Build 007``; zero padding is kept."""
    built_at: datetime | None = None
    """When the image was built, as far as the tag tells (UTC)."""
    candidate: int | None = None
    extras: tuple[str, ...] = ()
    """What the grammar gives no meaning to."""

    def key(self) -> tuple[Any, ...]:
        """Return what orders two tags of one version: later cycle, then later build; plain before dressed up."""
        extras = tuple(sorted(self.extras)) if self.extras else ()
        return (
            -1 if self.cycle is None else self.cycle,
            -1 if self.revision is None else self.revision,
            -1 if self.build is None else self.build,
            self.built_at or _NEVER,
            not extras,
            extras,
            not self.architecture,
            self.architecture,
            self.letter,
        )

    def dress(self, display: str) -> str:
        """Return `display` with those fields that a user should see: cycle, architecture and extra text."""
        if self.cycle_text:
            display = f"{display} ({self.cycle_text})"
        if self.architecture:
            display = f"{display} ({self.architecture})"
        if self.extras:
            display = f"{display} [{'_'.join(self.extras)}]"
        return display


_NEVER = datetime.min.replace(tzinfo=UTC)
PLAIN = Fields()
PLAIN_KEY = PLAIN.key()


def split_architecture(text: str) -> tuple[str, str]:
    """Return `text` without a known architecture after its last ``-``, and that architecture in the words of OCI."""
    rest, dash, name = text.rpartition("-")
    if dash and name in ARCHITECTURES:
        return rest, ARCHITECTURES[name]
    return text, ""


def read_suffix(text: str) -> Fields:
    """Return the fields in `text`, which starts with ``_`` or ``-``, or is empty.

    Raises
    ------
    NotInScheme
        If a field is empty or given twice, or something follows ``-`` that is no architecture.
    """
    architecture = ""
    if "-" in text:
        text, architecture = split_architecture(text)
        if text.startswith("-"):
            raise NotInScheme(f"{text!r} after the version is no known architecture")
    if not text:
        return Fields(architecture)
    return read_fields(text[1:].split("_"), architecture)


def read_fields(parts: Sequence[str], architecture: str = "") -> Fields:
    """Return the fields that `parts` spell, in any order.

    Raises
    ------
    NotInScheme
        If a part is empty, holds a character that no tag has, or repeats a field.
    """
    build = cycle = revision = candidate = built_at = None
    letter = cycle_text = ""
    extras: list[str] = []
    for part in parts:
        found = _FIELD(part)
        if found is None:
            if not _TEXT(part):
                raise NotInScheme(_bad_part(part))
            extras.append(part)
            continue
        field = found.lastindex
        if field == _COUNTER:
            _once(build, "build counter")
            build = int(found[_COUNTER])
        elif field in _CYCLE:
            _once(cycle, "cycle")
            letter, number, minor = found.group(2, 3, 4)
            cycle = int(number)
            revision = None if minor is None else int(minor)
            cycle_text = f"SAL Cycle {number}" if minor is None else f"SAL Cycle {number}, Build {minor}"
        elif field == _CANDIDATE:
            _once(candidate, "candidate number")
            candidate = int(found[_CANDIDATE])
        else:
            moment = _moment(*found.group(5, 6, 7))
            if moment is None:
                extras.append(part)
                continue
            _once(built_at, "build date")
            built_at = moment
    return Fields(architecture, build, letter, cycle, revision, cycle_text, built_at, candidate, tuple(extras))


def _once(value: object, what: str) -> None:
    if value is not None:
        raise NotInScheme(f"it has more than one {what}")


def _bad_part(part: str) -> str:
    return (
        f"the field {part!r} holds a character that no tag may have"
        if part
        else "a field between its underscores is empty"
    )


def _moment(day: str, clock: str | None, seconds: str | None) -> datetime | None:
    """Return the build date, or None where the digits are no date: then they are extra text."""
    hours, minutes = (clock[:2], clock[2:]) if clock else ("0", "0")
    try:
        return datetime(
            int(day[:4]), int(day[4:6]), int(day[6:]), int(hours), int(minutes), int(seconds or 0), tzinfo=UTC
        )
    except ValueError:
        return None


def candidate_of(fields: Fields) -> Prerelease:
    """Return the order of ``_rcN`` among pre-releases: that of semver's ``-rc.N``."""
    return ((1, 0, "rc"), (0, fields.candidate or 0, ""))
