"""Where things come from: why a package is there, and what a notebook tells of the environment that it ran in."""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from strata_lab.environments import Intent, Locked, Record, Sha256
from strata_lab.errors import InvalidInput, NotFound

NOTEBOOK_KEY = "strata"


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Held(_Document):
    """A distribution that an environment or its stack holds."""

    name: str
    version: str
    requires: tuple[str, ...] = ()


class Why(_Document):
    """Why a package is there.

    Attributes
    ----------
    source
        ``environment`` or ``stack``.
    requested
        Whether it was asked for by name.
    chains
        For each requirement that was asked for and leads here, the shortest way: names from the one asked for to the
        package. For a package of the stack, the first names are distributions of the environment or the stack.
    """

    name: str
    version: str
    source: Literal["environment", "stack"]
    requested: bool
    chains: tuple[tuple[str, ...], ...] = ()
    url: str | None = None
    sha256: str | None = None
    generation: str | None = None


class NotebookStack(_Document):
    """The stack that a notebook ran on."""

    title: Annotated[str, Field(max_length=500)]
    python: Annotated[str, Field(max_length=50)]
    fingerprint: Annotated[str, Field(max_length=200)]


class NotebookOrigin(_Document):
    """What a notebook carries: enough to make its environment again, anywhere.

    Attributes
    ----------
    lock
        SHA-256 over what was resolved and on what stack.
    image
        ``repository:tag@digest``, null outside of an image.
    """

    contract: Literal[1] = 1
    environment: Annotated[str, Field(max_length=100)]
    lock: Sha256
    image: Annotated[str, Field(max_length=1000)] | None
    stack: NotebookStack
    intent: Intent
    locked: Annotated[tuple[Locked, ...], Field(max_length=5000)]


def origin(record: Record) -> NotebookOrigin:
    """Return what a notebook that runs in a generation carries of it."""
    kept = tuple(item.model_copy(update={"requires": ()}) for item in record.locked)
    return NotebookOrigin(
        environment=record.environment,
        lock=record.lock_hash,
        image=record.image,
        stack=NotebookStack(title=record.stack.title, python=record.stack.python, fingerprint=record.stack.fingerprint),
        intent=record.intent,
        locked=kept,
    )


def read_origin(notebook: Mapping[str, Any]) -> NotebookOrigin:
    """Return what a notebook says of the environment that it ran in.

    Raises
    ------
    NotFound
        If it says nothing.
    InvalidInput
        If what it says cannot be understood.
    """
    metadata = notebook.get("metadata")
    said = metadata.get(NOTEBOOK_KEY) if isinstance(metadata, Mapping) else None
    if not isinstance(said, Mapping):
        raise NotFound(
            "The notebook does not say in which environment it ran.",
            hint="Notebooks say so when they were saved after running in an environment of this lab.",
        )
    try:
        return NotebookOrigin.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"The notebook's note of its environment is not valid: {where}: {first['msg']}.") from error


def _edges(held: Held, extras: Iterable[str]) -> list[tuple[str, frozenset[str]]]:
    wanted = {"", *extras}
    found: list[tuple[str, frozenset[str]]] = []
    for text in held.requires:
        try:
            requirement = Requirement(text)
            marker = requirement.marker
            applies = marker is None or any(marker.evaluate({"extra": extra}) for extra in wanted)
        except (InvalidRequirement, UndefinedComparison, UndefinedEnvironmentName):
            continue
        if applies:
            found.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    return found


def _chain(start: str, extras: frozenset[str], target: str, held: Mapping[str, Held]) -> tuple[str, ...] | None:
    queue: deque[tuple[tuple[str, ...], frozenset[str]]] = deque([((start,), extras)])
    seen = {start}
    while queue:
        path, wanted = queue.popleft()
        if path[-1] == target:
            return path
        here = held.get(path[-1])
        for name, more in _edges(here, wanted) if here else ():
            if name not in seen:
                seen.add(name)
                queue.append(((*path, name), more))
    return None


def _asked(requirements: Iterable[str]) -> list[tuple[str, frozenset[str]]]:
    asked = []
    for text in requirements:
        try:
            requirement = Requirement(text)
            asked.append((str(canonicalize_name(requirement.name)), frozenset(requirement.extras)))
        except InvalidRequirement:  # a conda match specification
            asked.append((text.split()[0].partition("=")[0].partition("<")[0].partition(">")[0], frozenset()))
    return asked


def why(record: Record, stack: Iterable[Held], package: str) -> Why:
    """Return why a package is in an environment, or in the stack under it.

    Raises
    ------
    NotFound
        If neither holds it.
    """
    name = canonicalize_name(package)
    below = {item.name: item for item in stack}
    mine = {item.name: item for item in record.locked}
    held = below | {
        item.name: Held(name=item.name, version=item.version, requires=item.requires) for item in mine.values()
    }
    found = held.get(name)
    if found is None:
        raise NotFound(f"Neither {record.environment} nor its stack holds {package!r}.")
    asked = _asked(record.intent.requirements)
    chains = [chain for start, extras in asked if (chain := _chain(start, extras, name, held))]
    if name not in mine and not chains:
        chains = [(other.name, name) for other in below.values() if any(edge == name for edge, _ in _edges(other, ()))]
    locked = mine.get(name)
    return Why(
        name=name,
        version=found.version,
        source="environment" if locked else "stack",
        requested=any(start == name for start, _ in asked),
        chains=tuple(chains),
        url=locked.url if locked else None,
        sha256=locked.sha256 if locked else None,
        generation=record.generation if locked else None,
    )
