"""A plan: what a change would do, worked out against the real stack before anything is written."""

import hashlib
import json
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from strata_lab.environments import Action, EnvironmentName, Intent, Locked


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Upgraded(_Document):
    """A distribution of the environment whose version changes."""

    name: str
    old: str
    new: str


class Dependent(_Document):
    """A distribution that asks for another one, and whether it would still get what it asks for."""

    name: str
    version: str
    requirement: str
    satisfied: bool


class Shadowing(_Document):
    """A distribution of the stack that the environment would replace, for itself only."""

    name: str
    stack_version: str
    new_version: str
    dependents: tuple[Dependent, ...] = ()


class Clash(_Document):
    """Files that two distributions both bring.

    Attributes
    ----------
    owners
        The two names; the second may belong to the stack.
    paths
        Some of the files (at most 10), relative to site-packages.
    count
        How many there are.
    """

    owners: tuple[str, str]
    paths: tuple[str, ...]
    count: int


class Broken(_Document):
    """A distribution that would no longer find what it imports.

    Attributes
    ----------
    missing
        The canonical name of what it asks for.
    found
        The version that would be there; null for none.
    """

    name: str
    version: str
    requirement: str
    missing: str
    found: str | None


class Sizes(_Document):
    """Bytes.

    Attributes
    ----------
    download
        To fetch; what is cached counts 0. Null if the index does not say.
    disk
        To be written into the home; an estimate unless ``exact``.
    free
        Left for this user where the environments are: the smaller of free space and quota.
    """

    download: int | None = None
    disk: int | None = None
    exact: bool = False
    free: int | None = None


class Effort(StrEnum):
    """What a plan costs."""

    NOTHING = "nothing"
    SWITCH = "switch"
    BUILD = "build"


class Plan(_Document):
    """What would happen.

    Attributes
    ----------
    effort
        ``nothing`` when all is there already, ``switch`` when only the pointer moves, ``build`` for a new generation.
    resolved
        Everything that the new generation would hold.
    satisfied
        Asked for and there already, from the stack: ``name version``.
    conflict
        The resolver's explanation of why the stack's own versions could not all be kept.
    choices
        What a user may do about the plan, sentences.
    refusals
        Why it cannot be carried out at all, sentences; no consent helps.
    """

    environment: EnvironmentName
    action: Action
    effort: Effort
    intent: Intent | None = None
    resolved: tuple[Locked, ...] = ()
    added: tuple[Locked, ...] = ()
    upgraded: tuple[Upgraded, ...] = ()
    removed: tuple[str, ...] = ()
    satisfied: tuple[str, ...] = ()
    shadowing: tuple[Shadowing, ...] = ()
    builds: tuple[str, ...] = ()
    clashes: tuple[Clash, ...] = ()
    broken: tuple[Broken, ...] = ()
    sizes: Sizes = Sizes()
    target: str | None = None
    conflict: str | None = None
    choices: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """A name for what would be done, so that consent can be given to exactly that."""
        said = self.model_dump(mode="json", exclude={"sizes", "choices", "conflict"})
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def needs_consent(self) -> bool:
        """Whether somebody must agree before it is executed."""
        return bool(self.shadowing or self.builds or self.broken)


class Consent(_Document):
    """What the user agreed to.

    Attributes
    ----------
    shadow
        Canonical names of the stack that may be replaced.
    build
        Canonical names that may be built from source.
    broken
        Canonical names of distributions that may stop working.
    plan
        A plan's digest: with it, the execution fails if the plan has changed in between.
    """

    shadow: Annotated[frozenset[str], Field(max_length=1000)] = frozenset()
    build: Annotated[frozenset[str], Field(max_length=1000)] = frozenset()
    broken: Annotated[frozenset[str], Field(max_length=1000)] = frozenset()
    plan: str | None = None

    @classmethod
    def to(cls, plan: Plan) -> "Consent":
        """Return the consent that agrees to all that a plan says."""
        return cls(
            shadow=frozenset(item.name for item in plan.shadowing),
            build=frozenset(plan.builds),
            broken=frozenset(item.name for item in plan.broken),
            plan=plan.digest,
        )
