"""From manifests and config blobs to what the catalogue keeps of an image. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from strata_hub.catalogue import ImageMetadata

from .documents import IMAGE_CONFIGS, INDEXES, Descriptor, ImageConfig, Manifest
from .labels import CREATED, created, kept, plain
from .names import Platform

_SHOWN = 5


@dataclass(frozen=True)
class Named:
    """A manifest together with the digest that it was verified against."""

    digest: str
    manifest: Manifest


def choose(index: Manifest, platform: Platform) -> Descriptor | str:
    """Return the entry of `index` for `platform`, or why there is none.

    An entry that names the variant is preferred to one that leaves it open; entries of one kind count in their order.
    """
    entries = [(entry, runs_on) for entry in index.manifests or () if (runs_on := entry.runs_on) is not None]
    fitting = [entry for entry, runs_on in entries if platform.accepts(runs_on)]
    exact = [entry for entry, runs_on in entries if runs_on == platform]
    chosen = next(iter(exact or fitting), None)
    if chosen is None:
        others = ", ".join(sorted({plain(str(runs_on))[:40] for _, runs_on in entries})[:_SHOWN]) or "none"
        return f"It has no image for {platform}; it has: {others}."
    if chosen.media_type in INDEXES:
        return "It is an index of indexes."
    return chosen


def not_an_image(manifest: Manifest) -> str:
    """Return why `manifest` is an artifact and no image, or an empty string."""
    if manifest.artifact_type:
        return f"It is an artifact of type {plain(manifest.artifact_type)[:100]}."
    if manifest.config is None:
        return "It has no configuration."
    if manifest.config.media_type not in IMAGE_CONFIGS:
        return f"Its configuration is of type {plain(manifest.config.media_type)[:100] or '(none)'}, not an image's."
    return ""


def unrunnable(top: Named, reason: str) -> ImageMetadata:
    """Return what is kept of something that cannot be started."""
    labels = kept(top.manifest.annotations)
    return ImageMetadata(
        digest=top.digest,
        media_type=top.manifest.media_type,
        created=created([labels.get(CREATED)]),
        labels=labels,
        size=top.manifest.size,
        runnable=False,
        reason=reason,
        children=_children(top),
    )


def describe(chain: Sequence[Named], config: ImageConfig, platform: Platform) -> ImageMetadata:
    """Return what is kept of an image.

    Parameters
    ----------
    chain
        The manifest; or the index and the manifest that was chosen of it.
    config
        The manifest's config blob.
    platform
        What it shall run on.
    """
    top, manifest = chain[0], chain[-1].manifest
    labels = kept(*(named.manifest.annotations for named in chain), config.config.labels if config.config else None)
    fits = platform.accepts(config.platform)
    return ImageMetadata(
        digest=top.digest,
        media_type=top.manifest.media_type,
        created=created([labels.get(CREATED), config.created]),
        labels=labels,
        size=manifest.size,
        architecture=plain(config.architecture)[:40],
        runnable=fits,
        reason="" if fits else f"It is built for {plain(str(config.platform))[:80]}, not {platform}.",
        children=_children(top),
    )


def _children(top: Named) -> tuple[str, ...]:
    """Return the digests that an index names, of whatever platform: each is a part of it."""
    return tuple(entry.digest for entry in top.manifest.manifests or ())
