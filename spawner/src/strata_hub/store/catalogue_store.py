"""Reading and writing what is known of registries. Synchronous: ``worker`` makes it usable from an event loop."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from itertools import islice
from sys import intern
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Engine, Row, Table, delete, or_, select, update

from strata_hub.catalogue import ImageMetadata

from .failures import sentences
from .schema import manifest, repository, repush, tag

if TYPE_CHECKING:
    from sqlalchemy.dialects import sqlite

_Item = TypeVar("_Item")
_CHUNK = 500
"""Rows of one statement: far below the parameter limits of both databases."""


class Checked(NamedTuple):
    """What a tag named when it was last asked about."""

    digest: str
    checked_at: datetime


@dataclass(frozen=True)
class Repush:
    """A tag that should never move, and did."""

    tag: str
    before: str
    after: str
    found_at: datetime


@dataclass
class Known:
    """What is known of one repository."""

    listed_at: datetime | None = None
    """When the list was last read in full; None: never."""
    tags: dict[str, Checked | None] = field(default_factory=dict)
    """Every tag of the list; None until it has been asked about."""
    metadata: dict[str, ImageMetadata] = field(default_factory=dict)
    """By digest, for the digests that `tags` name."""
    repushes: list[Repush] = field(default_factory=list)


@dataclass
class Changes:
    """What was learnt and is to be written, all of it or nothing."""

    listed_at: datetime | None = None
    tags: frozenset[str] | None = None
    """The complete list that was read at `listed_at`."""
    checked: dict[str, Checked] = field(default_factory=dict)
    metadata: dict[str, ImageMetadata] = field(default_factory=dict)
    repushes: list[Repush] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.listed_at or self.checked or self.metadata or self.repushes)

    def update(self, later: "Changes") -> None:
        """Add what was learnt later."""
        if later.listed_at is not None:
            self.listed_at, self.tags = later.listed_at, later.tags
        self.checked.update(later.checked)
        self.metadata.update(later.metadata)
        self.repushes.extend(later.repushes)


class CatalogueStore:
    """Catalogue facts in one database; safe for several processes on it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # Only one of them is used, and each costs memory.
        self._insert: Callable[[Table], sqlite.Insert] = import_module(
            f"sqlalchemy.dialects.{engine.dialect.name}"
        ).insert

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()

    def load(self, name: str, platform: str) -> Known:
        """Return what is known of the repository `name`, with metadata as seen from `platform`.

        Raises
        ------
        StoreError
            If the database cannot be read.
        """
        known = Known()
        with sentences(self._engine), self._engine.begin() as connection:
            row = connection.execute(
                select(repository.c.id, repository.c.listed_at).where(repository.c.name == name)
            ).one_or_none()
            if row is None:
                return known
            known.listed_at = row.listed_at
            named = select(tag.c.digest).where(tag.c.repository_id == row.id, tag.c.digest.is_not(None))
            manifests = select(manifest).where(manifest.c.platform == platform, manifest.c.digest.in_(named))
            for found in connection.execute(manifests, execution_options={"yield_per": _CHUNK}):
                known.metadata[found.digest] = _metadata(found)
            facts = select(tag.c.name, tag.c.digest, tag.c.checked_at).where(tag.c.repository_id == row.id)
            for fact in connection.execute(facts, execution_options={"yield_per": _CHUNK}):
                # One string for the digest of both: there are ten thousand of them.
                about = known.metadata.get(fact.digest) if fact.digest else None
                digest = about.digest if about is not None else fact.digest
                known.tags[fact.name] = Checked(digest, fact.checked_at) if digest else None
            reports = select(repush).where(repush.c.repository_id == row.id).order_by(repush.c.found_at)
            known.repushes += [Repush(r.tag, r.before, r.after, r.found_at) for r in connection.execute(reports)]
        return known

    def metadata(self, digests: Iterable[str], platform: str) -> dict[str, ImageMetadata]:
        """Return the metadata of those of `digests` that were examined before, in any repository."""
        found: dict[str, ImageMetadata] = {}
        with sentences(self._engine), self._engine.begin() as connection:
            for chunk in _chunks(sorted(set(digests))):
                rows = connection.execute(
                    select(manifest).where(manifest.c.platform == platform, manifest.c.digest.in_(chunk))
                )
                found.update((row.digest, _metadata(row)) for row in rows)
        return found

    def save(self, name: str, platform: str, changes: Changes) -> None:
        """Write `changes` of the repository `name` in one transaction.

        Older facts never replace newer ones, so that several services on one database do each other no harm.

        Raises
        ------
        StoreError
            If the database cannot be written; nothing of `changes` is there then.
        """
        with sentences(self._engine), self._engine.begin() as connection:
            key, listed_at = self._lock(connection, name)
            if changes.listed_at is not None and (listed_at is None or listed_at <= changes.listed_at):
                self._write_listing(connection, key, changes.tags or frozenset())
                connection.execute(update(repository).where(repository.c.id == key).values(listed_at=changes.listed_at))
            self._write_checked(connection, key, changes.checked)
            self._write_metadata(connection, platform, changes.metadata.values())
            self._write_repushes(connection, key, changes.repushes)

    def _lock(self, connection: Connection, name: str) -> tuple[int, datetime | None]:
        connection.execute(self._insert(repository).values(name=name).on_conflict_do_nothing())
        row = connection.execute(
            select(repository.c.id, repository.c.listed_at).where(repository.c.name == name).with_for_update()
        ).one()
        return row.id, row.listed_at

    def _write_listing(self, connection: Connection, key: int, names: frozenset[str]) -> None:
        present = set(connection.scalars(select(tag.c.name).where(tag.c.repository_id == key)))
        for chunk in _chunks(sorted(present - names)):
            connection.execute(delete(tag).where(tag.c.repository_id == key, tag.c.name.in_(chunk)))
        for chunk in _chunks(sorted(names - present)):
            rows = [{"repository_id": key, "name": name} for name in chunk]
            connection.execute(self._insert(tag).on_conflict_do_nothing(), rows)

    def _write_checked(self, connection: Connection, key: int, checked: Mapping[str, Checked]) -> None:
        insert = self._insert(tag)
        newer = insert.excluded
        upsert = insert.on_conflict_do_update(
            index_elements=["repository_id", "name"],
            set_={"digest": newer.digest, "checked_at": newer.checked_at},
            where=or_(tag.c.checked_at.is_(None), tag.c.checked_at <= newer.checked_at),
        )
        for chunk in _chunks(sorted(checked)):
            connection.execute(
                upsert,
                [
                    {
                        "repository_id": key,
                        "name": name,
                        "digest": checked[name].digest,
                        "checked_at": checked[name].checked_at,
                    }
                    for name in chunk
                ],
            )

    def _write_metadata(self, connection: Connection, platform: str, found: Iterable[ImageMetadata]) -> None:
        # One order everywhere: two services that write the same rows cannot wait for each other in a circle.
        for chunk in _chunks(sorted(found, key=lambda metadata: metadata.digest)):
            rows = [_row(metadata, platform) for metadata in chunk]
            connection.execute(self._insert(manifest).on_conflict_do_nothing(), rows)

    def _write_repushes(self, connection: Connection, key: int, found: Sequence[Repush]) -> None:
        rows = [{"repository_id": key, **vars(report)} for report in found]
        if rows:
            connection.execute(self._insert(repush).on_conflict_do_nothing(), rows)


def _chunks(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk


def _row(metadata: ImageMetadata, platform: str) -> dict[str, Any]:
    return {
        "digest": metadata.digest,
        "platform": platform,
        "media_type": metadata.media_type,
        "created": metadata.created,
        "labels": dict(metadata.labels),
        "size": metadata.size,
        "architecture": metadata.architecture,
        "runnable": metadata.runnable,
        "reason": metadata.reason,
        "children": list(metadata.children),
    }


def _metadata(row: Row[Any]) -> ImageMetadata:
    # Ten thousand images repeat a few hundred labels: interning keeps one copy of each.
    return ImageMetadata(
        digest=row.digest,
        media_type=intern(row.media_type),
        created=row.created,
        labels={intern(key): intern(value) for key, value in row.labels.items()},
        size=row.size,
        architecture=intern(row.architecture),
        runnable=row.runnable,
        reason=row.reason,
        children=tuple(row.children),
    )
