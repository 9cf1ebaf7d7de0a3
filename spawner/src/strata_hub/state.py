"""The menu state: the document that the service publishes and the spawner reads.

The contract is ``tests/contracts/menu-state.schema.json``. A reader ignores keys that it does not know, so that hub and
service can be upgraded one after the other; it refuses another ``contract`` number.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from .errors import StateInvalid
from .policy import Section
from .tags import TagKind

__all__ = [
    "CONTRACT",
    "HiddenImage",
    "ImageEntry",
    "MenuState",
    "Payload",
    "Recommendation",
    "RepositoryError",
    "Section",
    "Size",
    "load",
]

CONTRACT: Literal[1] = 1


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Recommendation(_Document):
    """Why an image stands among the recommended ones."""

    title: str
    note: str = ""
    alias: str = ""
    """The tag that the recommended list names."""
    rank: int


class ImageEntry(_Document):
    """One image that somebody may start."""

    digest: str | None
    """None until the image was examined: listed, but not yet to be started."""
    tag: str
    """The most specific tag."""
    names: tuple[str, ...] = ()
    """The other tags of the same digest."""
    kind: TagKind
    display: str
    version: str = ""
    cycle: str = ""
    """The cycle as displayed, such as ``SAL Cycle 0044, Build 007``."""
    cycle_number: int | None = None
    created: datetime | None = None
    size: int = 0
    """Compressed bytes."""
    architecture: str = ""
    stack: str = ""
    """Name and version of the stack, from the image's labels."""
    note: str = ""
    tested: str = ""
    """Result of the image's test with this hub: empty, ``passed`` or ``failed``."""
    cached: bool = False
    """True where the image is on the nodes already, so that it starts fast."""
    section: Section | None = None
    """Where the form shows it to everybody before *all images*; None: in *all images* only."""
    group_sections: Mapping[str, Section] = {}
    """Where it stands for the members of a group, as far as that differs from `section`."""
    why: str = ""
    """Why it stands in *all images* only."""
    recommendation: Recommendation | None = None
    groups: tuple[str, ...] = ()
    """Groups that may start it; empty: everybody."""

    def visible_to(self, groups: Collection[str]) -> bool:
        """Tell whether a member of `groups` may start it."""
        return not self.groups or any(group in groups for group in self.groups)

    def section_for(self, groups: Collection[str]) -> Section | None:
        """Return where it stands for a member of `groups`: the most prominent place of those that apply."""
        own = [section for group, section in self.group_sections.items() if group in groups]
        if self.section is not None:
            own.append(self.section)
        return min(own, key=get_args(Section).index, default=None)


class RepositoryError(_Document):
    """The last thing that went wrong with a repository."""

    code: str
    message: str
    since: datetime


class HiddenImage(_Document):
    """An image that nobody is shown, and why."""

    tag: str
    digest: str | None = None
    code: str
    reason: str


class Payload(_Document):
    """The images of one repository under one policy."""

    name: str
    title: str
    repository: str
    scheme: str
    listed_at: datetime | None
    """When the list was last read in full; None: never."""
    error: RepositoryError | None = None
    images: tuple[ImageEntry, ...] = ()
    """In the order of the menu, newest first within each kind."""
    hidden: tuple[HiddenImage, ...] = ()
    problems: tuple[str, ...] = ()
    """Sentences for the admin: a pin that does not exist, a re-pushed tag."""


class Size(_Document):
    """How much a lab gets."""

    name: str
    title: str
    purpose: str = ""
    cpu_limit: float
    cpu_request: float
    memory_limit: int
    """Bytes."""
    memory_request: int
    groups: tuple[str, ...] = ()
    default: bool = False


class MenuState(_Document):
    """Everything that a spawner needs to show and check a menu."""

    contract: Literal[1] = CONTRACT
    deployment: str
    title: str
    generated_at: datetime
    stale_after: float = 3600.0
    """Seconds after ``Payload.listed_at`` from which the form says how old the list is."""
    payloads: tuple[Payload, ...]
    sizes: tuple[Size, ...]

    def dump(self) -> bytes:
        """Return the document as UTF-8 JSON."""
        return self.model_dump_json().encode()


def load(document: bytes) -> MenuState:
    """Return the menu state that `document` holds.

    Raises
    ------
    StateInvalid
        If it is not JSON, or does not follow the contract.
    """
    try:
        return MenuState.model_validate_json(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise StateInvalid(
            f"The menu state does not follow its contract at {where}: {first['msg']}.",
            hint="Check that hub and service are of versions that belong together.",
        ) from error
