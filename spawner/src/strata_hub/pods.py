"""Requests that change pods, volumes, secrets and services: each may be repeated without harm.

KubeSpawner repeats a request only when our own clock ran out. An answer that was lost, a connection that was cut, a
server that asks for patience (429) or stumbles (5xx) ends a start, and a pod whose "created" was lost is killed as
somebody else's. Here each start carries a mark, so that a late conflict with ourselves is what it is: success.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import aiohttp
from jupyterhub.utils import exponential_backoff
from kubernetes_asyncio.client.exceptions import ApiException
from kubernetes_asyncio.client.models import V1DeleteOptions, V1PersistentVolumeClaim, V1Pod
from kubespawner import KubeSpawner

from .watching import retry_after

LAUNCH = "strata.jupyter.org/launch"
"""Annotation that tells one start of a server from another."""
RETRIED = frozenset({408, 429, 500, 502, 503, 504})
CONFLICT = 409
NOT_FOUND = 404


class RepeatableRequests(KubeSpawner):
    """Mixin for a KubeSpawner: the steps that it hands to ``exponential_backoff``, made repeatable.

    Each returns True when the thing is done, and False to be called again after a pause. KubeSpawner's own steps keep
    the time of one request themselves and may make two, so they are given twice that time.
    """

    launch = ""
    """The mark of the present start."""

    def new_launch(self) -> None:
        """Mark what is created from now on as belonging to a new start."""
        self.launch = uuid.uuid4().hex

    def owned_pod(self) -> Mapping[str, Any] | None:
        """Return the pod of the present start as the watch last saw it, or None."""
        watch = self.pod_reflector
        pod: Mapping[str, Any] | None = watch and watch.pods.get(f"{self.namespace}/{self.pod_name}")
        if pod is None or (pod["metadata"].get("annotations") or {}).get(LAUNCH) != self.launch:
            return None
        return pod

    async def _make_create_pod_request(self, pod: V1Pod, request_timeout: float) -> bool:
        name = pod.metadata.name
        pod.metadata.annotations = {**(pod.metadata.annotations or {}), LAUNCH: self.launch}
        self.log.info("Creating pod %s", name)
        try:
            return await self._tried(
                partial(self.api.create_namespaced_pod, self.namespace, pod), request_timeout, f"create pod {name}"
            )
        except ApiException as error:
            if error.status != CONFLICT:
                raise
        launch = await self._launch_of(name, request_timeout)
        if launch == self.launch:
            self.log.info("Pod %s was created by an earlier request of this start", name)
            return True
        if launch is not None:
            self.log.info("Pod %s of an earlier start is in the way; deleting it", name)
            await self.stop(now=True)
        return False

    async def _launch_of(self, name: str, request_timeout: float) -> str | None:
        """Return the mark of the pod of this name, which may be empty; None if there is none, or it cannot be told."""
        found: list[V1Pod] = []

        async def look() -> None:
            found.append(await self.api.read_namespaced_pod(name, self.namespace))

        try:
            await self._tried(look, request_timeout, f"look for pod {name}")
        except ApiException as error:
            if error.status != NOT_FOUND:
                raise
        return (found[0].metadata.annotations or {}).get(LAUNCH, "") if found else None

    async def _make_delete_pod_request(
        self, pod_name: str, delete_options: V1DeleteOptions, grace_seconds: int, request_timeout: float
    ) -> bool:
        stock = partial(
            super()._make_delete_pod_request, pod_name, delete_options, grace_seconds, request_timeout
        )  # fmt: skip
        return await self._tried(stock, 2 * request_timeout, f"delete pod {pod_name}")

    async def _make_create_pvc_request(self, pvc: V1PersistentVolumeClaim, request_timeout: float) -> bool:
        stock = partial(super()._make_create_pvc_request, pvc, request_timeout)
        return await self._tried(stock, 2 * request_timeout, f"create volume claim {pvc.metadata.name}")

    async def _make_delete_pvc_request(self, pvc_name: str, request_timeout: float) -> bool:
        stock = partial(super()._make_delete_pvc_request, pvc_name, request_timeout)
        return await self._tried(stock, 2 * request_timeout, f"delete volume claim {pvc_name}")

    async def _make_create_resource_request(self, kind: str, manifest: Any) -> bool:  # noqa: ANN401 - a secret or a service
        stock = partial(super()._make_create_resource_request, kind, manifest)
        return await self._tried(stock, 2 * self.k8s_api_request_timeout, f"create {kind} {manifest.metadata.name}")

    async def _ensure_not_exists(self, kind: str, name: str) -> bool:
        stock = partial(super()._ensure_not_exists, kind, name)
        return await self._tried(stock, 2 * self.k8s_api_request_timeout, f"remove {kind} {name}")

    async def _ensure_namespace(self) -> None:
        step = partial(self._tried, super()._ensure_namespace, self.k8s_api_request_timeout, "create a namespace")
        await exponential_backoff(
            step, f"Could not create namespace {self.namespace}", timeout=self.k8s_api_request_retry_timeout
        )

    async def _tried(self, call: Callable[[], Awaitable[object]], seconds: float, what: str) -> bool:
        """Return False where `call` failed in a way that time may mend, after the pause that the server asked for.

        Raises
        ------
        ApiException
            If the server refused for good.
        """
        try:
            async with asyncio.timeout(seconds):
                return await call() is not False
        except ApiException as error:
            if error.status not in RETRIED:
                raise
            self.log.warning("Could not %s yet: status %s", what, error.status)
            await asyncio.sleep(retry_after(error) or 0)
        except (aiohttp.ClientError, OSError) as error:
            self.log.warning("Could not %s yet: %s", what, str(error) or type(error).__name__)
        return False
