"""StrataSpawner: a lab of the menu as a pod, and a start that ends soon and in words where it cannot succeed."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
from jupyterhub.utils import url_escape_path, url_path_join
from kubernetes_asyncio.client.exceptions import ApiException
from kubernetes_asyncio.client.models import V1LocalObjectReference, V1Pod
from kubespawner.reflector import ResourceReflector
from kubespawner.spawner import EventReflector, PodReflector
from traitlets import Bool, Dict, Float, Unicode

from . import spawn_errors
from .errors import LabTooSlow, StrataError
from .menu_spawner import MenuSpawner
from .options import Choice
from .pod_status import MAIN_CONTAINER, PodStatus, Step, Trouble, TroubleKind, read
from .pods import RepeatableRequests
from .podspec import annotations, labels
from .progress import Narrator
from .watching import EventWatch, PodWatch, ResilientReflector

LOOK_INTERVAL = 0.5
"""Seconds between two looks at what the watch knows of a pod."""
CLEANING_TIME = 20.0
"""Seconds that a failed start may take to delete its pod before the hub hears of it."""
RESILIENT: Mapping[type[ResourceReflector], type[ResilientReflector]] = MappingProxyType({
    PodReflector: PodWatch,
    EventReflector: EventWatch,
})  # fmt: skip


class StrataSpawner(MenuSpawner, RepeatableRequests):
    """KubeSpawner with a menu.

    Everything that is set on ``c.KubeSpawner`` applies, except profiles: what may be started is the menu's to say.
    """

    unschedulable_grace = Float(
        20.0,
        config=True,
        help="""
        Seconds for which a lab may be without a node that has room for it, before its start is given up.

        It does not count while the cluster adds a node for this lab (the event TriggeredScaleUp).
        """,
    )
    trouble_grace = Float(
        20.0,
        config=True,
        help="Seconds for which a trouble that may pass, such as a registry that does not answer, is put up with.",
    )
    pull_secrets = Dict(
        key_trait=Unicode(),
        value_trait=Unicode(),
        config=True,
        help="Name of the pull secret for each registry host; a lab is given that of its image's registry.",
    )
    await_answer = Bool(
        True,
        config=True,
        help="Wait within the start until the lab accepts connections, so that a crash on the way is told in words.",
    )

    _began = 0.0

    def __init__(self, *args: object, **traits: object) -> None:
        super().__init__(*args, **traits)
        client = getattr(self.orm_spawner, "oauth_client", None)
        if client is not None:
            self.oauth_client_id = client.identifier
        elif self.name:
            # JupyterHub joins user and server by a dash, which gives the server "b" of "a" the client of user "a-b".
            self.oauth_client_id = f"jupyterhub-user-{quote(self.user.name)}!{quote(self.name)}"

    def accept(self, choice: Choice) -> None:
        """Set the image, by digest, and what the size gives."""
        super().accept(choice)
        self.image = choice.pull_reference

    async def load_user_options(self) -> None:
        """Apply no profile: the options have passed the gate, which knows no profiles."""
        if self.profile_list:
            self.log.warning("profile_list is set and has no effect: the images come from the menu")

    async def get_pod_manifest(self) -> V1Pod:
        """Return KubeSpawner's manifest with the choice on it, past every expansion of format strings."""
        pod = await super().get_pod_manifest()
        for container in pod.spec.containers:
            if container.name == MAIN_CONTAINER and not container.termination_message_policy:
                # Its last words are what a crash is told with.
                container.termination_message_policy = "FallbackToLogsOnError"
        if self.choice is None:
            return pod
        pod.metadata.annotations = {**(pod.metadata.annotations or {}), **annotations(self.choice)}
        pod.metadata.labels = {**(pod.metadata.labels or {}), **labels(self.choice)}
        secret = self.pull_secrets.get(self.choice.repository.partition("/")[0])
        if secret:
            known = list(pod.spec.image_pull_secrets or [])
            pod.spec.image_pull_secrets = [*known, V1LocalObjectReference(name=secret)]
        return pod

    async def _start_reflector(
        self, kind: str, reflector_class: type[ResourceReflector], replace: bool = False, **traits: object
    ) -> ResilientReflector:
        """Return the shared watch of this kind after its first list, and begin a new one in place of one that ended."""
        key = self._get_reflector_key(kind)
        watches: dict[tuple[str | None, ...], ResilientReflector] = self.__class__.reflectors
        watch = watches.get(key)
        if watch is None or replace or not watch.alive:
            previous, watch = watch, RESILIENT[reflector_class](parent=self, namespace=self.namespace, **traits)
            watches[key] = watch
            watch.begin()
            if previous is not None:
                await previous.stop()
        await watch.loaded()
        return watch

    async def _start(self) -> str:
        self.new_launch()
        self._began = time.monotonic()
        try:
            return await self._start_or_trouble()
        except StrataError as error:
            if not isinstance(error, LabTooSlow):
                # The hub stops a lab that is still on its way; other remains it would not find.
                await self._leave_nothing()
            raise spawn_errors.spawn_exception(error, self._choose_url()) from None

    async def _start_or_trouble(self) -> str:
        # Trouble is asked first: a start that ran out of time knows less about the reason.
        trouble = asyncio.ensure_future(self._trouble())
        answer = asyncio.ensure_future(self._answering(super()._start))
        try:
            done, _ = await asyncio.wait({trouble, answer}, return_when=asyncio.FIRST_COMPLETED)
            if trouble in done:
                raise trouble.result()
            return answer.result()
        except TimeoutError:
            raise self._out_of_time() from None
        except ApiException as error:
            raise spawn_errors.from_refusal(error.status, str(error.body or error.reason or "")) from None
        except (aiohttp.ClientError, ConnectionError):
            raise spawn_errors.cluster_silent("start the lab", self.k8s_api_request_retry_timeout) from None
        finally:
            for task in (trouble, answer):
                task.cancel()
            await asyncio.gather(trouble, answer, return_exceptions=True)

    def _out_of_time(self) -> StrataError:
        status = self.pod_status()
        if status.trouble:
            return spawn_errors.from_trouble(status.trouble)
        if status.step is Step.ASKED:
            return spawn_errors.cluster_silent("create the lab", self.k8s_api_request_retry_timeout)
        return spawn_errors.too_slow(status.step, time.monotonic() - self._began)

    async def _trouble(self) -> StrataError:
        """Return what makes this start hopeless, as soon as that is known; or that there is no time left."""
        limit = self.start_timeout - min(5.0, 0.1 * self.start_timeout)
        since: dict[TroubleKind, float] = {}
        seen = False
        while True:
            status, now = self.pod_status(), time.monotonic()
            seen = seen or status.step is not Step.ASKED
            trouble = status.trouble or (_REMOVED if seen and status.step is Step.ASKED else None)
            if trouble and self._hopeless(trouble, now - since.setdefault(trouble.kind, now)):
                return spawn_errors.from_trouble(trouble)
            if now - self._began > limit:
                return spawn_errors.from_trouble(trouble) if trouble else spawn_errors.too_slow(status.step, limit)
            await asyncio.sleep(LOOK_INTERVAL)

    def _hopeless(self, trouble: Trouble, seconds: float) -> bool:
        if trouble.final:
            return True
        if trouble.kind is TroubleKind.NODE:
            return seconds >= self.unschedulable_grace and not self.pod_status(with_events=True).scaling
        return seconds >= self.trouble_grace

    def pod_status(self, *, with_events: bool = False) -> PodStatus:
        """Return what the watches know of the pod of the present start."""
        events = self.event_reflector if with_events else None
        return read(self.owned_pod(), events.resources.values() if events else ())

    async def _answering(self, start: Callable[[], Awaitable[str]]) -> str:
        """Start, and return the lab's URL once something accepts connections there."""
        url = await start()
        if not self.await_answer:
            return url
        target = urlsplit(url)
        async with asyncio.timeout(self.http_timeout):
            await _accepted(target.hostname or "", target.port or 80)
        return url

    async def _leave_nothing(self) -> None:
        try:
            async with asyncio.timeout(CLEANING_TIME):
                await self.stop(now=True)
        except (TimeoutError, ApiException, aiohttp.ClientError, OSError) as error:
            self.log.warning("Pod %s could not be deleted now: %s", self.pod_name, error)

    def _choose_url(self) -> str:
        return str(
            url_path_join(self.hub.base_url, "spawn", url_escape_path(self.user.name), url_escape_path(self.name or ""))
        ).rstrip("/")

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Say what is being waited for, in the words of whoever waits."""
        if self.events_enabled:
            with suppress(ApiException):
                await self._start_watching_events()
        narrator = Narrator(self.choice.image.size if self.choice else 0)
        while True:
            over = self._start_future is not None and self._start_future.done()
            told = narrator.tell(self.pod_status(with_events=True), datetime.now(UTC))
            if told:
                yield told
            if over:
                return
            await asyncio.sleep(1)


_REMOVED = Trouble(TroubleKind.POD, "The lab was removed from the cluster while it started.")


async def _accepted(host: str, port: int) -> None:
    """Return when a connection was accepted."""
    while True:
        with suppress(OSError):
            async with asyncio.timeout(2):
                _, writer = await asyncio.open_connection(host, port)
            writer.close()
            await writer.wait_closed()
            return
        await asyncio.sleep(LOOK_INTERVAL / 2)
