"""One repository, kept up to date: list, compare, ask about what can have changed, and leave the rest alone."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from strata_hub.config import RefreshConfig
from strata_hub.errors import RegistryError, RegistryShrunk, RegistryUnavailable, StoreError
from strata_hub.registry import Examined, RegistryClient
from strata_hub.store import CatalogueStore, StoreWorker
from strata_hub.tags import TagKind

from .knowledge import Knowledge, Listing

log = logging.getLogger(__name__)

_LIST_WITHIN = 90.0
"""Seconds after which a list counts as failed, whatever the client still hopes for."""
_MOVING_AT_ONCE = 500
"""Moving tags asked about in one round; the ones that waited longest come first."""
_STORE_PAUSE = timedelta(seconds=10)
"""Between two attempts at a store that failed: it may take its time to fail, and nobody waits for it."""
_ROUNDS = 5
"""Times that the policy is asked what it wants, when what was learnt changes the answer."""
_GENERAL = frozenset({"registry.unavailable", "registry.denied", "registry.limited"})
"""Errors that concern the registry rather than one tag: asking on is of no use."""

Wanted = Callable[[Knowledge], Collection[str]]
"""Names the tags that a menu needs to know, most urgent first."""


def utc_now() -> datetime:
    """Return the present time."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Source:
    """What is refreshed, and by what means."""

    repository: str
    """Host and name."""
    name: str
    """Name within the registry."""
    platform: str
    client: RegistryClient
    store: StoreWorker
    settings: RefreshConfig


@dataclass
class Counters:
    """What this process did so far, for metrics."""

    listings: int = 0
    examined: int = 0
    failures: int = 0


@dataclass
class RepositoryRefresh:
    """Refreshes one repository; nothing here runs twice at once for it, except a notified tag.

    Parameters
    ----------
    changed
        Called whenever there is something new to publish; it returns once that is published.
    """

    source: Source
    knowledge: Knowledge
    wanted: Wanted
    changed: Callable[[], Awaitable[None]]
    now: Callable[[], datetime] = utc_now
    chance: random.Random = field(default_factory=random.SystemRandom)
    counters: Counters = field(default_factory=Counters)
    tried: bool = False
    """True once the first list was read, or failed."""
    _moving_due: datetime | None = None
    _recalled: bool = False
    _store_due: datetime | None = None
    _polling: asyncio.Lock = field(default_factory=asyncio.Lock)
    _saving: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def recall(self) -> None:
        """Take over what the store knows; a store that cannot be read is asked again at the next poll."""
        if self._recalled or self._store_pauses():
            return
        try:
            known = await self.source.store.run(CatalogueStore.load, self.source.repository, self.source.platform)
        except StoreError as error:
            self._store_failed(error)
            return
        self.knowledge.recall(known)
        self._recalled = True

    async def poll(self) -> bool:
        """Read the list, learn what a menu needs, publish; return whether the registry answered."""
        async with self._polling:
            await self.recall()
            try:
                news = await self._list()
                news |= await self._ask_moving_and_wanted()
                news |= self.knowledge.recovered()
            except RegistryError as error:
                news = self._trouble(error)
                answered = False
            else:
                answered = True
            news |= not self.tried
            self.tried = True
            await asyncio.gather(self.save(), *([self.changed()] if news else []))
            return answered

    async def look_at(self, tags: Iterable[str]) -> None:
        """Ask about exactly `tags`, because the registry says that they were pushed, and publish."""
        names = sorted(set(tags))
        known = {name: record.digest for name in names if (record := self.knowledge.records.get(name)) is not None}
        learnt: set[str] = set()
        trouble = await self._examine(names, learnt=learnt)
        news = any(self.knowledge.records[name].digest != known.get(name) for name in names if name in learnt)
        if trouble is not None:
            news |= self._trouble(trouble)
        if news or learnt:
            await asyncio.gather(self.save(), self.changed())

    async def examine_rest(self) -> bool:
        """Examine one batch of what no menu needs, newest first; return whether there is more to do."""
        now = self.now()
        names = list(self.knowledge.unexamined(self.knowledge.records, now))
        if not names or self.knowledge.error is not None:
            return False
        names.sort(key=lambda name: self.knowledge.records[name].tag.key, reverse=True)
        trouble = await self._examine(names[: self.source.settings.batch])
        more = len(names) > self.source.settings.batch
        if trouble is not None:
            self._trouble(trouble)
        complete = trouble is not None or not more
        await asyncio.gather(self.save(), *([self.changed()] if complete else []))
        return not complete

    async def read_everything(self) -> None:
        """Read the list and ask about every tag, whatever is remembered: for decisions that cannot be undone.

        Raises
        ------
        RegistryError
            If any answer is missing.
        """
        async with self._polling:
            await self.recall()
            began = self.now()
            await self._list()
            names = list(self.knowledge.records)
            trouble = await self._examine(names, digests_only=True)
            trouble = trouble or await self._examine(list(self.knowledge.unexamined(names, self.now())))
            await self.save()
            if trouble is not None:
                raise trouble
            records = self.knowledge.records.values()
            unread = sum(1 for record in records if record.checked_at is None or record.checked_at < began)
            if unread:
                raise RegistryUnavailable(
                    f"{unread} of {len(names)} tags of {self.source.repository} could not be read.",
                    hint="`strata-hub menu --why` names them.",
                )

    async def save(self) -> None:
        """Write what is new; what cannot be written is kept for the next time."""
        async with self._saving:
            if not self.knowledge.unsaved or self._store_pauses():
                return
            changes = self.knowledge.take_unsaved()
            source = self.source
            try:
                await source.store.run(CatalogueStore.save, source.repository, source.platform, changes)
            except StoreError as error:
                self.knowledge.give_back(changes)
                self._store_failed(error)

    def _store_pauses(self) -> bool:
        return self._store_due is not None and self.now() < self._store_due

    def _store_failed(self, error: StoreError) -> None:
        self._store_due = self.now() + _STORE_PAUSE
        log.warning("%s", error.sentence(), extra={"repository": self.source.repository, "code": error.code})

    async def _list(self) -> bool:
        asked_at = self.now()
        try:
            async with asyncio.timeout(_LIST_WITHIN):
                names = await self.source.client.tags(self.source.name)
        except TimeoutError:
            raise RegistryUnavailable(
                f"{self.source.repository} did not list its tags within {_LIST_WITHIN:.0f} s.",
                hint="The list shown is the last complete one.",
            ) from None
        self.counters.listings += 1
        before = len(self.knowledge.records)
        outcome = self.knowledge.listed(names, asked_at)
        if outcome is Listing.SUSPICIOUS:
            raise RegistryShrunk(
                f"The list of {self.source.repository} shrank from {before} tags to {len(names)}.",
                hint="Nothing disappears before a second list agrees.",
            )
        return outcome is Listing.CHANGED

    async def _ask_moving_and_wanted(self) -> bool:
        """Ask about both side by side, and then about what the moving tags turned out to name."""
        answers = await asyncio.gather(self._ask_moving(), self._ask_wanted(), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return any(answers) | await self._ask_wanted()

    async def _ask_moving(self) -> bool:
        now = self.now()
        if self._moving_due is not None and now < self._moving_due:
            return False
        settings, records = self.source.settings, self.knowledge.records
        moving = [name for name, record in records.items() if not record.tag.immutable]
        moving.sort(key=lambda name: _waiting(records[name].checked_at, records[name].tag.kind is TagKind.ALIAS))
        learnt: set[str] = set()
        asked = [*moving[:_MOVING_AT_ONCE], *self._recheck()]
        trouble = await self._examine(asked, digests_only=True, learnt=learnt)
        if trouble is not None:
            raise trouble
        self._moving_due = now + timedelta(seconds=settings.moving_interval)
        return bool(learnt)

    def _recheck(self) -> list[str]:
        """Choose tags that should never move, a few at a time, so that each has its turn in the set interval."""
        interval = self.source.settings.recheck_interval
        if interval is None:
            return []
        fixed = [name for name, record in self.knowledge.records.items() if record.tag.immutable and record.digest]
        share = len(fixed) * min(1.0, self.source.settings.moving_interval / interval)
        count = int(share) + (self.chance.random() < share % 1)
        return self.chance.sample(fixed, min(count, len(fixed)))

    async def _ask_wanted(self) -> bool:
        news = False
        for _ in range(_ROUNDS):
            names = list(self.knowledge.unexamined(self.knowledge.records, self.now()))
            # A few are asked about sooner than the policy has judged everything.
            if len(names) > self.source.settings.batch:
                names = list(self.knowledge.unexamined(self.wanted(self.knowledge), self.now()))
            if not names:
                break
            trouble = await self._examine(names)
            news = True
            if trouble is not None:
                raise trouble
        return news

    async def _examine(
        self, names: Collection[str], *, digests_only: bool = False, learnt: set[str] | None = None
    ) -> RegistryError | None:
        """Ask about `names`, add to `learnt` those that brought something new, and return a general trouble."""
        trouble: RegistryError | None = None
        asked_at = self.now()

        def take(result: Examined) -> None:
            nonlocal trouble
            if result.error is not None:
                self.counters.failures += 1
                if result.error.code in _GENERAL:
                    trouble = result.error
                elif result.reference in self.knowledge.records:
                    self.knowledge.failed(result.reference, result.error, asked_at)
            elif result.digest is not None:
                self.counters.examined += 1
                news = self.knowledge.checked(result.reference, result.digest, result.metadata, asked_at)
                if news and learnt is not None:
                    learnt.add(result.reference)

        if names:
            await self.source.client.examine(self.source.name, names, on_result=take, digests_only=digests_only)
        return trouble

    def _trouble(self, error: RegistryError) -> bool:
        news = self.knowledge.trouble(error.code, str(error), self.now())
        if news:
            log.warning("%s", error.sentence(), extra={"repository": self.source.repository, "code": error.code})
        return news


def _waiting(checked_at: datetime | None, alias: bool) -> tuple[bool, float]:
    return (not alias, checked_at.timestamp() if checked_at is not None else 0.0)
