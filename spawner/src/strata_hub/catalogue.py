"""Images of one repository: tags, digests and metadata brought together. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .tags import Tag


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class TagRecord:
    """What is known of one tag of a repository."""

    tag: Tag
    digest: str | None = None
    """None until the tag has been asked about."""
    checked_at: datetime | None = None


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Catalogue:
    """Everything known of one repository at one time."""

    repository: str
    """Registry host and name, such as ``registry.example.org/lab/science``."""
    listed_at: datetime
    images: tuple[Image, ...] = ()
    """Newest first within each kind."""
