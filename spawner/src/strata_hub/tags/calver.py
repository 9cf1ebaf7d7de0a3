"""Tags that are dates (calver.org), such as ``2026.11.03`` and ``2026-11``."""

from datetime import UTC, datetime

from .fields import NotInScheme
from .grammar import Form, GrammarScheme, Head
from .model import TagKind
from .semver import PRERELEASE, read_prerelease


def _version(groups: tuple[str, ...]) -> Head:
    """Return the version that year, month, day, counter and pre-release make; the last three may be absent."""
    year, month, day, counter, prerelease = groups
    numbers = tuple(int(part) for part in (year, month, day, counter) if part)
    try:
        date = datetime(int(year), int(month), int(day or 1), tzinfo=UTC)
    except ValueError as error:
        raise NotInScheme(f"there is no date {'-'.join(part for part in (year, month, day) if part)}") from error
    name = ".".join(part for part in (year, f"{int(month):02}", day and f"{int(day):02}", counter) if part)
    if prerelease:
        return Head(f"{name}-{prerelease}", numbers, date, read_prerelease(prerelease))
    return Head(name, numbers, date)


def _form(separator: str) -> Form:
    """Return the form of a date whose parts stand between `separator`, a regular expression."""
    day = rf"(?:{separator}([0-9]{{1,2}})(?:[.-]([0-9]+))?(?=[_-]|\Z))?"
    return Form(TagKind.RELEASE, rf"v?((?:19|2[0-9])[0-9]{{2}}){separator}([0-9]{{1,2}}){day}{PRERELEASE}", _version)


class CalverScheme(GrammarScheme):
    """``2026.11.03``, ``2026-11-03``, ``2026.11``, a counter after the day, and the fields that all schemes share."""

    name = "calver"
    spellings = "YYYY.MM, YYYY.MM.DD or YYYY.MM.DD.N, with '.' or '-' throughout, or an alias"
    forms = (_form(r"\."), _form("-"))
    near_misses = ((r"v?[0-9]{4}\Z", "a year alone is no version of this scheme"),)
