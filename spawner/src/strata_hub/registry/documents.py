"""Manifests, indexes and config blobs, as far as a menu needs them. Pure.

Bodies are attacker's text: they are parsed by a parser with a depth limit, every field is checked for its type, and
what is not needed is not built.
"""

from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from typing_extensions import TypedDict

from strata_hub.errors import RegistryProtocolError

from .names import Platform, is_digest

OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"

# All four, without q-values: a registry that misses the stored type answers 404, or converts and so changes the digest.
ACCEPT: Final = f"{OCI_INDEX}, {OCI_MANIFEST}, {DOCKER_LIST}, {DOCKER_MANIFEST}"

INDEXES: Final = frozenset({OCI_INDEX, DOCKER_LIST})
MANIFESTS: Final = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
IMAGE_CONFIGS: Final = frozenset(
    {"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"}
)
MAX_SIZE: Final = 2**63 - 1
_ATTESTATION: Final = "vnd.docker.reference.type"


def _digest(text: str) -> str:
    if not is_digest(text):
        raise ValueError("not a digest")
    return text


Digest = Annotated[str, AfterValidator(_digest)]
Size = Annotated[int, Field(ge=0, le=MAX_SIZE, strict=True)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


_Document = TypeVar("_Document", bound=_Part)


class PlatformPart(_Part):
    """What an entry of an index runs on."""

    os: str = ""
    architecture: str = ""
    variant: str = ""


class Layer(TypedDict, total=False):
    """A layer: only its size is of interest."""

    size: Size


class Descriptor(_Part):
    """What points at a manifest or a config blob."""

    media_type: str = Field(default="", alias="mediaType")
    digest: Digest
    size: Size
    platform: PlatformPart | None = None
    annotations: dict[str, Any] | None = None

    @property
    def runs_on(self) -> Platform | None:
        """The platform, or None where nothing runs: attestations are entries for ``unknown/unknown``."""
        part = self.platform
        if part is None or part.os == "unknown" or _ATTESTATION in (self.annotations or {}):
            return None
        return Platform(part.os, part.architecture, part.variant)


class Manifest(_Part):
    """A manifest or an index: which of the two, its media type tells."""

    schema_version: int = Field(default=0, alias="schemaVersion")
    media_type: str = Field(default="", alias="mediaType")
    artifact_type: str | None = Field(default=None, alias="artifactType")
    config: Descriptor | None = None
    layers: list[Layer] | None = None
    manifests: list[Descriptor] | None = None
    annotations: dict[str, Any] | None = None

    @property
    def is_index(self) -> bool:
        """Whether it lists manifests instead of layers."""
        return self.media_type in INDEXES

    @property
    def size(self) -> int:
        """Compressed bytes of all layers."""
        return min(sum(layer.get("size", 0) for layer in self.layers or ()), MAX_SIZE)


class ConfigPart(_Part):
    """The part of a config blob that holds the labels."""

    labels: dict[str, Any] | None = Field(default=None, alias="Labels")


class ImageConfig(_Part):
    """A config blob."""

    os: str = ""
    architecture: str = ""
    variant: str = ""
    created: Any = None
    config: ConfigPart | None = None

    @property
    def platform(self) -> Platform:
        """What the image was built for."""
        return Platform(self.os, self.architecture, self.variant)


def parse_manifest(body: bytes, content_type: str, what: str) -> Manifest:
    """Return the manifest or index that `body` holds.

    Parameters
    ----------
    content_type
        The answer's header; its parameters are ignored.
    what
        Names the manifest in messages.

    Raises
    ------
    RegistryProtocolError
        If it is not one, is of schema 1, or calls itself something else than its header does.
    """
    declared = content_type.partition(";")[0].strip().lower()
    if declared.startswith("application/vnd.docker.distribution.manifest.v1"):
        raise RegistryProtocolError(
            f"{what} has a manifest of schema 1.", hint="Push the image again with a current tool."
        )
    manifest = _parse(Manifest, body, what)
    known = INDEXES | MANIFESTS
    media_type = manifest.media_type or (declared if declared in known else "")
    if declared in known and media_type != declared:
        raise RegistryProtocolError(f"{what} calls itself {_short(media_type)}, its answer {declared}.")
    if media_type not in known:
        raise RegistryProtocolError(f"{what} is of the unknown type {_short(media_type or declared)}.")
    # CVE-2021-41190: one body that is an index to one reader and an image to the next.
    if manifest.schema_version != 2 or (  # noqa: PLR2004  the only version that the specifications allow
        manifest.manifests is not None if media_type in MANIFESTS else manifest.layers is not None
    ):
        raise RegistryProtocolError(f"{what} is neither clearly an image nor clearly an index.")
    return manifest.model_copy(update={"media_type": media_type}) if not manifest.media_type else manifest


def parse_config(body: bytes, what: str) -> ImageConfig:
    """Return the config blob that `body` holds.

    Raises
    ------
    RegistryProtocolError
        If it is not one.
    """
    return _parse(ImageConfig, body, what)


def _parse(model: type[_Document], body: bytes, what: str) -> _Document:
    try:
        return model.model_validate_json(body)
    except (ValidationError, RecursionError) as error:
        where = ""
        if isinstance(error, ValidationError):
            where = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"][:4])
        raise RegistryProtocolError(
            f"{what} is not what the image specification describes{f' at {_short(where)}' if where else ''}."
        ) from None


def _short(text: str) -> str:
    return repr(text[:100])
