"""Propose what to delete from a repository: by digest, and never what anything still needs. Pure.

A tag is a name; what a registry deletes is a digest with all of its names. So a digest is proposed only if *every* name
that it has is outside the retention rules, nothing runs it, and no index that stays is made of it.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from .catalogue import Catalogue, Image
from .designations import designate
from .judgement import judge
from .policy import PolicyConfig, RetentionConfig
from .tags import Tag, TagKind

_CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Deletion:
    """An image that may be deleted."""

    digest: str
    tags: tuple[str, ...]
    """Every name that goes with it."""
    reason: str
    size: int = 0
    """Compressed bytes of its layers, which other images may share."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An image that stays."""

    digest: str
    tags: tuple[str, ...]
    code: str
    """``running``, ``pinned``, ``recommended``, ``menu``, ``alias``, ``rule`` or ``index``."""
    reason: str


@dataclass(frozen=True)
class Proposal:
    """What retention makes of a catalogue; every image is in exactly one of the lists, unless it refuses."""

    deletions: tuple[Deletion, ...] = ()
    """Oldest first within each kind."""
    kept: tuple[Kept, ...] = ()
    refused: str = ""
    """Why nothing is proposed at all, as a sentence; empty otherwise."""


def propose(catalogue: Catalogue, policy: PolicyConfig, in_use: Collection[str] | None, now: datetime) -> Proposal:
    """Return which images of `catalogue` may be deleted under `policy`.

    Parameters
    ----------
    in_use
        Digests of all running labs, whether of an index or of the one manifest in it that was pulled; None when they
        could not be read, and then nothing is proposed.
    now
        The time to count ages from (UTC).
    """
    refused = _refusal(catalogue, policy, in_use, now)
    if refused or policy.retention is None or in_use is None:
        return Proposal(refused=refused)
    keep = _Keep(catalogue, policy, policy.retention, frozenset(in_use), now)
    verdicts = [(image, keep.why(place, image)) for place, image in enumerate(catalogue.images)]
    inside = {item.digest for item in catalogue.set_apart if item.digest}
    inside |= {image.digest for image, why in verdicts if why and image.digest}
    parts = _parts(catalogue, inside)
    deletions: list[Deletion] = []
    kept: list[Kept] = []
    for image, why in verdicts:
        digest, names = image.digest or "", tuple(tag.text for tag in image.tags)
        reason = why or _still_needed(digest, parts, inside)
        if reason:
            kept.append(Kept(digest, names, *reason))
        else:
            size = image.metadata.size if image.metadata else 0
            deletions.append(Deletion(digest, names, keep.why_not(image.tags), size))
    deletions.reverse()
    return Proposal(tuple(deletions), tuple(kept))


def _parts(catalogue: Catalogue, digests: Iterable[str]) -> dict[str, str]:
    """Return the digests of everything that `digests` are made of, each with the index that names it."""
    parts: dict[str, str] = {}
    left = sorted(digests)
    while left:
        whole = left.pop()
        about = catalogue.metadata.get(whole)
        new = [part for part in about.children if part not in parts] if about else []
        parts.update(dict.fromkeys(new, whole))
        left += new
    return parts


def _still_needed(digest: str, parts: dict[str, str], inside: set[str]) -> tuple[str, str] | None:
    if digest in parts:
        return "index", f"It is a part of {parts[digest]}, which stays."
    if digest in inside:
        return "index", "A tag that is no image names it too."
    return None


def _refusal(catalogue: Catalogue, policy: PolicyConfig, in_use: Collection[str] | None, now: datetime) -> str:
    """Return why nothing may be proposed, as a sentence, or an empty string."""
    if policy.retention is None or not policy.retention.kinds:
        return "The policy has no retention rules, so everything is kept."
    if in_use is None:
        return "Which images are running is not known."
    age = now - catalogue.listed_at
    if not -_CLOCK_TOLERANCE <= age <= timedelta(seconds=policy.retention.max_list_age):
        why = "yet to come: check the clocks" if age < timedelta() else "too old to delete by"
        return f"The list of tags is from {catalogue.listed_at:%Y-%m-%d %H:%M} UTC, which is {why}."
    unread = len(catalogue.unexamined) + sum(1 for image in catalogue.images if image.digest and not image.metadata)
    if unread:
        return f"{unread} tags have not been examined, and might be names of what would be deleted."
    dangling = designate(catalogue, policy, now).dangling
    return f"The policy has to be corrected first. {dangling[0]}" if dangling else ""


class _Keep:
    """Why images stay."""

    def __init__(
        self, catalogue: Catalogue, policy: PolicyConfig, rules: RetentionConfig, in_use: frozenset[str], now: datetime
    ) -> None:
        self._now = now
        self._rules = rules
        self._designated = designate(catalogue, policy, now)
        self._prominent = {
            item.image.digest for item in judge(catalogue, policy, now).shown if item.section or item.group_sections
        }
        self._running = {digest for digest, about in catalogue.metadata.items() if in_use.intersection(about.children)}
        self._running |= in_use
        self._builds: dict[tuple[TagKind, str], list[str]] = {}
        self._created: dict[str, datetime] = {}
        self._rank_all(catalogue.images)
        self._newest = self._newest_versions()

    def _rank_all(self, images: Iterable[Image]) -> None:
        """Rank versions, and the builds of each, over all names of all images, newest first."""
        named = [(tag, image) for image in images for tag in image.tags]
        named.sort(key=lambda item: item[0].text)
        named.sort(key=lambda item: item[0].key, reverse=True)
        for tag, image in named:
            builds = self._builds.setdefault(_version(tag), [])
            if image.digest and image.digest not in builds:
                builds.append(image.digest)
            dates = [date for date in (tag.date, tag.built_at, image.metadata and image.metadata.created) if date]
            if dates:
                self._created[tag.text] = max(dates)

    def _newest_versions(self) -> set[tuple[TagKind, str]]:
        """Return the versions that the rules keep for their number, of each kind."""
        return {
            version
            for kind, rule in self._rules.kinds.items()
            for version in [version for version in self._builds if version[0] is kind][: rule.count]
        }

    def why(self, place: int, image: Image) -> tuple[str, str] | None:
        """Return code and sentence of why `image` stays, or None."""
        digest = image.digest or ""
        reasons = (
            ("running", "A lab runs it.", digest in self._running),
            ("pinned", "It is pinned.", place in self._designated.pinned),
            ("recommended", "It is recommended.", place in self._designated.recommended),
            ("menu", "It has a place of its own in the menu.", digest in self._prominent),
            *(("alias", f"The alias {tag.text} stands for it.", tag.kind is TagKind.ALIAS) for tag in image.tags),
            *(("rule", reason, bool(reason)) for reason in (self._rule(tag, digest) for tag in image.tags)),
        )
        return next(((code, reason) for code, reason, holds in reasons if holds), None)

    def _rule(self, tag: Tag, digest: str) -> str:
        """Return why the rule for its kind keeps `tag`, or an empty string."""
        rule = self._rules.kinds.get(tag.kind)
        if rule is None:
            return f"No rule deletes tags like {tag.text}."
        created = self._created.get(tag.text)
        if created is None:
            return f"The age of {tag.text} is not known."
        if self._now - created <= timedelta(days=rule.days):
            return f"{tag.text} is younger than {rule.days:g} days."
        version = _version(tag)
        if version in self._newest and digest in self._builds[version][: rule.builds]:
            return f"{tag.text} is among the newest {rule.count}."
        return ""

    def why_not(self, tags: Iterable[Tag]) -> str:
        """Return what every name of an image that goes falls short of."""
        words = []
        for tag in tags:
            rule = self._rules.kinds[tag.kind]
            old = f"{tag.text} is older than {rule.days:g} days"
            limit = (
                f"{rule.builds} builds of its version" if _version(tag) in self._newest else f"{rule.count} of its kind"
            )
            words.append(f"{old} and not among the newest {limit}")
        return f"{'; '.join(words)}."


def _version(tag: Tag) -> tuple[TagKind, str]:
    return tag.kind, tag.version or tag.text
