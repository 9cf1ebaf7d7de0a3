"""What a tag scheme says of a tag."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from .fields import PLAIN, Fields


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


_MOVING = frozenset({TagKind.ALIAS, TagKind.EXPERIMENTAL, TagKind.UNRECOGNISED})


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
    title: str
    """Name for people without the fields, such as ``Weekly 2026_22``."""
    version: str = ""
    """The stack version without build counter, cycle and the rest: equal for two builds of one version."""
    numbers: tuple[int, ...] = ()
    """The version as numbers, to compare with: ``(29, 2, 0)``, or year and week."""
    date: datetime | None = None
    """When the version was made, as far as the tag tells (UTC)."""
    fields: Fields = PLAIN
    reason: str = ""
    """Why the tag was not recognised; empty for recognised tags."""

    @property
    def display(self) -> str:
        """Name for people, such as ``Weekly 2026_22 (SAL Cycle 0044, Build 007)``."""
        return self.fields.dress(self.title)

    @property
    def immutable(self) -> bool:
        """False where the tag may come to name other bytes: aliases, experimental and unrecognised tags."""
        return self.kind not in _MOVING

    @property
    def cycle(self) -> int | None:
        """Number of the control-system cycle."""
        return self.fields.cycle

    @property
    def cycle_text(self) -> str:
        """The cycle for people, such as ``SAL Cycle 0044, Build 007``."""
        return self.fields.cycle_text

    @property
    def build(self) -> int | None:
        """How often the image was rebuilt on the same stack."""
        return self.fields.build

    @property
    def built_at(self) -> datetime | None:
        """When the image was built, as far as the tag tells (UTC)."""
        return self.fields.built_at

    @property
    def architecture(self) -> str:
        """Architecture that the tag names, in the words of OCI."""
        return self.fields.architecture

    @property
    def extra(self) -> str:
        """What the grammar gives no meaning to, parts joined by ``_``."""
        return "_".join(self.fields.extras)

    @property
    def line(self) -> tuple[Any, ...]:
        """What all builds of one version have in common: of each line, a menu shows the newest."""
        fields = self.fields
        version = self.version or self.text
        return (self.kind, version, fields.letter, fields.cycle, fields.architecture, fields.extras)

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
