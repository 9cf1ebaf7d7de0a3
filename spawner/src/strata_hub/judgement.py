"""Apply a policy to a catalogue: what is shown where, what is hidden and why. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .catalogue import Catalogue, Image
from .policy import PolicyConfig, Section


@dataclass(frozen=True, slots=True)
class Shown:
    """An image that somebody may start."""

    image: Image
    section: Section | None
    """Where it stands for everybody; None: in *all images* only."""
    reason: str = ""
    """Why it stands in *all images* only."""
    groups: tuple[str, ...] = ()
    """Groups that may start it; empty: everybody."""
    group_sections: Mapping[str, Section] = field(default_factory=dict)
    """Where it stands for the members of a group, as far as that differs from `section`."""
    title: str = ""
    """What the recommendation is called; empty: not recommended."""
    note: str = ""
    alias: str = ""
    """The tag that the recommended list names."""
    rank: int = 0
    """Place among the recommended, from 0."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """An image that nobody may start."""

    tag: str
    digest: str | None
    code: str
    reason: str


@dataclass(frozen=True)
class Judgement:
    """Everything that a policy says of a catalogue; every image is in exactly one of the two lists."""

    shown: tuple[Shown, ...]
    """Recommended first, then in the order of the catalogue."""
    hidden: tuple[Hidden, ...]
    problems: tuple[str, ...] = ()
    """Sentences for the administrator."""


def judge(catalogue: Catalogue, policy: PolicyConfig, now: datetime) -> Judgement:
    """Return what `policy` makes of `catalogue` at the time `now` (UTC)."""
    raise NotImplementedError
