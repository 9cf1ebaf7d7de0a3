"""What a deployment recommends, allows and keeps: the policy of one payload, as an administrator writes it. Pure.

Whatever several people or several values files add to is a mapping from a name of their choice, since Helm merges
mappings and replaces lists.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from .errors import ConfigurationError
from .tags import TagKind

Section = Literal["recommended", "release", "weekly", "daily", "release_candidate", "experimental", "unrecognised"]

_DIGEST = re.compile(r"sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
_VERSION = re.compile(r"[rv]?([0-9]{1,8}(?:[._-][0-9]{1,8}){0,3})", re.ASCII)
_CYCLE = re.compile(r"([ck]?)([0-9]{1,9})(?:\.([0-9]{1,9}))?", re.ASCII)


def _tag(text: str) -> str:
    if not _TAG.fullmatch(text):
        raise ValueError(f"{text!r} can never be a tag")
    return text


def _digest(text: str) -> str:
    if not _DIGEST.fullmatch(text):
        raise ValueError(f"{text!r} is no digest, such as sha256: and 64 hexadecimal digits")
    return text


def _numbers(value: object) -> object:
    """Read ``r29.2``, ``29_2_0`` or ``2026_22`` as numbers."""
    if isinstance(value, str):
        found = _VERSION.fullmatch(value)
        if not found:
            raise ValueError(f"{value!r} is no version: write it as 29.2 or 2026_22")
        return tuple(int(part) for part in re.split("[._-]", found[1]))
    if isinstance(value, bool) or not isinstance(value, int | tuple | list):
        raise ValueError("quote a version: YAML reads 29.10 as 29.1")  # noqa: TRY004 - pydantic reports ValueError only
    return (value,) if isinstance(value, int) else value


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


TagText = Annotated[str, AfterValidator(_tag)]
Digest = Annotated[str, AfterValidator(_digest)]
Version = Annotated[tuple[int, ...], BeforeValidator(_numbers)]
Moment = Annotated[datetime, AfterValidator(_utc)]


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Cycle(_Config):
    """A control-system cycle that a deployment approves; without a revision, all of its revisions."""

    letter: Literal["c", "k"] = "c"
    number: int = Field(ge=0)
    revision: int | None = Field(default=None, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
        """Accept ``44``, ``"0044"``, ``c0044`` and ``k0002.001``."""
        if isinstance(value, int) and not isinstance(value, bool):
            return {"number": value}
        if isinstance(value, str):
            found = _CYCLE.fullmatch(value)
            if not found:
                raise ValueError(f"{value!r} is no cycle: write it as 44, c0044 or c0044.007")
            return {"letter": found[1] or "c", "number": int(found[2]), "revision": found[3] and int(found[3])}
        return value

    def approves(self, letter: str, number: int | None, revision: int | None) -> bool:
        """Tell whether an image of that cycle may be started."""
        return self.letter == letter and self.number == number and self.revision in (None, revision)


class Designation(_Config):
    """An image that somebody names: by tag, by digest, or by both, and then the tag has to be of that digest."""

    tag: TagText | None = None
    digest: Digest | None = None
    note: str = Field(default="", max_length=2000)

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
        """Accept a plain tag or digest."""
        if isinstance(value, str):
            return {"digest" if ":" in value else "tag": value}
        return value

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.tag is None and self.digest is None:
            raise ValueError("name a tag or a digest")
        return self

    @property
    def target(self) -> str:
        """What it names, for people."""
        return self.tag or self.digest or ""


class Pin(Designation):
    """An image that stays startable, and is never proposed for deletion, whatever the windows say."""


class Recommended(Designation):
    """An image that stands first in the menu; the tag may be an alias, which is followed by digest."""

    title: str = Field(default="", max_length=200)
    """Empty: made of the alias and what it stands for."""
    rank: int = 100
    """Lower stands higher; equal ranks go by name."""
    groups: tuple[str, ...] = ()
    """Groups to which it is recommended; empty: everybody."""
    expires: Moment | None = None
    """From when on it is not recommended any more."""


class KindRule(_Config):
    """What to do with the images of one kind."""

    allowed: bool = True
    """False: none may be started."""
    count: int = Field(default=0, ge=0)
    """How many versions stand in the kind's own section, each with its newest build; the others are in *all images*."""
    max_age_days: float | None = Field(default=None, gt=0)
    """Older versions may not be started, nor those whose age nothing tells."""
    min_version: Version | None = None
    max_version: Version | None = None
    """The newest version allowed; ``29`` includes all of 29."""


class SupportWindow(_Config):
    """How long releases and their candidates are supported; both limits hold."""

    previous_releases: int | None = Field(default=2, ge=0)
    """How many releases before the newest one; None: any number."""
    release_numbers: int = Field(default=1, ge=1, le=4)
    """How many numbers of a version name a release: 1 takes all of r29 as one, 2 tells r29.1 from r29.2."""
    years: float | None = Field(default=None, gt=0)
    """Age of a version, counted from its earliest known build; None: any age."""


class GroupRule(_Config):
    """What the members of a group see besides what everybody sees."""

    kinds: dict[TagKind, KindRule] = {}
    """For a kind, what differs; a field that is not there is as for everybody, and null lifts a limit."""
    unsupported: bool = False
    """True: also what the support window leaves out."""


class Exclusion(_Config):
    """Images that nobody may start, recommended or not."""

    tags: str | None = Field(default=None, min_length=1, max_length=200)
    """A pattern for any name of the image, with ``*`` and ``?``."""
    digest: Digest | None = None
    reason: str = Field(min_length=1, max_length=500)

    @model_validator(mode="after")
    def _named(self) -> Self:
        if (self.tags is None) == (self.digest is None):
            raise ValueError("name either tags or a digest")
        return self


class KeepRule(_Config):
    """Which images of one kind retention keeps: those within any of these limits."""

    count: int = Field(ge=0)
    """Newest versions to keep."""
    days: float = Field(ge=0)
    """Everything younger is kept."""
    builds: int | None = Field(default=None, ge=1)
    """Newest builds to keep of each version that is kept; None: all."""


class RetentionConfig(_Config):
    """What ``strata-hub prune`` may propose to delete; kinds without a rule are kept."""

    kinds: dict[TagKind, KeepRule] = {}
    max_list_age: float = Field(default=3600.0, gt=0)
    """Seconds after which a listing is too old to delete by."""

    @model_validator(mode="after")
    def _no_alias(self) -> Self:
        if TagKind.ALIAS in self.kinds:
            raise ValueError("an alias is deleted by nobody but its owner: leave `alias` out")
        return self


def _or_none_at_all(value: object) -> object:
    """Read a list that is there but holds nothing, such as a key without a value, as empty: nothing is approved."""
    return () if value is None else value


_DEFAULTS = {
    TagKind.RELEASE: KindRule(count=3),
    TagKind.WEEKLY: KindRule(count=3),
    TagKind.DAILY: KindRule(count=3),
    TagKind.RELEASE_CANDIDATE: KindRule(),
    TagKind.EXPERIMENTAL: KindRule(allowed=False),
    TagKind.UNRECOGNISED: KindRule(allowed=False),
    TagKind.ALIAS: KindRule(),
}


class PolicyConfig(_Config):
    """The policy of one payload."""

    recommended: dict[str, Recommended] = {}
    approved_cycles: Annotated[tuple[Cycle, ...] | None, BeforeValidator(_or_none_at_all)] = None
    """Absent: any image. Present: only images of these cycles, so an empty list allows none."""
    kinds: dict[TagKind, KindRule] = {}
    """For a kind, what differs from the defaults."""
    support: SupportWindow | None = None
    groups: dict[str, GroupRule] = {}
    pins: dict[str, Pin] = {}
    exclude: dict[str, Exclusion] = {}
    architectures: tuple[str, ...] | None = None
    """Architectures of the nodes; absent: any."""
    retention: RetentionConfig | None = None

    def rule(self, kind: TagKind, group: str | None = None) -> KindRule:
        """Return the rule for `kind`: the defaults, what the policy says, what it says for `group`."""
        layers = [_DEFAULTS[kind], self.kinds.get(kind)]
        if group in self.groups:
            layers.append(self.groups[group].kinds.get(kind))
        fields: dict[str, Any] = {}
        for layer in layers:
            fields.update(layer.model_dump(exclude_unset=True) if layer else {})
        return KindRule.model_validate(fields)

    def group_names(self) -> tuple[str, ...]:
        """Return every group that sees something of its own, sorted."""
        recommended = (group for item in self.recommended.values() for group in item.groups)
        return tuple(sorted({*self.groups, *recommended}))

    def age_limit(self, kind: TagKind, group: str | None = None) -> timedelta | None:
        """Return how old a version of `kind` may be, or None."""
        days = self.rule(kind, group).max_age_days
        return None if days is None else timedelta(days=days)


def read_policy(document: object) -> PolicyConfig:
    """Return the policy that `document`, parsed from YAML or JSON, describes.

    Raises
    ------
    ConfigurationError
        If it has an unknown key or a value that cannot be read; the sentence says where.
    """
    try:
        return PolicyConfig.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the policy"
        raise ConfigurationError(
            f"The policy cannot be read at {where}: {first['msg'].removeprefix('Value error, ')}.",
            hint="Correct the value; nothing is guessed.",
        ) from error
