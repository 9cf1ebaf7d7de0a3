"""How to talk to one registry."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from strata_hub.errors import ConfigurationError

from .names import Platform, checked_host


class Limits(BaseModel):
    """What an answer may cost; every limit is counted on the wire, before anything is decoded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    page_bytes: int = Field(default=16 << 20, gt=0)
    """Bytes of one page of a tag list."""
    listing_bytes: int = Field(default=64 << 20, gt=0)
    """Bytes of all pages of a tag list."""
    pages: int = Field(default=2000, gt=0)
    tags: int = Field(default=200_000, gt=0)
    manifest_bytes: int = Field(default=4 << 20, gt=0)
    config_bytes: int = Field(default=4 << 20, gt=0)
    token_bytes: int = Field(default=64 << 10, gt=0)
    error_bytes: int = Field(default=8 << 10, gt=0)
    redirects: int = Field(default=3, ge=0, le=10)


class RegistrySettings(BaseModel):
    """Settings of one registry host. An unknown key is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scheme: Literal["https", "http"] = "https"
    ca_file: Path | None = None
    """PEM file with authorities to trust beside the system's."""
    allowed_realms: tuple[str, ...] = ()
    """Hosts (``auth.example.org`` or ``auth.example.org:5001``) of token servers other than the registry itself.
    Credentials go nowhere else."""
    platform: str = "linux/amd64"
    """``os/architecture[/variant]`` of the nodes: which image of an index is meant."""
    requests_per_second: float | None = Field(default=200, gt=0)
    """The host's budget; None: as fast as it answers. Two seconds' worth may be spent at once."""
    max_concurrency: int = Field(default=16, gt=0, le=64)
    """Requests under way at once, at most; fewer after the registry complained."""
    page_size: int = Field(default=1000, gt=0, le=1000)
    """Tags asked for in one page. Some registries refuse more than 1000."""
    connect_timeout: float = Field(default=10, gt=0)
    """Seconds to connect, TLS included."""
    request_timeout: float = Field(default=60, gt=0)
    """Seconds that one answer may take from the first byte sent to the last received."""
    patience: float = Field(default=600, gt=0)
    """Seconds that one question may take, with every retry and every wait that the registry asks for."""
    retries: int = Field(default=4, ge=0, le=10)
    anonymous_fallback: bool = False
    """Ask for an anonymous token where the token server refuses the credentials."""
    limits: Limits = Limits()

    @field_validator("allowed_realms")
    @classmethod
    def _hosts(cls, realms: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(checked_host(realm) for realm in realms)
        except ConfigurationError as error:
            raise ValueError(error.sentence()) from None

    @field_validator("platform")
    @classmethod
    def _platform(cls, platform: str) -> str:
        return str(Platform.parse(platform))

    @model_validator(mode="after")
    def _ca_needs_tls(self) -> Self:
        if self.ca_file is not None and self.scheme != "https":
            raise ValueError("ca_file has no use with http")
        return self
