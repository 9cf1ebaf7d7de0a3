"""The newest menu state, in memory: polled in the background, kept on disk across restarts.

Forms and the gate read `Follower.current` and nothing else, so that a registry or a service that is down, slow or being
upgraded costs a user nothing.
"""

import asyncio
import contextlib
import hashlib
import logging
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from weakref import WeakKeyDictionary

from .errors import StateError, StateInvalid
from .menu import Menu, User, menu_for, named_groups
from .state import MenuState, load
from .state_source import Document, FileSource, StateSource, source_for

FIRST_POLL = 3.0
"""Seconds for which the first form after a start waits for the first poll."""


@dataclass(frozen=True, eq=False)
class Followed:
    """A checked menu state, and the menus that were made from it."""

    state: MenuState
    etag: str
    _menus: dict[tuple[frozenset[str], bool], tuple[int, Menu]] = field(default_factory=dict)

    @cached_property
    def groups(self) -> frozenset[str]:
        """The groups that make a difference."""
        return named_groups(self.state)

    def menu(self, user: User, now: datetime) -> Menu:
        """Return the menu of `user`; users with the same groups share it for a minute."""
        minute = int(now.timestamp() // 60)
        key = (user.groups & self.groups, user.admin)
        made = self._menus.get(key)
        if made is None or made[0] != minute:
            made = self._menus[key] = (minute, menu_for(self.state, user, now))
        return made[1]


class Follower:
    """Keeps the newest good menu state of one source.

    Parameters
    ----------
    source
        Where to read it.
    cache
        File that holds the last good copy, or None to keep it in memory only.
    deployment
        Name of the only deployment whose state is accepted; empty: any.
    interval
        Seconds between two polls.
    log
        Where to say that a poll failed or works again.
    """

    def __init__(
        self,
        source: StateSource,
        cache: Path | None,
        *,
        deployment: str = "",
        interval: float = 15.0,
        log: logging.Logger | logging.LoggerAdapter[logging.Logger] | None = None,
    ) -> None:
        self._source = source
        self._cache = cache
        self._deployment = deployment
        self._interval = interval
        self._log = log or logging.getLogger(__name__)
        self._first = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.current: Followed | None = None
        self.problem = ""
        """Why the last poll gave nothing; empty while polls succeed."""
        self._recall()

    def start(self) -> None:
        """Begin to poll on the running event loop; a second call does nothing."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._follow(), name="strata menu state")

    async def stop(self) -> None:
        """End polling."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def settled(self) -> None:
        """Wait for the very first poll of this process where there is nothing to show yet, and never again."""
        if self.current is None and not self._first.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._first.wait(), FIRST_POLL)

    async def poll(self) -> None:
        """Read the source once; a failure leaves the last good state in place."""
        try:
            known = self.current.etag if self.current else ""
            document = await self._source.read(known)
            if document is not None:
                self.current = await asyncio.to_thread(self._accept, document)
        except StateError as error:
            if not self.problem:
                self._log.warning("%s The last good list stays in use.", error.sentence())
            self.problem = error.sentence()
        else:
            if self.problem:
                self._log.warning("The menu state can be read again.")
            self.problem = ""
        finally:
            self._first.set()

    async def _follow(self) -> None:
        while True:
            try:
                await self.poll()
            except Exception:  # noqa: BLE001  a hub lives for months: whatever fails, the next poll is tried
                self._log.exception("Reading the menu state failed in an unforeseen way.")
            await asyncio.sleep(self._interval)

    def _accept(self, document: Document) -> Followed:
        followed = Followed(self._checked(document.body), document.etag)
        if self._cache is not None:
            try:
                _replace(self._cache, document.body)
            except OSError as error:
                self._log.warning("The last good menu state cannot be kept in %s: %s.", self._cache, error)
        return followed

    def _checked(self, body: bytes) -> MenuState:
        state = load(body)
        if self._deployment and state.deployment != self._deployment:
            raise StateInvalid(
                f"The menu state belongs to the deployment {state.deployment}, not to {self._deployment}.",
                hint="Check state_url and deployment.",
            )
        return state

    def _recall(self) -> None:
        """Load the last good copy; and, where the source is a file, that file, so that the first form has it."""
        for file in (self._source if isinstance(self._source, FileSource) else None, self._cache):
            if file is None or self.current is not None:
                continue
            source = file if isinstance(file, FileSource) else FileSource(file)
            with contextlib.suppress(StateError):
                document = source.read_now("")
                if document is not None:
                    # The etag of a copy says nothing to the service that published it.
                    self.current = Followed(self._checked(document.body), document.etag)


def _replace(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


_FOLLOWERS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, ...], Follower]] = WeakKeyDictionary()


def shared(
    url: str,
    token: str,
    cache: str,
    *,
    deployment: str,
    interval: float,
    log: logging.Logger,
    make: Callable[[str, str], StateSource] = source_for,
) -> Follower:
    """Return the one follower of this event loop for these settings, started.

    Raises
    ------
    ConfigurationError
        If `url` names no menu state.
    """
    followers = _FOLLOWERS.setdefault(asyncio.get_running_loop(), {})
    key = (url, token, cache, deployment)
    if key not in followers:
        name = f"menu-state-{hashlib.sha256(url.encode()).hexdigest()[:12]}.json"
        kept = Path(cache) / name if cache else None
        followers[key] = Follower(make(url, token), kept, deployment=deployment, interval=interval, log=log)
    followers[key].start()
    return followers[key]
