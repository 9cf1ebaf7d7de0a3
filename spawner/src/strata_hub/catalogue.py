"""Images of one repository: tags, digests and metadata brought together. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .tags import Tag, TagKind, attached_to

KIND_ORDER = (
    TagKind.RELEASE,
    TagKind.WEEKLY,
    TagKind.DAILY,
    TagKind.RELEASE_CANDIDATE,
    TagKind.EXPERIMENTAL,
    TagKind.UNRECOGNISED,
    TagKind.ALIAS,
)
"""The order of a menu; an image that has names of several kinds goes by the first of them."""

_RANK = {kind: rank for rank, kind in enumerate(KIND_ORDER)}


@dataclass(frozen=True, slots=True)
class ImageMetadata:
    """What a manifest and its config blob say; immutable, since a digest names it."""

    digest: str
    media_type: str
    created: datetime | None
    """When the image was built (UTC), where a trustworthy date exists."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Annotations and labels by name, of the allow-listed names only."""
    size: int = 0
    """Compressed bytes of all layers."""
    architecture: str = ""
    runnable: bool = True
    """False for an artifact that is not an image (a chart, an SBOM, a signature)."""
    reason: str = ""
    """Why it is not runnable."""
    children: tuple[str, ...] = ()
    """Digests of the manifests that an index names: deleting one of them breaks the index."""


@dataclass(frozen=True, slots=True)
class TagRecord:
    """What is known of one tag of a repository."""

    tag: Tag
    digest: str | None = None
    """None until the tag has been asked about."""
    checked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """One image and every name that it has."""

    digest: str | None
    tags: tuple[Tag, ...]
    """The most specific name first: it is the title; aliases last."""
    metadata: ImageMetadata | None = None

    @property
    def tag(self) -> Tag:
        """The most specific name."""
        return self.tags[0]


@dataclass(frozen=True, slots=True)
class SetApart:
    """A tag that names no image that could be started."""

    tag: Tag
    digest: str | None
    code: str
    """``attachment`` for signatures and the like, known by name; ``artifact`` for what the manifest tells."""
    reason: str


@dataclass(frozen=True)
class Catalogue:
    """Everything known of one repository at one time."""

    repository: str
    """Registry host and name, such as ``registry.example.org/lab/science``."""
    listed_at: datetime
    images: tuple[Image, ...] = ()
    """Newest first within each kind."""
    set_apart: tuple[SetApart, ...] = ()
    """Tags that are not images, by name."""
    metadata: Mapping[str, ImageMetadata] = field(default_factory=dict)
    """What is known of every digest that a tag of this repository names."""

    @property
    def unexamined(self) -> tuple[Tag, ...]:
        """The tags whose digest is not known yet."""
        images = tuple(image.tag for image in self.images if image.digest is None)
        return images + tuple(apart.tag for apart in self.set_apart if apart.digest is None)


def build(
    repository: str, listed_at: datetime, records: Iterable[TagRecord], metadata: Mapping[str, ImageMetadata]
) -> Catalogue:
    """Return the catalogue that tags and metadata make.

    All names of one digest become one image. A tag whose digest is unknown is an image of its own.

    Parameters
    ----------
    records
        Every tag of the repository, once.
    metadata
        What was read of a digest; digests without an entry make images without metadata.
    """
    by_digest: dict[str, list[Tag]] = {}
    images: list[Image] = []
    apart: list[SetApart] = []
    known: dict[str, ImageMetadata] = {}
    for record in records:
        tag, digest = record.tag, record.digest
        about = metadata.get(digest) if digest else None
        if digest and about:
            known[digest] = about
        if tag.kind is TagKind.UNRECOGNISED and attached_to(tag.text):
            apart.append(SetApart(tag, digest, "attachment", _sentence(tag.reason)))
        elif about and not about.runnable:
            apart.append(SetApart(tag, digest, "artifact", _sentence(about.reason or "its manifest is no image")))
        elif digest:
            by_digest.setdefault(digest, []).append(tag)
        else:
            images.append(Image(None, (tag,)))
    images += [Image(digest, _by_specificity(tags), metadata.get(digest)) for digest, tags in by_digest.items()]
    images.sort(key=_name)
    images.sort(key=_newness, reverse=True)
    images.sort(key=_kind)
    apart.sort(key=lambda item: item.tag.text)
    return Catalogue(repository, listed_at, tuple(images), tuple(apart), known)


def _kind(image: Image) -> int:
    return _RANK[image.tags[0].kind]


def _newness(image: Image) -> tuple[object, ...]:
    return image.tags[0].key


def _name(image: Image) -> str:
    return image.tags[0].text


def _by_specificity(tags: list[Tag]) -> tuple[Tag, ...]:
    """Return the names of one image: by kind, then the one that says most, aliases last."""
    if len(tags) > 1:
        tags.sort(key=lambda tag: tag.text)
        tags.sort(key=lambda tag: (tag.key, len(tag.text)), reverse=True)
        tags.sort(key=lambda tag: _RANK[tag.kind])
    return tuple(tags)


def _sentence(reason: str) -> str:
    """Return `reason` as a sentence of its own."""
    return f"{reason[:1].upper()}{reason[1:].rstrip('.')}."
