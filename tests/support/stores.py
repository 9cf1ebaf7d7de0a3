"""Facts to keep in a store."""

import hashlib
from datetime import UTC, datetime

from strata_hub.catalogue import ImageMetadata

AT = datetime(2026, 6, 1, 12, 0, 0, 123456, UTC)
REPOSITORY = "registry.example.org/lab/science"
PLATFORM = "linux/amd64"


def digest_of(name: str) -> str:
    """Return a digest that belongs to `name`."""
    return f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"


def image_metadata(name: str) -> ImageMetadata:
    """Return what an image called `name` could say of itself."""
    labels = {"org.opencontainers.image.version": name, "org.opencontainers.image.title": "Science lab"}
    return ImageMetadata(
        digest=digest_of(name),
        media_type="application/vnd.oci.image.manifest.v1+json",
        created=AT,
        labels=labels,
        size=3 << 30,
        architecture="amd64",
    )
