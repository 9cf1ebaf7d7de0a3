"""From what is known of a repository to its part of the menu state. Pure."""

from collections.abc import Iterable
from datetime import datetime

from strata_hub.catalogue import Catalogue, build
from strata_hub.config import DeploymentConfig, PayloadConfig
from strata_hub.examination import still_wanted
from strata_hub.judgement import Judgement, judge
from strata_hub.payloads import payload
from strata_hub.state import Payload, RepositoryError, Size

from .knowledge import Knowledge

_SHARE = 0.25
"""Part of a size's limit that is requested where the configuration does not say."""


def catalogue_of(repository: str, knowledge: Knowledge, now: datetime) -> Catalogue:
    """Return the catalogue as it is known; `now` stands in for the time of a list that was never read."""
    return build(repository, knowledge.listed_at or now, knowledge.records.values(), knowledge.metadata)


def payload_of(
    name: str, config: PayloadConfig, knowledge: Knowledge, now: datetime
) -> tuple[Payload, Judgement | None]:
    """Return the payload `name` of the menu state without its images, and the judgement that has them.

    There is no judgement as long as the list was never read.
    """
    if knowledge.listed_at is None:
        waiting = RepositoryError(code="registry.waiting", message="The list was not read yet.", since=now)
        never = Payload(
            name=name,
            title=config.title,
            repository=config.repository,
            scheme=config.scheme,
            listed_at=None,
            error=knowledge.error or waiting,
        )
        return never, None
    catalogue = catalogue_of(config.repository, knowledge, now)
    judged = judge(catalogue, config.policy, now)
    head = payload(name, config.title, config.scheme, catalogue, Judgement((), (), judged.problems), knowledge.error)
    return head.model_copy(update={"problems": (*head.problems, *knowledge.problems())}), judged


def wanted_tags(configs: Iterable[PayloadConfig], knowledge: Knowledge, now: datetime) -> list[str]:
    """Return the tags to examine before the menus of `configs` are complete, most prominent first, each once."""
    names: dict[str, None] = {}
    for config in configs:
        catalogue = catalogue_of(config.repository, knowledge, now)
        names.update((tag.text, None) for tag in still_wanted(catalogue, config.policy, now))
    return list(names)


def sizes_of(config: DeploymentConfig) -> tuple[Size, ...]:
    """Return the sizes, with the first as default where none is marked."""
    marked = any(size.default for size in config.sizes.values())
    return tuple(
        Size(
            name=name,
            title=size.title,
            purpose=size.purpose,
            cpu_limit=size.cpu_limit,
            cpu_request=size.cpu_limit * _SHARE if size.cpu_request is None else size.cpu_request,
            memory_limit=size.memory_limit,
            memory_request=int(size.memory_limit * _SHARE) if size.memory_request is None else size.memory_request,
            groups=size.groups,
            default=size.default or (not marked and position == 0),
        )
        for position, (name, size) in enumerate(config.sizes.items())
    )
