"""What registries tell of a push: the webhook formats of Distribution and Harbor. Pure.

An event is a hint and nothing more: whoever sends one can make the service ask the registry again, never believe
anything. Formats: Distribution, "Work with notifications"; Harbor, "Configure webhook notifications", in its own format
and as CloudEvents.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from strata_hub.errors import InvalidRequest
from strata_hub.registry.names import is_tag

_EVENTS = 1000
"""Events of one request; registries send one, or a few."""

_Text = Annotated[str, StringConstraints(max_length=1024)]


@dataclass(frozen=True)
class Hint:
    """Something about a repository changed."""

    name: str
    """Repository, without its registry."""
    tag: str | None
    """None where the event does not tell: the list has to be read."""
    digest: str = ""
    """What the tag is said to name; empty where the event does not tell."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Target(_Part):
    repository: _Text = ""
    tag: _Text = ""
    digest: _Text = ""


class _DistributionEvent(_Part):
    action: _Text
    target: _Target = _Target()


class _Envelope(_Part):
    events: Annotated[list[_DistributionEvent], Field(max_length=_EVENTS)]


class _Resource(_Part):
    tag: _Text = ""
    digest: _Text = ""


class _HarborRepository(_Part):
    repo_full_name: _Text = ""


class _HarborData(_Part):
    resources: Annotated[list[_Resource], Field(max_length=_EVENTS)] = []
    repository: _HarborRepository = _HarborRepository()


class _HarborEvent(_Part):
    type: _Text
    event_data: _HarborData | None = None
    data: _HarborData | None = None
    """The same, where Harbor is set to send CloudEvents."""


_HARBOR_CHANGES = {
    "PUSH_ARTIFACT": True,
    "DELETE_ARTIFACT": False,
    "REPLICATION": False,
    "harbor.artifact.pushed": True,
    "harbor.artifact.deleted": False,
}
"""Types that can change a list, and whether the tags that they name are there to be asked about."""


def distribution(body: bytes) -> tuple[Hint, ...]:
    """Return what an envelope of Distribution events hints at; pulls and mounts hint at nothing.

    Raises
    ------
    InvalidRequest
        If `body` is no such envelope.
    """
    envelope = _read(_Envelope, body)
    hints = []
    for event in envelope.events:
        target = event.target
        if not target.repository:
            continue
        if event.action == "push" and is_tag(target.tag):
            hints.append(Hint(target.repository, target.tag, target.digest))
        elif event.action == "delete":
            hints.append(Hint(target.repository, None))
    return tuple(dict.fromkeys(hints))


def harbor(body: bytes) -> tuple[Hint, ...]:
    """Return what a Harbor event hints at.

    Raises
    ------
    InvalidRequest
        If `body` is no such event.
    """
    event = _read(_HarborEvent, body)
    data = event.event_data or event.data
    if event.type not in _HARBOR_CHANGES or data is None or not data.repository.repo_full_name:
        return ()
    name = data.repository.repo_full_name
    tagged = [resource for resource in data.resources if is_tag(resource.tag)]
    if not _HARBOR_CHANGES[event.type] or not tagged:
        return (Hint(name, None),)
    return tuple(dict.fromkeys(Hint(name, resource.tag, resource.digest) for resource in tagged))


FORMATS: Mapping[str, Callable[[bytes], tuple[Hint, ...]]] = {"distribution": distribution, "harbor": harbor}
"""By the last part of the route."""


def _read(model: type[Any], body: bytes) -> Any:  # noqa: ANN401 - an instance of `model`
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        raise InvalidRequest(f"The notification is malformed at {where}: {first['msg']}.") from None
