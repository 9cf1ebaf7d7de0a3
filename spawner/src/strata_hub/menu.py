"""The menu of one user: what a state lets them start, in the order of the form. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from .state import ImageEntry, MenuState, Payload, Section, Size

SECTION_TITLES: Mapping[Section, str] = {
    "recommended": "Recommended",
    "release": "Releases",
    "weekly": "Weeklies",
    "daily": "Dailies",
    "release_candidate": "Release candidates",
    "experimental": "Experimental",
    "unrecognised": "Other images",
}


@dataclass(frozen=True)
class User:
    """For whom a menu is made."""

    name: str
    groups: frozenset[str] = frozenset()
    admin: bool = False
    """An admin is told what is wrong with the list; what they may start is decided by groups, as for everybody."""


@dataclass(frozen=True)
class MenuSection:
    """Entries that the form shows under one heading."""

    name: Section
    title: str
    entries: tuple[ImageEntry, ...]


@dataclass(frozen=True, eq=False)
class MenuPayload:
    """The images of one payload that one user may see; compared by identity."""

    name: str
    title: str
    repository: str
    scheme: str
    listed_at: datetime | None
    age: timedelta | None = None
    """How old the list is where it is older than the deployment tolerates; None: fresh enough, or never read."""
    sections: tuple[MenuSection, ...] = ()
    entries: tuple[ImageEntry, ...] = ()
    """Every image that the user may start, in the order of the menu."""
    empty: str = ""
    """Why there is nothing to show; empty if there is something."""
    withdrawn: Mapping[str, str] = field(default_factory=dict)
    """Reason by tag, for images that are kept from everybody."""
    problems: tuple[str, ...] = ()
    """Sentences for an admin; empty for everybody else."""

    def reference(self, entry: ImageEntry) -> str:
        """Return the name under which `entry` is started: repository, tag and digest."""
        digest = "" if entry.digest is None else f"@{entry.digest}"
        return f"{self.repository}:{entry.tag}{digest}"

    @cached_property
    def by_tag(self) -> Mapping[str, ImageEntry]:
        """Entries by each of their names; the most specific tag of an entry wins over an alias of another."""
        found = {entry.tag: entry for entry in reversed(self.entries)}
        for entry in self.entries:
            alias = entry.recommendation.alias if entry.recommendation else ""
            for name in (alias, *entry.names):
                if name:
                    found.setdefault(name, entry)
        return found

    @cached_property
    def by_digest(self) -> Mapping[str, ImageEntry]:
        """Entries by digest."""
        return {entry.digest: entry for entry in reversed(self.entries) if entry.digest is not None}

    @property
    def recommended(self) -> tuple[ImageEntry, ...]:
        """Recommended entries, best first."""
        return tuple(entry for section in self.sections if section.name == "recommended" for entry in section.entries)


@dataclass(frozen=True, eq=False)
class Menu:
    """What one user may start; compared by identity."""

    deployment: str
    title: str
    generated_at: datetime
    at: datetime
    """The time for which ages are told."""
    payloads: tuple[MenuPayload, ...] = ()
    sizes: tuple[Size, ...] = ()
    sized: bool = True
    """False where the deployment declares no sizes at all, so that the spawner's own limits apply."""

    def __iter__(self) -> Iterator[tuple[MenuPayload, ImageEntry]]:
        """Go through every image, payload by payload."""
        return ((payload, entry) for payload in self.payloads for entry in payload.entries)

    @property
    def default(self) -> tuple[MenuPayload, ImageEntry] | None:
        """The image that starts when nothing is asked for: the first recommended one that can be started."""
        for payload in self.payloads:
            for entry in payload.recommended:
                if entry.digest is not None:
                    return payload, entry
        return None

    @property
    def default_size(self) -> Size | None:
        """The size that is taken when none is asked for."""
        return next((size for size in self.sizes if size.default), self.sizes[0] if self.sizes else None)


def named_groups(state: MenuState) -> frozenset[str]:
    """Return every group on which any menu of `state` depends."""
    entries = [entry for payload in state.payloads for entry in payload.images]
    images = (group for entry in entries for group in (*entry.groups, *entry.group_sections))
    return frozenset(images) | {group for size in state.sizes for group in size.groups}


def menu_for(state: MenuState, user: User, now: datetime) -> Menu:
    """Return what `user` may start at `now`.

    Parameters
    ----------
    state
        What the service published.
    user
        Whose menu it is: groups decide, see `ImageEntry.groups` and `Size.groups`.
    now
        For the age of the list; with a time zone.
    """
    tolerated = timedelta(seconds=state.stale_after)
    return Menu(
        deployment=state.deployment,
        title=state.title,
        generated_at=state.generated_at,
        at=now,
        payloads=tuple(_payload(payload, user, now, tolerated) for payload in state.payloads),
        sizes=tuple(size for size in state.sizes if not size.groups or user.groups & set(size.groups)),
        sized=bool(state.sizes),
    )


def _payload(payload: Payload, user: User, now: datetime, tolerated: timedelta) -> MenuPayload:
    entries = tuple(entry for entry in payload.images if entry.visible_to(user.groups))
    age = None if payload.listed_at is None else now - payload.listed_at
    return MenuPayload(
        name=payload.name,
        title=payload.title,
        repository=payload.repository,
        scheme=payload.scheme,
        listed_at=payload.listed_at,
        age=age if age is not None and age > tolerated else None,
        sections=tuple(_sections(entries, user)),
        entries=entries,
        empty="" if entries else _empty(payload),
        withdrawn={hidden.tag: hidden.reason for hidden in payload.hidden},
        problems=_problems(payload) if user.admin else (),
    )


def _sections(entries: tuple[ImageEntry, ...], user: User) -> Iterator[MenuSection]:
    places = [entry.section_for(user.groups) for entry in entries]
    for name, title in SECTION_TITLES.items():
        chosen = [entry for entry, place in zip(entries, places, strict=True) if place == name]
        if name == "recommended":
            chosen.sort(key=lambda entry: entry.recommendation.rank if entry.recommendation else len(entries))
        if chosen:
            yield MenuSection(name, title, tuple(chosen))


def _problems(payload: Payload) -> tuple[str, ...]:
    error = () if payload.error is None else (payload.error.message,)
    return (*error, *payload.problems)


def _empty(payload: Payload) -> str:
    if payload.listed_at is None:
        return "The list of these images has not been read yet. Try again in a few minutes."
    return "No image is open to you here."
