"""What an environment is: an intent, realised per stack, in generations.

The *intent* (what the user asked for) is portable. A *generation* is one realisation of an intent on one stack: a
prefix that is complete once its record lies in it, and that is never changed afterwards. The environment is a name and
a pointer.
"""

import hashlib
import json
import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from strata_lab.errors import InvalidInput

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,38}[a-z0-9])?", re.ASCII)
_RESERVED = frozenset({"base", "root", "stack", "machinery", "bin", "current", "con", "nul"})
_IDENTIFIER = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{12}", re.ASCII)


def checked_name(name: str) -> str:
    """Return a name that may become a folder, a kernel's name and a part of a URL.

    Raises
    ------
    InvalidInput
        If it may not.
    """
    if not _NAME.fullmatch(name) or ".." in name or name in _RESERVED:
        raise InvalidInput(
            f"{name[:60]!r} cannot be the name of an environment.",
            hint="Use 1 to 40 small letters, digits, '.', '_' and '-', with a letter or digit at both ends.",
        )
    return name


def checked_identifier(identifier: str) -> str:
    """Return a generation's identifier, or raise :exc:`~strata_lab.errors.InvalidInput`."""
    if not _IDENTIFIER.fullmatch(identifier):
        raise InvalidInput(f"{identifier[:60]!r} is not a generation.")
    return identifier


def _name(value: str) -> str:
    try:
        return checked_name(value)
    except InvalidInput as error:
        raise ValueError(error.sentence()) from error


EnvironmentName = Annotated[str, AfterValidator(_name)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Kind(StrEnum):
    """How an environment is made."""

    OVERLAY = "overlay"
    CONDA = "conda"


class Intent(_Document):
    """What the user asked for, whatever the stack.

    Attributes
    ----------
    requirements
        PEP 508 requirements without URL and marker (overlay) or conda match specifications.
    shadow
        Canonical names that may replace the stack's version.
    build
        Canonical names that may be built from source.
    python
        For a conda environment, the Python that it asks for; null for an overlay, which has the stack's.
    """

    kind: Kind = Kind.OVERLAY
    requirements: tuple[str, ...] = ()
    shadow: tuple[str, ...] = ()
    build: tuple[str, ...] = ()
    python: str | None = None

    @property
    def digest(self) -> str:
        """A name for this intent, equal for equal intents."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class Locked(_Document):
    """One distribution as it was resolved.

    Attributes
    ----------
    name
        Canonical.
    url, sha256
        Of the file that was installed; the hash is required again on rebuild.
    size
        Of that file, bytes; null where the index does not say.
    requires
        Requirements of the installed metadata (PEP 508).
    build
        Conda's build string and subdirectory (``py311_0/linux-64``); null for a wheel.
    """

    name: str
    version: str
    url: str | None = None
    sha256: Sha256 | None = None
    size: int | None = Field(default=None, ge=0)
    index: str | None = None
    requires: tuple[str, ...] = ()
    build: str | None = None
    from_source: bool = False

    @property
    def pin(self) -> str:
        """``name==version``."""
        return f"{self.name}=={self.version}"


class StackIdentity(_Document):
    """The stack that a generation was made on."""

    fingerprint: str
    title: str
    python: str
    prefix: str
    abi: str = ""


class Actor(_Document):
    """Who made a change, and from where."""

    user: str
    host: str
    interface: str = "python"


class Action(StrEnum):
    """What made a generation, or moved the pointer."""

    CREATE = "create"
    INSTALL = "install"
    UPGRADE = "upgrade"
    REMOVE = "remove"
    UNDO = "undo"
    REDO = "redo"
    CLONE = "clone"
    RENAME = "rename"
    DELETE = "delete"
    RESTORE = "restore"
    ADOPT = "adopt"
    REBUILD = "rebuild"
    IMPORT = "import"


class Record(_Document):
    """The environment record: one generation, with all that is needed to make it again and to cite it.

    Attributes
    ----------
    serial
        Grows by one along a line of changes, whatever the clocks say.
    parent
        The generation that this one was made from.
    requested
        What was asked in this change, as the user wrote it.
    image
        ``repository:tag@digest`` of the lab, where it runs in one.
    size
        Bytes on disk that this generation added.
    tools
        Versions of what made it.
    imports
        Modules that were imported, successfully, before the switch.
    """

    contract: Literal[1] = 1
    environment: EnvironmentName
    generation: str
    serial: int = Field(ge=1)
    parent: str | None
    action: Action
    requested: tuple[str, ...] = ()
    intent: Intent
    locked: tuple[Locked, ...] = ()
    stack: StackIdentity
    image: str | None = None
    actor: Actor
    created: datetime
    seconds: float = Field(default=0.0, ge=0)
    size: int = Field(default=0, ge=0)
    files: int = Field(default=0, ge=0)
    indexes: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    tools: dict[str, str] = Field(default_factory=dict)
    imports: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def lock_hash(self) -> str:
        """SHA-256 over what was resolved and on what stack: equal for equal contents."""
        lines = sorted(f"{item.name}=={item.version} {item.build or ''} {item.sha256 or ''}" for item in self.locked)
        text = "\n".join([self.intent.kind, self.stack.fingerprint, *lines])
        return hashlib.sha256(text.encode()).hexdigest()


class Event(_Document):
    """One line of an environment's history."""

    action: Action
    generation: str
    actor: Actor
    when: datetime
    requested: tuple[str, ...] = ()
    image: str | None = None
    note: str = ""


class State(StrEnum):
    """How an environment stands to the stack at hand."""

    GOOD = "good"
    REBUILD = "rebuild"
    IMPOSSIBLE = "impossible"
    BROKEN = "broken"


class Status(_Document):
    """An environment, judged against the stack at hand.

    Attributes
    ----------
    reasons
        Why it needs a rebuild, or what is missing; empty when good.
    record
        Of the generation that the pointer names; null only when that cannot be read.
    live
        The generation to use on this stack: the pointer's, or an earlier realisation of the same intent on this stack;
        null when there is none.
    """

    name: EnvironmentName
    state: State
    reasons: tuple[str, ...] = ()
    record: Record | None
    live: str | None
    busy: str | None = None
    can_undo: bool = False
    can_redo: bool = False
