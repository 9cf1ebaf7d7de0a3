"""Turn a judgement into the part of the menu state that a spawner reads. Pure."""

from collections.abc import Mapping

from .catalogue import Catalogue, Image, ImageMetadata
from .judgement import Hidden, Judgement, Shown
from .state import HiddenImage, ImageEntry, Payload, Recommendation, RepositoryError
from .tags import Tag, TagKind

# Labels of an image that are Strata's own; everything else comes from the tag and from standard annotations.
STACK, NOTE, TESTED = "io.strata.stack", "io.strata.note", "io.strata.tested"
TEST_RESULTS = ("passed", "failed")

_STACK_LABELS = (
    ("org.opencontainers.image.title", "org.opencontainers.image.version"),
    ("org.label-schema.name", "org.label-schema.version"),
)
_UNKNOWN = ImageMetadata(digest="", media_type="", created=None)


def payload(
    name: str,
    title: str,
    scheme: str,
    catalogue: Catalogue,
    judgement: Judgement,
    error: RepositoryError | None = None,
) -> Payload:
    """Return the payload `name` of a menu state.

    Parameters
    ----------
    error
        The last thing that went wrong with the repository, None when the last listing succeeded.
    """
    return Payload(
        name=name,
        title=title,
        repository=catalogue.repository,
        scheme=scheme,
        listed_at=catalogue.listed_at,
        error=error,
        images=tuple(map(entry, judgement.shown)),
        hidden=tuple(map(hidden_image, judgement.hidden)),
        problems=judgement.problems,
    )


def hidden_image(item: Hidden) -> HiddenImage:
    """Return what the menu state says of an image that nobody may start."""
    return HiddenImage(tag=item.tag, digest=item.digest, code=item.code, reason=item.reason)


def entry(item: Shown) -> ImageEntry:
    """Return what the menu state says of an image that somebody may start."""
    image = item.image
    tag = image.tags[0]
    cycled = tag if len(image.tags) == 1 else _with_cycle(image)
    about = image.metadata or _UNKNOWN
    recommendation = None
    if item.title:
        recommendation = Recommendation(title=item.title, note=item.note, alias=item.alias, rank=item.rank)
    return ImageEntry(
        digest=image.digest,
        tag=tag.text,
        names=tuple(other.text for other in image.tags[1:]),
        kind=tag.kind,
        display=tag.display,
        version=tag.version,
        cycle=cycled.cycle_text,
        cycle_number=cycled.cycle,
        created=about.created or tag.built_at or tag.date,
        size=about.size,
        architecture=tag.architecture or about.architecture,
        stack=_stack(about.labels),
        # A recommendation carries its own note.
        note=about.labels.get(NOTE, "") or ("" if recommendation else item.note),
        tested=_tested(about.labels),
        section=item.section,
        recommendation=recommendation,
        groups=item.groups,
        group_sections=item.group_sections,
        why=item.reason,
    )


def _with_cycle(image: Image) -> Tag:
    """Return the name that tells the cycle of an image: an alias only says for which cycle it is meant."""
    return next((tag for tag in image.tags if tag.cycle is not None and tag.kind is not TagKind.ALIAS), image.tag)


def _tested(labels: Mapping[str, str]) -> str:
    """Return the result of the image's test with this hub; empty where the label says nothing that is known."""
    result = labels.get(TESTED, "")
    return result if result in TEST_RESULTS else ""


def _stack(labels: Mapping[str, str]) -> str:
    """Return name and version of the stack that the labels tell."""
    if own := labels.get(STACK, ""):
        return own
    for name, version in _STACK_LABELS:
        words = f"{labels.get(name, '')} {labels.get(version, '')}".strip()
        if words:
            return words
    return ""
