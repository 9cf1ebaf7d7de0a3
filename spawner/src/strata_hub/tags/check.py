"""Check a list of names against a scheme, for whoever makes releases."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .model import Tag, TagKind, TagScheme

_ORDER = tuple(TagKind)


@dataclass(frozen=True)
class TagCheck:
    """The names of a list, parsed and sorted: by kind, and newest first within each kind.

    A name conforms unless it is unrecognised: an alias or an experimental tag is what somebody meant it to be.
    """

    tags: tuple[Tag, ...]

    @classmethod
    def of(cls, lines: Iterable[str], scheme: TagScheme) -> "TagCheck":
        """Return the check of `lines`: a name each; what follows ``#`` is a comment, and empty lines do not count."""
        tags = [scheme.parse(name) for name in _names(lines)]
        tags.sort(key=lambda tag: tag.text)
        tags.sort(key=lambda tag: tag.key, reverse=True)
        tags.sort(key=lambda tag: _ORDER.index(tag.kind))
        return cls(tuple(tags))

    @property
    def conforms(self) -> bool:
        """Whether every name follows the scheme."""
        return not self.offending

    @property
    def offending(self) -> tuple[Tag, ...]:
        """The names that do not follow the scheme."""
        return tuple(tag for tag in self.tags if tag.kind is TagKind.UNRECOGNISED)


def _names(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        name = line.partition("#")[0].strip()
        if name:
            yield name


def describe(tag: Tag) -> dict[str, Any]:
    """Return everything that is known of `tag`, ready for JSON: a key for each field, absent ones left out."""
    return {
        "tag": tag.text,
        "kind": tag.kind.value,
        "display": tag.display,
        "reason": tag.reason,
        "immutable": tag.immutable,
        **{name: value for name, value in _fields(tag).items() if value not in (None, "")},
    }


def _fields(tag: Tag) -> dict[str, Any]:
    return {
        "version": tag.version,
        "date": tag.date and tag.date.date().isoformat(),
        "cycle": tag.cycle_text,
        "cycle_letter": tag.fields.letter,
        "cycle_number": tag.cycle,
        "cycle_revision": tag.fields.revision,
        "build": tag.build,
        "built_at": tag.built_at and tag.built_at.isoformat(),
        "architecture": tag.architecture,
        "extra": tag.extra,
    }
