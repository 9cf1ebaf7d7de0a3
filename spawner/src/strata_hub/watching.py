"""Watches of pods and events that never give up, never trust silence, and never storm a server that comes back.

KubeSpawner's own reflector ends for good after 52 seconds of failures, and waits a minute on a connection that went
dead without a word. These keep its interface, and differ in five things: they retry for ever with a short, jittered
pause; a watch is bounded by the server *and* by our own clock; a list that hangs is overtaken by a fresh one; every
request has a connection of its own, so that no dead connection is taken from a pool; and a server that asks for rest,
or has forgotten the version we knew, is asked again at a measured pace.
"""

import asyncio
import json
import random
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from kubernetes_asyncio import client
from kubernetes_asyncio.client.exceptions import ApiException
from kubespawner.reflector import ResourceReflector
from kubespawner.spawner import EventReflector, PodReflector
from traitlets import Float, Int

Document = dict[str, Any]

GONE = 410
REFUSED_FOR_GOOD = frozenset({401, 403, 404, 405})
MAX_RETRY_AFTER = 30.0
LISTS_AT_ONCE = 5
MIN_WATCH = 0.5
"""Seconds between two watches, should a server end each at once."""
TRANSIENT = (ApiException, aiohttp.ClientError, OSError, TimeoutError, ValueError)
"""What an API server that is away, overloaded or confused makes a request end with."""


class ResilientReflector(ResourceReflector):
    """A reflector that sees again within ten seconds of the API server's return, however it went away."""

    timeout_seconds = Int(
        5, config=True, help="Seconds after which the server ends a watch, which then goes on from the same version."
    )
    grace_seconds = Float(
        1.5, config=True, help="Seconds beyond `timeout_seconds` after which a watch without an end is taken for dead."
    )
    list_patience = Float(
        3.0, config=True, help="Seconds after which a list that hangs is overtaken by one on a new connection."
    )
    max_pause = Float(2.0, config=True, help="Longest pause in seconds between attempts while the server is away.")

    restart_seconds = Int(60, config=True, help="Seconds after which everything is listed anew, whatever was watched.")
    watch_task: asyncio.Task[None] | None

    def __init__(self, **traits: object) -> None:
        super().__init__(**traits)
        # A pool would hand out connections that a firewall or a dead server forgot.
        requests = client.ApiClient(header_name="Connection", header_value="close")
        self.api = getattr(client, self.api_group_name)(requests)
        self._relist_at = 0.0
        self._seen_at = time.monotonic()
        self._failing_since: float | None = None

    @property
    def alive(self) -> bool:
        """True while the watching task runs."""
        return self.watch_task is not None and not self.watch_task.done()

    @property
    def silent_for(self) -> float:
        """Seconds since the server last answered a list or ended a watch in good order."""
        return time.monotonic() - self._seen_at

    def begin(self) -> None:
        """Start watching, in a task that ends only with `stop` or a refusal for good."""
        if self.alive:
            raise RuntimeError(f"Task watching for {self.kind} is already running")
        self.watch_task = asyncio.create_task(self._watch_and_update())

    async def loaded(self) -> None:
        """Wait for the first list; whoever stops waiting does not disturb others who wait.

        Raises
        ------
        ApiException
            If the server refuses the list for good: a missing role, a namespace that is not there.
        """
        await asyncio.shield(self.first_load_future)

    async def start(self) -> None:
        """Start watching, and wait for the first list; see `loaded`."""
        self.begin()
        await self.loaded()

    async def stop(self) -> None:
        """End the watch, and close its connections."""
        self._stopping = True
        task, self.watch_task = self.watch_task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self.api.api_client.close()

    async def _watch_and_update(self) -> None:
        version: str | None = None
        failures = 0
        try:
            while True:
                try:
                    if version is None or time.monotonic() >= self._relist_at:
                        version = await self._list_and_update(version)
                        self._recovered()
                    began = time.monotonic()
                    version = await self._watch_from(version)
                    failures = 0
                    await asyncio.sleep(max(0.0, began + MIN_WATCH - time.monotonic()))
                except TRANSIENT as error:
                    if self._refused_for_good(error):
                        return
                    failures += 1
                    version = None
                    self._failed(error)
                    await asyncio.sleep(self._pause(error, failures))
        finally:
            await self.api.api_client.close()

    def _refused_for_good(self, error: Exception) -> bool:
        """Tell whoever waits for the first list that there will be none; a later start makes a new reflector."""
        if self.first_load_future.done() or getattr(error, "status", None) not in REFUSED_FOR_GOOD:
            return False
        self.log.error("Not watching %s: %s", self.kind, _words(error))
        self.first_load_future.set_exception(error)
        # Nobody may be waiting; that is no reason for a traceback at the end.
        self.first_load_future.exception()
        return True

    def _failed(self, error: Exception) -> None:
        if self._failing_since is None:
            self._failing_since = time.monotonic()
            self.log.warning("Lost sight of %s, and trying on: %s", self.kind, _words(error))
        else:
            self.log.debug("Still no sight of %s: %s", self.kind, _words(error))

    def _recovered(self) -> None:
        if self._failing_since is not None:
            self.log.warning("Watching %s again after %.1f s", self.kind, time.monotonic() - self._failing_since)
            self._failing_since = None

    def _pause(self, error: Exception, failures: int) -> float:
        asked = retry_after(error)
        if asked is not None:
            return asked
        if getattr(error, "status", None) == GONE and failures == 1:
            return 0.0
        pause: float = min(0.1 * 2 ** min(failures, 16), self.max_pause)
        # Hubs that lost one server together should not come back together.
        return pause * random.uniform(0.5, 1.0)  # noqa: S311 - spreading load, no secret

    async def _list_and_update(self, resource_version: str | None = None) -> str:
        """Replace what is known by a full list, and return its version."""
        document = await self._overtaking_list(resource_version)
        items: list[Document] = document["items"]
        self.resources = {_key(item): item for item in items}
        self._seen_at = time.monotonic()
        self._relist_at = self._seen_at + self.restart_seconds
        if not self.first_load_future.done():
            self.first_load_future.set_result(None)
        version: str = document["metadata"]["resourceVersion"]
        return version

    async def _overtaking_list(self, version: str | None) -> Document:
        attempts: list[asyncio.Task[Document]] = []
        try:
            while True:
                if len(attempts) == LISTS_AT_ONCE:
                    await _discard(attempts.pop(0))
                attempts.append(asyncio.create_task(self._list(version)))
                done, _ = await asyncio.wait(
                    attempts, timeout=self.list_patience, return_when=asyncio.FIRST_COMPLETED
                )  # fmt: skip
                for task in done:
                    attempts.remove(task)
                    if task.exception() is None or not attempts:
                        return task.result()
        finally:
            for task in attempts:
                await _discard(task)

    async def _list(self, version: str | None) -> Document:
        # After a failure: the state of now, not that of a cache which may be older than what we saw.
        newer = {"resource_version": version, "resource_version_match": "NotOlderThan"} if version else {}
        async with self._request(**newer) as response:
            return _document(await response.read())

    async def _watch_from(self, version: str) -> str:
        """Apply changes after `version` until the server ends the watch, and return the last version seen."""
        options = {
            "watch": True,
            "resource_version": version,
            "timeout_seconds": self.timeout_seconds,
            "allow_watch_bookmarks": True,
        }
        async with asyncio.timeout(self.timeout_seconds + self.grace_seconds), self._request(**options) as response:
            while line := await response.content.readline():
                version = self._apply(_document(line)) or version
        self._seen_at = time.monotonic()
        return version

    def _apply(self, change: Document) -> str | None:
        resource: Document = change["object"]
        if change["type"] == "ERROR":
            raise ApiException(status=resource.get("code"), reason=resource.get("message"))
        if change["type"] == "DELETED":
            self.resources.pop(_key(resource), None)
        elif change["type"] != "BOOKMARK":
            self.resources[_key(resource)] = resource
        version: str | None = resource["metadata"].get("resourceVersion")
        return version

    @asynccontextmanager
    async def _request(self, **options: object) -> AsyncIterator[aiohttp.ClientResponse]:
        if not self.omit_namespace:
            options["namespace"] = self.namespace
        response: aiohttp.ClientResponse = await getattr(self.api, self.list_method_name)(
            label_selector=self.label_selector,
            field_selector=self.field_selector,
            _request_timeout=self.request_timeout,
            _preload_content=False,
            **options,
        )
        try:
            if not response.ok:
                refusal = ApiException(status=response.status, reason=(await response.text())[:500])
                refusal.headers = response.headers
                raise refusal
            yield response
        finally:
            response.close()


class PodWatch(ResilientReflector, PodReflector):
    """KubeSpawner's reflector of pods, resilient."""


class EventWatch(ResilientReflector, EventReflector):
    """KubeSpawner's reflector of events, resilient."""

    @property
    def events(self) -> list[Document]:
        """The events, oldest first; those without any time of their own by the time of their creation."""
        return sorted(self.resources.values(), key=_event_time)


def retry_after(error: BaseException) -> float | None:
    """Return the seconds for which a server asked to be left alone, at most half a minute; None if it did not."""
    headers: Mapping[str, str] = getattr(error, "headers", None) or {}
    asked = headers.get("Retry-After", "")
    # The form with a date would need the clocks of both sides to agree.
    return min(float(asked), MAX_RETRY_AFTER) if re.fullmatch(r"[0-9]{1,9}", asked, re.ASCII) else None


async def _discard(task: asyncio.Task[Document]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _document(text: bytes) -> Document:
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError(f"the API server answered with {type(document).__name__} in place of an object")  # noqa: TRY004 - a malformed answer
    return document


def _key(resource: Document) -> str:
    return f"{resource['metadata']['namespace']}/{resource['metadata']['name']}"


def _event_time(event: Document) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or "")


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
