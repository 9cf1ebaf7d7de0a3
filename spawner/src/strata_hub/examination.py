"""Decide what to examine first: digest and metadata of what a menu shows. Pure."""

from collections.abc import Iterable
from datetime import datetime

from .catalogue import Catalogue, TagRecord, build
from .judgement import judge
from .policy import PolicyConfig
from .tags import Tag


def wanted(tags: Iterable[Tag], policy: PolicyConfig, now: datetime) -> tuple[Tag, ...]:
    """Return which of the `tags` of a new repository to examine for a first menu, most prominent first.

    Only what stands in a section of somebody's menu is wanted: of each version its newest build, of each kind as many
    as the policy says.
    """
    return still_wanted(build("", now, (TagRecord(tag) for tag in tags), {}), policy, now)


def still_wanted(catalogue: Catalogue, policy: PolicyConfig, now: datetime) -> tuple[Tag, ...]:
    """Return which tags of a partly examined catalogue to examine next, most prominent first.

    What was examined may turn out to be no image, or another name of one that is there: then the next in line is
    wanted. When nothing is returned, the menu is complete.
    """
    shown = judge(catalogue, policy, now, optimistic=True).shown
    prominent = (item.image for item in shown if item.section is not None or item.group_sections)
    return tuple(image.tag for image in prominent if image.digest is None or image.metadata is None)
