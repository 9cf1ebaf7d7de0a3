"""Find the images that a policy names: recommended ones, pins, exclusions. Pure."""

import fnmatch
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .catalogue import Catalogue, Image
from .policy import Designation, PolicyConfig, Recommended
from .tags import TagKind


@dataclass(frozen=True)
class Recommending:
    """A recommendation, and the groups that it is for."""

    name: str
    config: Recommended
    rank: int
    groups: frozenset[str]
    """Empty: everybody."""

    def addresses(self, group: str) -> bool:
        """Tell whether it is for the members of `group`, the empty one being everybody."""
        return not self.groups or group in self.groups

    def words(self, image: Image) -> tuple[str, str]:
        """Return its title, and the alias that the recommended list names or an empty string."""
        alias = next((tag for tag in image.tags if tag.text == self.config.tag and tag.kind is TagKind.ALIAS), None)
        if self.config.title or alias is None or alias is image.tag:
            return self.config.title or image.tag.display, alias.text if alias else ""
        # The target stands in brackets, so its own become commas: "Recommended (Weekly 2026_22, SAL Cycle 0044)".
        target = image.tag.display.replace(" (", ", ").replace(")", "")
        return f"{alias.title} ({target})", alias.text


@dataclass
class Designated:
    """The images that a policy names, by their place in the catalogue."""

    recommended: dict[int, Recommending] = field(default_factory=dict)
    pinned: dict[int, str] = field(default_factory=dict)
    """The pin's note."""
    excluded: dict[int, str] = field(default_factory=dict)
    """Why."""
    problems: list[str] = field(default_factory=list)
    """Sentences for the administrator."""
    dangling: list[str] = field(default_factory=list)
    """Those of them that say that something named does not exist."""

    def report(self, problem: str, *, dangling: bool) -> None:
        """Note a sentence for the administrator, unless it is empty."""
        if problem:
            self.problems.append(problem)
        if problem and dangling:
            self.dangling.append(problem)


class Names:
    """The images of a catalogue by tag and by digest."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._repository = catalogue.repository
        self._apart = {item.tag.text: item.reason for item in catalogue.set_apart}
        self._tags: dict[str, int] = {}
        self._digests: dict[str, int] = {}
        for place, image in enumerate(catalogue.images):
            for tag in image.tags:
                self._tags[tag.text] = place
            if image.digest:
                self._digests[image.digest] = place
        self._images = catalogue.images

    def find(self, designation: Designation, what: str) -> tuple[int | None, str]:
        """Return the place of the image that `designation` names, and a sentence if there is something wrong with it.

        Parameters
        ----------
        what
            The designation for people, such as ``the recommended image 'stable'``; it starts the sentence.
        """
        tag, digest = designation.tag, designation.digest
        by_tag = self._tags.get(tag) if tag is not None else None
        if digest is None:
            return by_tag, "" if by_tag is not None else self._missing(what, tag or "")
        place = self._digests.get(digest)
        if place is None:
            return None, f"{what} does not exist: no tag of {self._repository} names {digest}."
        if tag is not None and by_tag != place:
            now = "is gone" if by_tag is None else f"names {self._images[by_tag].digest or 'an unknown image'} now"
            return place, f"{what} was given as {tag} and {digest}, but {tag} {now}; the digest counts."
        return place, ""

    def _missing(self, what: str, tag: str) -> str:
        if tag in self._apart:
            return f"{what} cannot be started: {tag} is no image. {self._apart[tag]}"
        return f"{what} does not exist: {self._repository} has no tag {tag}."


def designate(catalogue: Catalogue, policy: PolicyConfig, now: datetime) -> Designated:
    """Return what `policy` names in `catalogue`; a name that leads nowhere is a problem, and nothing else."""
    names = Names(catalogue)
    found = Designated()
    ranked = sorted(policy.recommended.items(), key=lambda item: (item[1].rank, item[0]))
    for name, config in ranked:
        if config.expires is not None and config.expires <= now:
            found.problems.append(
                f"The recommendation {name!r} expired on {config.expires:%Y-%m-%d}: remove or renew it."
            )
            continue
        place, problem = names.find(config, f"The recommended image {name!r}")
        found.report(problem, dangling=place is None)
        if place is not None:
            _recommend(
                found.recommended, place, Recommending(name, config, len(found.recommended), frozenset(config.groups))
            )
    for name, pin in sorted(policy.pins.items()):
        place, problem = names.find(pin, f"The pinned image {name!r}")
        found.report(problem, dangling=place is None)
        if place is not None:
            found.pinned[place] = pin.note
    found.excluded = _excluded(catalogue.images, policy)
    return found


def _recommend(recommended: dict[int, Recommending], place: int, new: Recommending) -> None:
    """Add a recommendation; of two for one image the higher one gives the title, and the groups add up."""
    old = recommended.get(place)
    if old is None:
        recommended[place] = new
        return
    groups = old.groups | new.groups if old.groups and new.groups else frozenset()
    recommended[place] = Recommending(old.name, old.config, old.rank, groups)


def _excluded(images: Collection[Image], policy: PolicyConfig) -> dict[int, str]:
    reasons: dict[int, str] = {}
    by_digest: Mapping[str | None, str] = {rule.digest: rule.reason for rule in policy.exclude.values() if rule.digest}
    patterns = [
        (re.compile(fnmatch.translate(rule.tags)).match, rule.reason)
        for _, rule in sorted(policy.exclude.items())
        if rule.tags is not None
    ]
    if not by_digest and not patterns:
        return reasons
    for place, image in enumerate(images):
        if image.digest in by_digest:
            reasons[place] = by_digest[image.digest]
            continue
        for match, reason in patterns:
            if any(match(tag.text) for tag in image.tags):
                reasons[place] = reason
                break
    return reasons
