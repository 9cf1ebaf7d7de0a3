"""Deleting what retention proposes: read everything again, propose, and only then delete, digest by digest."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from .config import PayloadConfig
from .errors import RegistryError
from .refresh.assembly import catalogue_of
from .refresh.repository import RepositoryRefresh
from .retention import Deletion, Kept, propose


@dataclass(frozen=True)
class Plan:
    """What may be deleted from one repository."""

    repository: str
    deletions: tuple[Deletion, ...] = ()
    kept: tuple[Kept, ...] = ()
    refused: str = ""
    """Why nothing may be deleted, as a sentence; empty otherwise."""


@dataclass(frozen=True)
class Outcome:
    """What came of one deletion."""

    deletion: Deletion
    error: str = ""
    """Why it was not deleted; empty: it was."""


async def plan(
    views: Sequence[tuple[RepositoryRefresh, PayloadConfig]], in_use: Collection[str] | None, now: datetime
) -> Plan:
    """Return what may be deleted from one repository.

    Parameters
    ----------
    views
        Every payload that shows this repository: a digest may go only if all of them let it go.
    in_use
        Digests of all running labs; None: not known, and then nothing may be deleted.
    """
    repository = views[0][1].repository
    try:
        for refresh in {id(refresh): refresh for refresh, _ in views}.values():
            await refresh.read_everything()
    except RegistryError as error:
        return Plan(repository, refused=error.sentence())
    proposals = [
        propose(catalogue_of(config.repository, refresh.knowledge, now), config.policy, in_use, now)
        for refresh, config in views
    ]
    for proposal in proposals:
        if proposal.refused:
            return Plan(repository, refused=proposal.refused)
    allowed = set.intersection(*({deletion.digest for deletion in proposal.deletions} for proposal in proposals))
    kept = {item.digest: item for proposal in proposals for item in proposal.kept}
    deletions = tuple(item for item in proposals[0].deletions if item.digest in allowed)
    return Plan(repository, deletions, tuple(kept.values()))


async def execute(refresh: RepositoryRefresh, deletions: Sequence[Deletion]) -> AsyncIterator[Outcome]:
    """Delete one after the other, and yield what came of each.

    Each digest is looked at once more before it goes: a name that moved since the plan keeps its image.
    """
    client, name = refresh.source.client, refresh.source.name
    for deletion in deletions:
        try:
            moved = [tag for tag in deletion.tags if await client.head(name, tag) != deletion.digest]
            if moved:
                yield Outcome(deletion, f"{moved[0]} names another image by now.")
                continue
            await client.delete(name, deletion.digest)
        except RegistryError as error:
            yield Outcome(deletion, error.sentence())
        else:
            yield Outcome(deletion)
