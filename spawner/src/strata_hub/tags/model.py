"""What a tag scheme says of a tag."""

from dataclasses import dataclass
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

    # Kinds equal their values, so they have to hash alike; Enum hashes the name.
    __hash__ = str.__hash__


@dataclass(frozen=True, eq=False, slots=True)
class Tag:
    """A parsed tag. Equality, order and hash use ``key`` alone; greater is newer.

    ``key`` is a tuple that compares with the key of any other tag of any scheme without an error. Two spellings of
    one meaning are equal (``r170`` and ``r17_0_0``): use ``text`` to tell names apart.
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
    numbers: tuple[int, ...] = ()
    """The version as numbers, to compare with: ``(29, 2, 0)``, or year and week."""
    date: datetime | None = None
    """When the version was made, as far as the tag tells (UTC)."""
    cycle: int | None = None
    cycle_letter: str = ""
    cycle_revision: int | None = None
    cycle_text: str = ""
    """The cycle for people, such as ``SAL Cycle 0044, Build 007``; zero padding is kept."""
    build: int | None = None
    built_at: datetime | None = None
    """When the image was built, as far as the tag tells (UTC)."""
    architecture: str = ""
    """In the words of OCI: ``amd64`` also where the tag says ``x86_64``."""
    extra: str = ""
    """What the grammar gives no meaning to, parts joined by ``_``."""
    reason: str = ""
    """Why the tag was not recognised; empty for recognised tags."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tag) and self.key == other.key

    def __lt__(self, other: "Tag") -> bool:
        return self.key < other.key

    def __le__(self, other: "Tag") -> bool:
        return self.key <= other.key

    def __gt__(self, other: "Tag") -> bool:
        return self.key > other.key

    def __ge__(self, other: "Tag") -> bool:
        return self.key >= other.key

    def __hash__(self) -> int:
        return hash(self.key)


class TagScheme(Protocol):
    """A grammar of tags; register one under the entry point group ``strata_hub.tag_schemes``.

    The entry point is called with the keyword ``aliases``: names that a deployment has configured to be aliases.
    """

    name: str

    def parse(self, text: str) -> Tag:
        """Return what `text` means; never raise, whatever the string."""
        ...
