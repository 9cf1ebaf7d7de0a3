"""The configuration of one deployment: one YAML file, checked as a whole before anything starts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from . import yaml_document
from .errors import ConfigurationError
from .policy import PolicyConfig, TagText
from .quantities import Duration, Memory, SecretReference
from .registry import CredentialSource, RegistrySettings
from .registry.names import checked_host, checked_name
from .tags import known_schemes
from .yaml_document import YamlDocument

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$")]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Group = Annotated[str, StringConstraints(min_length=1, max_length=255)]


def _host(value: str) -> str:
    try:
        return checked_host(value)
    except ConfigurationError as error:
        raise ValueError(error.sentence()) from None


Host = Annotated[str, AfterValidator(_host)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RegistryConfig(RegistrySettings):
    """How to talk to one registry, and as whom; the defaults suit a public one with TLS."""

    credentials: CredentialSource | None = None


class PayloadConfig(_Section):
    """One list of images: a repository, what its tags mean, and the policy on them."""

    title: Title
    repository: str
    """Registry host and name, such as ``registry.example.org/lab/science``."""
    scheme: Annotated[str, StringConstraints(min_length=1, max_length=64)] = "rubin"
    """What the tags mean: ``rubin``, ``semver``, ``calver``, or one that a site registers."""
    aliases: tuple[TagText, ...] = ()
    """Tags that this site uses as aliases, besides those of convention."""
    policy: PolicyConfig = PolicyConfig()

    @field_validator("scheme")
    @classmethod
    def _known(cls, value: str) -> str:
        known = known_schemes()
        if value not in known:
            raise ValueError(f"there is no tag scheme {value!r}; known are {', '.join(known)}")
        return value

    @field_validator("repository")
    @classmethod
    def _host_and_name(cls, value: str) -> str:
        host, _, name = value.partition("/")
        if not ({".", ":"} & set(host) or host == "localhost"):
            raise ValueError("a repository begins with its registry's host, as in registry.example.org/lab/science")
        try:
            return f"{checked_host(host)}/{checked_name(name)}"
        except ConfigurationError as error:
            raise ValueError(error.sentence()) from None

    @property
    def host(self) -> str:
        """The registry's host, with its port if one is given."""
        return self.repository.partition("/")[0]

    @property
    def name(self) -> str:
        """The repository's name within its registry."""
        return self.repository.partition("/")[2]


class SizeConfig(_Section):
    """How much a lab of this size gets."""

    title: Title
    purpose: str = ""
    cpu_limit: Annotated[float, Field(gt=0)]
    cpu_request: Annotated[float, Field(ge=0)] | None = None
    """Cores; None: a quarter of the limit."""
    memory_limit: Annotated[Memory, Field(gt=0)]
    memory_request: Annotated[Memory, Field(ge=0)] | None = None
    """Bytes; None: a quarter of the limit."""
    groups: tuple[Group, ...] = ()
    default: bool = False

    @model_validator(mode="after")
    def _requests_within_limits(self) -> "SizeConfig":
        if self.cpu_request is not None and self.cpu_request > self.cpu_limit:
            raise ValueError("cpu_request is more than cpu_limit")
        if self.memory_request is not None and self.memory_request > self.memory_limit:
            raise ValueError("memory_request is more than memory_limit")
        return self


class DatabaseConfig(_Section):
    """Where the catalogue is kept: SQLite in one file, or PostgreSQL."""

    url: str = "sqlite:///strata.sqlite"
    """``sqlite:///PATH`` or ``postgresql://HOST/NAME``; without a password, see there."""
    password: SecretReference | None = None

    @model_validator(mode="before")
    @classmethod
    def _url_alone(cls, value: object) -> object:
        return {"url": value} if isinstance(value, str) else value

    @field_validator("url")
    @classmethod
    def _known_kind(cls, value: str) -> str:
        scheme, separator, rest = value.partition("://")
        if not separator or scheme not in {"sqlite", "postgresql", "postgresql+psycopg"}:
            raise ValueError("a database is sqlite:///PATH or postgresql://USER@HOST/NAME")
        if ":" in rest.rpartition("@")[0]:
            raise ValueError("the password stands in the URL; give it by reference under password")
        return value


class RefreshConfig(_Section):
    """How often registries are asked beyond the tag list."""

    moving_interval: Annotated[Duration, Field(ge=0.2, le=86400)] = 60.0
    """Seconds between two questions about each tag that can move."""
    recheck_interval: Annotated[Duration, Field(ge=60)] | None = 7 * 86400.0
    """Seconds in which each tag that should never move is asked about once, on average; None: never."""
    batch: Annotated[int, Field(ge=1, le=1000)] = 64
    """Images that are examined between two looks at what is more urgent."""


class NotificationsConfig(_Section):
    """Registries that tell of a push, so that it is in the form a second later.

    Distribution sends an event for each pull as well, those of the service's own scan among them, and a push waits in
    its queue behind them. Its endpoint therefore needs ``ignore: {actions: [pull]}``::

        notifications:
          endpoints:
            - name: strata
              url: http://strata.example.org/services/strata/notifications/distribution
              headers: {Authorization: [Bearer SECRET]}
              timeout: 5s
              threshold: 5
              backoff: 1s
              ignore: {actions: [pull]}
    """

    secret: SecretReference = SecretReference(env="STRATA_NOTIFICATION_SECRET")
    """What the registry sends as ``Authorization: Bearer SECRET``, or as the whole header."""


class PublishConfig(_Section):
    """Where the menu state goes besides HTTP."""

    file: Path | None = None
    """Path of a file that is replaced atomically; spawners read it as ``file:``."""


class DeploymentConfig(_Section):
    """One deployment of Strata."""

    name: Name
    title: Title
    registries: dict[Host, RegistryConfig] = {}
    """By host; a registry that needs no settings may be left out."""
    payloads: Annotated[dict[Name, PayloadConfig], Field(min_length=1)]
    """By name, in the order of the form."""
    sizes: Annotated[dict[Name, SizeConfig], Field(min_length=1)]
    """By name, in the order of the form."""
    stale_after: Annotated[Duration, Field(gt=0)] = 3600.0
    """Seconds from which the form says how old the list is."""
    database: DatabaseConfig = DatabaseConfig()
    poll_interval: Annotated[Duration, Field(ge=0.2, le=86400)] = 5.0
    """Seconds between two readings of a tag list: the only request while nothing changes."""
    refresh: RefreshConfig = RefreshConfig()
    notifications: NotificationsConfig | None = None
    """None: accepted where STRATA_NOTIFICATION_SECRET is set."""
    publish: PublishConfig = PublishConfig()
    state_token: SecretReference = SecretReference(env="STRATA_STATE_TOKEN")
    """What a spawner shows to read the state over HTTP."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @model_validator(mode="after")
    def _one_default_size(self) -> "DeploymentConfig":
        if sum(size.default for size in self.sizes.values()) > 1:
            raise ValueError("more than one of sizes is marked as default")
        return self

    def registry(self, host: str) -> RegistryConfig:
        """Return the settings for `host`."""
        return self.registries.get(host, RegistryConfig())


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a configuration."""

    source: str
    line: int
    location: str
    """Dotted path of the key."""
    message: str

    def sentence(self) -> str:
        """Return where, then what."""
        return f"{self.source}, line {self.line}: {self.location}: {self.message}"


def judge(document: YamlDocument) -> tuple[DeploymentConfig | None, tuple[Problem, ...]]:
    """Return the configuration, or None and everything that is wrong with it."""
    try:
        if not isinstance(document.data, dict):
            problem = "the file is empty" if document.data is None else "a configuration is a mapping of keys to values"
            return None, (Problem(document.source, document.line(()), "the whole file", problem),)
        return DeploymentConfig.model_validate(document.data), ()
    except ValidationError as error:
        return None, tuple(sorted(_problems(document, error), key=lambda problem: problem.line))


def load(path: Path) -> DeploymentConfig:
    """Return the configuration in the file `path`.

    Raises
    ------
    ConfigurationError
        If it cannot be read, or anything in it is wrong; the sentence names the first problem.
    """
    config, problems = judge(yaml_document.read(path))
    if config is None:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise ConfigurationError(
            f"{problems[0].sentence()}{more}.", hint=f"`strata-hub check {path}` lists everything that is wrong."
        )
    return config


def _problems(document: YamlDocument, error: ValidationError) -> Iterator[Problem]:
    for detail in error.errors(include_url=False):
        location = tuple(part for part in detail["loc"] if part != "[key]")
        shown = ".".join(str(part) for part in location) or "the whole file"
        yield Problem(document.source, document.line(location), shown, _message(detail["type"], detail))


def _message(kind: str, detail: ErrorDetails) -> str:
    message = str(detail["msg"]).removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if kind == "extra_forbidden":
        return "this key is not known here; remove it or correct its spelling"
    if kind == "missing":
        return "this key is missing"
    if kind == "string_type" and detail["input"] is not None and not isinstance(detail["input"], dict | list):
        return f"{message}, but YAML reads {detail['input']} otherwise; put it in quotes"
    return message
