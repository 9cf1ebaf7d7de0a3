"""The limits of a policy, each with the words for whom it keeps out. Pure.

Codes: ``excluded``, ``cycle`` (not approved), ``cycle.none`` (has none), ``architecture``, ``unresolved`` (an alias
whose target is not known yet), ``kind``, ``version``, ``age``, ``age.unknown``, ``support``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .catalogue import Image
from .policy import Cycle, KindRule, PolicyConfig, SupportWindow
from .tags import Tag, TagKind

_PLURAL = {
    TagKind.ALIAS: "aliases",
    TagKind.RELEASE: "releases",
    TagKind.RELEASE_CANDIDATE: "release candidates",
    TagKind.WEEKLY: "weeklies",
    TagKind.DAILY: "dailies",
    TagKind.EXPERIMENTAL: "experimental images",
    TagKind.UNRECOGNISED: "images with an unrecognised tag",
}
_SUPPORTED = (TagKind.RELEASE, TagKind.RELEASE_CANDIDATE)
_YEAR = timedelta(days=365.25)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an image may not be started."""

    code: str
    reason: str


def barred(image: Image, policy: PolicyConfig, excluded: str | None, *, optimistic: bool = False) -> Refusal | None:
    """Return what keeps `image` from everybody, whatever recommends it, or None."""
    if excluded is not None:
        return Refusal("excluded", f"Excluded: {excluded}")
    tag = image.tags[0]
    if tag.kind is TagKind.ALIAS and image.digest is None and not optimistic:
        return Refusal("unresolved", f"What the alias {tag.text} stands for is not known yet.")
    if policy.approved_cycles is not None:
        refusal = _cycle(image, policy.approved_cycles, optimistic=optimistic)
        if refusal:
            return refusal
    if policy.architectures is not None:
        architecture = tag.architecture or (image.metadata.architecture if image.metadata else "")
        if architecture and architecture not in policy.architectures:
            return Refusal(
                "architecture", f"It is for {architecture}, and the nodes are {_listed(policy.architectures)}."
            )
    return None


def _cycle(image: Image, approved: tuple[Cycle, ...], *, optimistic: bool) -> Refusal | None:
    """Look at the names that an image keeps, never at an alias, which only says what it should stand for."""
    own = [tag for tag in image.tags if tag.kind is not TagKind.ALIAS]
    with_cycle = [tag for tag in own if tag.cycle is not None]
    if not with_cycle:
        if optimistic and not own and approved:
            return None
        return Refusal("cycle.none", "None of its own tags names a cycle, and only approved cycles are allowed.")
    for tag in with_cycle:
        if not any(cycle.approves(tag.fields.letter, tag.fields.cycle, tag.fields.revision) for cycle in approved):
            return Refusal("cycle", f"{tag.cycle_text} is not among the approved cycles.")
    return None


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words) or "none"


class Windows:
    """What has to be known of all images to judge one: dates of versions, the releases that are supported."""

    def __init__(self, images: Iterable[Image], policy: PolicyConfig, now: datetime, *, optimistic: bool) -> None:
        self.now = now
        self.optimistic = optimistic
        self._dates: dict[tuple[TagKind, str], datetime] = {}
        releases: set[tuple[int, ...]] = set()
        length = policy.support.release_numbers if policy.support else 1
        for image in images:
            tag = image.tags[0]
            if tag.kind is TagKind.RELEASE:
                releases.add(tag.numbers[:length])
            created = image.metadata.created if image.metadata else None
            if tag.date is None and created is not None:
                version = (tag.kind, tag.version or tag.text)
                self._dates[version] = min(created, self._dates.get(version, created))
        self._oldest = _oldest_supported(releases, policy.support)

    def date(self, tag: Tag) -> datetime | None:
        """Return when the version was made: by its tag, or else its earliest known build."""
        return tag.date or self._dates.get((tag.kind, tag.version or tag.text))

    def supported(self, tag: Tag, window: SupportWindow) -> Refusal | None:
        """Return why a release or candidate is not supported any more, or None."""
        release = tag.numbers[: window.release_numbers]
        if release < self._oldest:
            oldest = ".".join(str(number) for number in self._oldest)
            return Refusal("support", f"Supported are releases from {oldest} on.")
        if window.years is None:
            return None
        return self.younger(tag, window.years * _YEAR, "support", f"Releases are supported for {window.years:g} years")

    def younger(self, tag: Tag, limit: timedelta, code: str, rule: str) -> Refusal | None:
        """Return why a version is not known to be younger than `limit`, or None."""
        date = self.date(tag)
        if date is None:
            return None if self.optimistic else Refusal("age.unknown", f"{rule}, and its age is not known.")
        if self.now - date > limit:
            return Refusal(code, f"{rule}, and it is of {date:%Y-%m-%d}.")
        return None


def _oldest_supported(releases: set[tuple[int, ...]], window: SupportWindow | None) -> tuple[int, ...]:
    """Return the lowest release within the window; every release is greater than the empty one."""
    if window is None or window.previous_releases is None:
        return ()
    newest_first = sorted(releases, reverse=True)[: window.previous_releases + 1]
    return newest_first[-1] if newest_first else ()


class View:
    """What everybody, or one group, may start, and where it stands; made for one pass, newest images first."""

    def __init__(self, policy: PolicyConfig, windows: Windows, group: str | None) -> None:
        self.group = group or ""
        self._windows = windows
        self._rules = {kind: policy.rule(kind, group) for kind in TagKind}
        self._ages = {kind: policy.age_limit(kind, group) for kind in TagKind}
        unsupported = group in policy.groups and policy.groups[group].unsupported if group else False
        self._support = None if unsupported else policy.support
        self._left = {kind: rule.count for kind, rule in self._rules.items()}
        self._lines: set[tuple[Any, ...]] = set()

    def refuse(self, image: Image) -> Refusal | None:
        """Return why `image` may not be started, or None."""
        tag = image.tags[0]
        kind = tag.kind
        rule = self._rules[kind]
        if not rule.allowed:
            return Refusal("kind", f"{_PLURAL[kind].capitalize()} are not allowed.")
        if rule.min_version is not None or rule.max_version is not None:
            refusal = _version(tag, rule)
            if refusal:
                return refusal
        limit = self._ages[kind]
        if limit is not None:
            words = f"{_PLURAL[kind].capitalize()} may be {limit / timedelta(days=1):g} days old"
            refusal = self._windows.younger(tag, limit, "age", words)
            if refusal:
                return refusal
        if self._support is not None and kind in _SUPPORTED:
            return self._windows.supported(tag, self._support)
        return None

    def superseded(self, line: tuple[Any, ...]) -> bool:
        """Tell whether a newer build of that line passed before."""
        if line in self._lines:
            return True
        self._lines.add(line)
        return False

    def has_room(self, kind: TagKind) -> bool:
        """Take a place in the section of `kind`, if there is one left."""
        left = self._left[kind]
        if left:
            self._left[kind] = left - 1
        return left > 0

    def no_room(self, kind: TagKind) -> str:
        """Return that there was no place left, as a sentence."""
        count = self._rules[kind].count
        which = f"Only the newest {count} {_PLURAL[kind]}" if count else f"No {_PLURAL[kind]}"
        return f"{which} have a place of their own."


def _version(tag: Tag, rule: KindRule) -> Refusal | None:
    low, high = rule.min_version, rule.max_version
    plural = _PLURAL[tag.kind].capitalize()
    if low is not None and tag.numbers < low:
        return Refusal("version", f"{plural} are allowed from {_dotted(low)} on.")
    if high is not None and tag.numbers[: len(high)] > high:
        return Refusal("version", f"{plural} are allowed up to {_dotted(high)}.")
    return None


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(str(number) for number in numbers)
