"""All repositories of one deployment, each at its own pace, and the one state that comes of them."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from strata_hub.config import DeploymentConfig
from strata_hub.state import MenuState

from .assembly import payload_of, sizes_of
from .document import Encoder, document
from .publisher import Published, Publisher
from .repository import RepositoryRefresh, utc_now

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 60.0
"""Seconds between two attempts at a registry that keeps failing; a longer poll interval stands."""
_PENDING = 1000
"""Notified tags to remember; more are found by reading the list."""
_AGAIN = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)
"""Seconds to wait before asking about a notified tag again that does not name yet what it was said to name.

Distribution sends the event of a manifest before it writes the tag.
"""


@dataclass(frozen=True)
class _Push:
    digest: str
    attempt: int = 0


class Refresher:
    """Refreshes every repository and publishes the menu state.

    Parameters
    ----------
    repositories
        By payload name; payloads that show the same repository share one.
    """

    def __init__(
        self,
        config: DeploymentConfig,
        repositories: Mapping[str, RepositoryRefresh],
        publisher: Publisher,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.config = config
        self.repositories = dict(repositories)
        self.publisher = publisher
        self._now = now
        self._encoders = {name: Encoder() for name in config.payloads}
        self._fragments: dict[str, tuple[bytes, ...]] = {}
        self._images: dict[str, int] = {}
        self._dirty: set[str] = set(config.payloads)
        self._asked = 0
        self._answered = 0
        self._publishing = asyncio.Lock()
        self._pending: dict[int, dict[str, _Push]] = {}
        self._tag_pushed: dict[int, asyncio.Event] = {}
        self._poll_now: dict[int, asyncio.Event] = {}

    def unique(self) -> list[RepositoryRefresh]:
        """Return each repository once."""
        return list({id(refresh): refresh for refresh in self.repositories.values()}.values())

    async def run(self) -> None:
        """Refresh until cancelled; no failure of one repository touches another, and none ends this."""
        for refresh in self.unique():
            self._pending[id(refresh)] = {}
            self._tag_pushed[id(refresh)] = asyncio.Event()
            self._poll_now[id(refresh)] = asyncio.Event()
        await self.begin()
        async with asyncio.TaskGroup() as group:
            for refresh in self.unique():
                group.create_task(self._keep_current(refresh))
                group.create_task(self._follow_notifications(refresh))
            group.create_task(self._keep_fresh())

    async def begin(self) -> None:
        """Publish what is known from before, if there is anything, without asking a registry."""
        for refresh in self.unique():
            await refresh.recall()
            # What is published below need not be published again by a first list that brings nothing new.
            refresh.tried = refresh.knowledge.listed_at is not None
        if any(refresh.knowledge.listed_at is not None for refresh in self.unique()):
            await self.publish()

    def notify(self, name: str, tag: str | None, digest: str = "") -> bool:
        """Look at `tag` of the repositories called `name` at once, or at their lists if it is None.

        Parameters
        ----------
        digest
            What the tag is said to name. It is not believed: while the registry answers otherwise, it is asked again a
            few times.

        Returns
        -------
        bool
            False if no payload shows such a repository.
        """
        matching = [
            refresh for refresh in self.unique() if refresh.source.name == name and id(refresh) in self._pending
        ]
        for refresh in matching:
            if tag is not None and len(self._pending[id(refresh)]) < _PENDING:
                self._look_at(refresh, tag, _Push(digest))
            else:
                self._poll_now[id(refresh)].set()
        return bool(matching)

    def _look_at(self, refresh: RepositoryRefresh, tag: str, push: _Push) -> None:
        pending = self._pending[id(refresh)]
        # A newer push of the same tag counts, not the next attempt at an older one.
        if push.attempt == 0 or tag not in pending:
            pending[tag] = push
            self._tag_pushed[id(refresh)].set()

    async def publish(self, changed: RepositoryRefresh | None = None) -> None:
        """Publish the present state; calls that come while one is being made are answered by the next."""
        self._dirty |= {name for name, refresh in self.repositories.items() if changed is None or refresh is changed}
        self._asked += 1
        ticket = self._asked
        async with self._publishing:
            if self._answered >= ticket:
                return
            self._answered = self._asked
            await self.publisher.publish(self.state())

    def state(self) -> Published:
        """Return the menu state as of now; only payloads of changed repositories are judged again."""
        now = self._now()
        for name in self._dirty & self.repositories.keys():
            head, judged = payload_of(name, self.config.payloads[name], self.repositories[name].knowledge, now)
            self._fragments[name] = self._encoders[name].fragment(head, judged)
            self._images[name] = len(judged.shown) if judged is not None else 0
        self._dirty.clear()
        head_of_state = MenuState(
            deployment=self.config.name,
            title=self.config.title,
            generated_at=now,
            stale_after=self.config.stale_after,
            payloads=(),
            sizes=sizes_of(self.config),
        )
        parts = document(head_of_state, [self._fragments[name] for name in self.config.payloads])
        return Published.of(parts, now, sum(self._images.values()))

    async def _keep_current(self, refresh: RepositoryRefresh) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            began = loop.time()
            try:
                answered = await refresh.poll()
            except Exception:
                log.exception("a refresh failed unexpectedly", extra={"repository": refresh.source.repository})
                answered = False
            failures = 0 if answered else min(failures + 1, 10)
            interval = self.config.poll_interval
            due = began + min(interval * 2**failures, max(_LONGEST_PAUSE, interval))
            await self._use_the_time(refresh, due)

    async def _use_the_time(self, refresh: RepositoryRefresh, due: float) -> None:
        """Examine what no menu needs until the next poll is due or asked for."""
        loop = asyncio.get_running_loop()
        asked = self._poll_now[id(refresh)]
        # At least one batch: a list that takes longer than the interval must not starve the rest.
        while await self._background(refresh) and loop.time() < due and not asked.is_set():
            pass
        with suppress(TimeoutError):
            async with asyncio.timeout_at(due):
                await asked.wait()
        asked.clear()

    async def _background(self, refresh: RepositoryRefresh) -> bool:
        try:
            return await refresh.examine_rest()
        except Exception:
            log.exception("the background failed unexpectedly", extra={"repository": refresh.source.repository})
            return False

    async def _follow_notifications(self, refresh: RepositoryRefresh) -> None:
        loop = asyncio.get_running_loop()
        pushed, pending = self._tag_pushed[id(refresh)], self._pending[id(refresh)]
        while True:
            await pushed.wait()
            pushed.clear()
            pushes = dict(pending)
            pending.clear()
            try:
                await refresh.look_at(pushes)
            except Exception:
                log.exception("a notified tag failed unexpectedly", extra={"repository": refresh.source.repository})
            for tag, push in pushes.items():
                record = refresh.knowledge.records.get(tag)
                named = record.digest if record is not None else None
                if (named is None or push.digest not in {"", named}) and push.attempt < len(_AGAIN):
                    again = _Push(push.digest, push.attempt + 1)
                    loop.call_later(_AGAIN[push.attempt], self._look_at, refresh, tag, again)

    async def _keep_fresh(self) -> None:
        """Publish now and then although nothing changed: the age of a list is part of the state."""
        while True:
            await asyncio.sleep(min(300.0, max(10.0, self.config.stale_after / 20)))
            if self.publisher.current is not None:
                await self.publish()
