"""What a tag scheme says of a tag."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol


class TagKind(StrEnum):
    """What a tag names; the values are those of every document and command."""

    ALIAS = "alias"
    RELEASE = "release"
    RELEASE_CANDIDATE = "release_candidate"
    WEEKLY = "weekly"
    DAILY = "daily"
    EXPERIMENTAL = "experimental"
    UNRECOGNISED = "unrecognised"


@dataclass(frozen=True, eq=False)
class Tag:
    """A parsed tag. Equality, order and hash use ``key`` alone; greater is newer.

    ``key`` is a tuple that compares with the key of any other tag of any scheme without an error.
    """

    text: str
    """The tag as the registry spells it."""
    kind: TagKind
    key: tuple[Any, ...]
    display: str
    """Name for people, such as ``Weekly 2026_22``."""
    immutable: bool = True
    """False where the tag may come to name other bytes: aliases, experimental and unrecognised tags."""
    version: str = ""
    """The stack version without build counter, cycle and the rest: equal for two builds of one version."""
    date: datetime | None = None
    """When the version was made, as far as the tag tells (UTC)."""
    cycle: int | None = None
    cycle_letter: str = ""
    cycle_revision: int | None = None
    build: int | None = None
    built_at: datetime | None = None
    architecture: str = ""
    extra: str = ""
    reason: str = ""
    """Why the tag was not recognised; empty for recognised tags."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """The parts as spelled, for ``strata-hub tags explain``."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tag) and self.key == other.key

    def __lt__(self, other: "Tag") -> bool:
        return self.key < other.key

    def __hash__(self) -> int:
        return hash(self.key)


class TagScheme(Protocol):
    """A grammar of tags; register one under the entry point group ``strata_hub.tag_schemes``."""

    name: str

    def parse(self, text: str) -> Tag:
        """Return what `text` means; never raise, whatever the string."""
        ...
