"""Apply a policy to a catalogue: what is shown where, what is hidden and why. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .catalogue import Catalogue, Image
from .designations import Designated, designate
from .limits import Refusal, View, Windows, barred
from .policy import PolicyConfig, Section
from .tags import TagKind

_SECTIONS: Mapping[str, Section] = {
    TagKind.RELEASE: "release",
    TagKind.WEEKLY: "weekly",
    TagKind.DAILY: "daily",
    TagKind.RELEASE_CANDIDATE: "release_candidate",
    TagKind.EXPERIMENTAL: "experimental",
    TagKind.UNRECOGNISED: "unrecognised",
}


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
    """What keeps it away, as one word for programs; see `strata_hub.limits` and `SetApart.code`."""
    reason: str


@dataclass(frozen=True)
class Judgement:
    """Everything that a policy says of a catalogue; every image is in exactly one of the two lists."""

    shown: tuple[Shown, ...]
    """Recommended first, then in the order of the catalogue."""
    hidden: tuple[Hidden, ...]
    problems: tuple[str, ...] = ()
    """Sentences for the administrator."""


def judge(catalogue: Catalogue, policy: PolicyConfig, now: datetime, *, optimistic: bool = False) -> Judgement:
    """Return what `policy` makes of `catalogue`.

    Exclusions, approved cycles and architectures bind everybody and everything. The other limits give way to a
    recommendation or a pin, and a group may have wider ones.

    Parameters
    ----------
    now
        The time to count ages from (UTC).
    optimistic
        Let an image pass where only an examination could tell that it may not: to find out what to examine.
    """
    designated = designate(catalogue, policy, now)
    refusals = {
        place: refusal
        for place, image in enumerate(catalogue.images)
        if (refusal := barred(image, policy, designated.excluded.get(place), optimistic=optimistic))
    }
    open_images = [image for place, image in enumerate(catalogue.images) if place not in refusals]
    windows = Windows(open_images, policy, now, optimistic=optimistic)
    views = [View(policy, windows, group) for group in (None, *policy.group_names())]
    shown: list[Shown] = []
    hidden = [Hidden(item.tag.text, item.digest, item.code, item.reason) for item in catalogue.set_apart]
    for place, image in enumerate(catalogue.images):
        verdict = refusals.get(place) or _place(image, place, designated, views)
        if isinstance(verdict, Shown):
            shown.append(verdict)
            continue
        hidden.append(Hidden(image.tags[0].text, image.digest, verdict.code, verdict.reason))
        if place in designated.recommended:
            name = designated.recommended[place].name
            designated.problems.append(f"The recommended image {name!r} is not shown: {verdict.reason}")
    shown.sort(key=lambda item: item.rank if item.title else len(catalogue.images))
    if policy.approved_cycles == ():
        designated.problems.append("The list of approved cycles is empty: no image may be started.")
    return Judgement(tuple(shown), tuple(hidden), tuple(designated.problems))


def _place(image: Image, place: int, designated: Designated, views: list[View]) -> Shown | Refusal:
    """Return where an image that nothing bars stands, for everybody (the first view) and for each group."""
    recommending = designated.recommended.get(place)
    pinned = place in designated.pinned
    tag = image.tags[0]
    line = tag.line
    everybody: Refusal | None = None
    section: Section | None = None
    reason = ""
    groups: list[str] = []
    sections: dict[str, Section] = {}
    for view in views:
        recommended = recommending is not None and recommending.addresses(view.group)
        refusal = None if pinned or recommended else view.refuse(image)
        if refusal:
            everybody = everybody if view.group else refusal
            continue
        # A recommended image takes nothing from the number of its kind.
        older = view.superseded(line)
        own: Section | None = None
        if recommended:
            own = "recommended"
        elif not older and view.has_room(tag.kind):
            own = _SECTIONS.get(tag.kind)
        if view.group:
            groups.append(view.group)
            if own is not None and own != section:
                sections[view.group] = own
            continue
        section = own
        if own is None:
            reason = f"There is a newer build of {tag.version or tag.text}." if older else view.no_room(tag.kind)
    if everybody and not groups:
        return everybody
    only = tuple(groups) if everybody else ()
    if recommending is None:
        return Shown(image, section, reason, only, sections, note=designated.pinned.get(place, ""))
    config = recommending.config
    title, alias = recommending.words(image)
    return Shown(image, section, reason, only, sections, title, config.note, alias, recommending.rank)
