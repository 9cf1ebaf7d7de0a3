"""Tags that are semantic versions (semver.org 2.0.0), such as ``1.2.3`` and ``v1.2.3-rc.1``."""

from .fields import ARCHITECTURES, NotInScheme, Prerelease
from .grammar import Form, GrammarScheme, Head
from .model import TagKind

_NUMBER = "(0|[1-9][0-9]*)"

_ARCHITECTURE = f"-(?:{'|'.join(ARCHITECTURES)})"

# What follows the first hyphen, unless it is an architecture and nothing else; an architecture at the end is left over.
PRERELEASE = rf"(?:(?!{_ARCHITECTURE}\Z)-([0-9A-Za-z.-]+?)(?=(?:{_ARCHITECTURE})?\Z|_))?"


def read_prerelease(text: str) -> Prerelease:
    """Return the identifiers of a pre-release as they are ordered: numbers as numbers, and below words (rule 11).

    Raises
    ------
    NotInScheme
        If a part is empty, or a number has a leading zero (rule 9).
    """
    identifiers = []
    for part in text.split("."):
        if not part:
            raise NotInScheme("a part of its pre-release is empty")
        if part.isdigit():
            if part != "0" and part.startswith("0"):
                raise NotInScheme(f"the number {part} in its pre-release has a leading zero")
            identifiers.append((0, int(part), ""))
        else:
            identifiers.append((1, 0, part))
    return tuple(identifiers)


def _version(groups: tuple[str, ...]) -> Head:
    major, minor, patch, prerelease = groups
    numbers = (int(major), int(minor), int(patch))
    if prerelease:
        return Head(f"{major}.{minor}.{patch}-{prerelease}", numbers, None, read_prerelease(prerelease))
    return Head(f"{major}.{minor}.{patch}", numbers)


class SemverScheme(GrammarScheme):
    """``1.2.3``, ``v1.2.3-rc.1``, and the fields that all schemes share."""

    name = "semver"
    spellings = "MAJOR.MINOR.PATCH, MAJOR.MINOR.PATCH-PRERELEASE, or an alias"
    forms = (Form(TagKind.RELEASE, rf"v?{_NUMBER}\.{_NUMBER}\.{_NUMBER}{PRERELEASE}", _version),)
    near_misses = (
        (
            r"v?[0-9]+(?:\.[0-9]+)?\Z",
            "a semantic version has three numbers; shorter ones move, so name them as aliases",
        ),
        (r"v?[0-9]+\.[0-9]+\.[0-9]+\.", "a semantic version has three numbers, not four"),
        (r"v?(?:[0-9]+\.)*0[0-9]", "a number of a semantic version has no leading zero"),
    )
