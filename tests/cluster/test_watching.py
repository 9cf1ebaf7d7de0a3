"""Watches against a real API server that goes away in every way that networks know."""

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from kubernetes_asyncio import client, config
from kubernetes_asyncio.client.exceptions import ApiException
from strata_hub.watching import EventWatch, PodWatch
from support.faulty_api import FaultyApi, Rule
from support.kubernetes.api import Api
from support.kubernetes.control_plane import ControlPlane

LABELS = {"component": "singleuser-server"}
PATIENCE = 120.0


def pod(name: str) -> dict[str, object]:
    return {
        "metadata": {"name": name, "labels": LABELS},
        "spec": {"containers": [{"name": "notebook", "image": "registry.example.org/lab:1"}]},
    }


def return_limit() -> float:
    """Seconds within which a watch must see again after the API server's return: ten, where the machine is not busy."""
    return 60.0 if os.getloadavg()[0] > 0.75 * (os.cpu_count() or 1) else 10.0


async def until(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> float:
    """Wait for `condition`, and return the seconds that it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < patience, f"not within {patience} s: {what}"
        await asyncio.sleep(0.05)
    return time.monotonic() - began


class Sight:
    """A pod watch through the proxy, and a way to see whether it sees."""

    def __init__(self, watch: PodWatch, api: Api, namespace: str) -> None:
        self.watch, self._api, self._namespace = watch, api, namespace

    def create(self, name: str = "") -> str:
        name = name or f"pod-{uuid.uuid4().hex[:8]}"
        self._api.call("POST", f"/api/v1/namespaces/{self._namespace}/pods", pod(name))
        return f"{self._namespace}/{name}"

    def delete(self, key: str) -> None:
        name = key.partition("/")[2]
        self._api.call("DELETE", f"/api/v1/namespaces/{self._namespace}/pods/{name}", {"gracePeriodSeconds": 0})

    async def sees_a_new_pod(self) -> float:
        key = self.create()
        return await until(lambda: key in self.watch.pods, f"sight of {key}")


@pytest.fixture
async def through_proxy(faulty: FaultyApi, plane: ControlPlane, tmp_path: Path) -> AsyncIterator[None]:
    """The client library's global configuration goes through the proxy."""
    before = client.Configuration.get_default_copy()
    await config.load_kube_config(str(plane.kubeconfig(tmp_path / "kubeconfig", "admin", url=faulty.url)))
    yield
    client.Configuration.set_default(before)


@pytest.fixture
async def sight(through_proxy: None, api: Api, namespace: str) -> AsyncIterator[Sight]:
    watch = PodWatch(namespace=namespace, labels=LABELS)
    await watch.start()
    yield Sight(watch, api, namespace)
    await watch.stop()


async def test_a_watch_sees_what_comes_changes_and_goes(sight: Sight) -> None:
    key = sight.create()
    await until(lambda: key in sight.watch.pods, "the new pod")
    sight.delete(key)
    await until(lambda: key not in sight.watch.pods, "the end of the pod")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seconds", [10, pytest.param(600, marks=pytest.mark.slow)])
async def test_it_sees_again_within_ten_seconds_of_the_end_of_an_outage(
    sight: Sight, faulty: FaultyApi, seconds: int
) -> None:
    if seconds > 60 and not os.environ.get("STRATA_LONG_OUTAGE"):
        pytest.skip("the outage of ten minutes is run with STRATA_LONG_OUTAGE=1")
    await faulty.refuse()
    await asyncio.sleep(seconds)
    assert sight.watch.alive
    await faulty.start()
    assert await sight.sees_a_new_pod() < return_limit()


async def test_it_sees_again_after_a_server_that_accepted_connections_and_said_nothing(
    sight: Sight, faulty: FaultyApi
) -> None:
    faulty.stall()
    await until(lambda: sight.watch.silent_for > 12, "twelve seconds of silence")
    faulty.recover()
    assert await sight.sees_a_new_pod() < return_limit()


async def test_it_sees_again_after_its_connections_went_half_open(sight: Sight, faulty: FaultyApi) -> None:
    await until(lambda: faulty.count("WATCH", "/pods"), "the watch")
    faulty.go_half_open()
    assert await sight.sees_a_new_pod() < return_limit()


async def test_it_sees_again_after_its_connections_were_cut(sight: Sight, faulty: FaultyApi) -> None:
    await until(lambda: faulty.count("WATCH", "/pods"), "the watch")
    await faulty.cut()
    assert await sight.sees_a_new_pod() < return_limit()


async def test_it_sees_again_after_the_server_was_killed_and_restarted(sight: Sight, plane: ControlPlane) -> None:
    await asyncio.to_thread(plane.kill_server)
    await asyncio.to_thread(plane.restart_server)
    assert await sight.sees_a_new_pod() < PATIENCE


async def test_a_pod_that_went_during_an_outage_is_gone_afterwards(sight: Sight, faulty: FaultyApi) -> None:
    key = sight.create()
    await until(lambda: key in sight.watch.pods, "the pod")
    await faulty.refuse()
    sight.delete(key)
    await faulty.start()
    await until(lambda: key not in sight.watch.pods, "the end of the pod")


async def test_a_version_that_was_forgotten_is_answered_with_one_list(sight: Sight, faulty: FaultyApi) -> None:
    await until(lambda: faulty.count("WATCH", "/pods"), "the watch")
    lists = faulty.count("GET", "/pods")
    faulty.rules.append(Rule("WATCH", "/pods", 1, status=410))
    await until(lambda: faulty.count("GET", "/pods") > lists, "a list")
    assert await sight.sees_a_new_pod() < PATIENCE
    assert faulty.count("GET", "/pods") == lists + 1


async def test_a_server_that_forgets_every_version_is_not_stormed(sight: Sight, faulty: FaultyApi) -> None:
    await until(lambda: faulty.count("WATCH", "/pods"), "the watch")
    faulty.rules.append(Rule("WATCH", "/pods", 1_000_000, status=410))
    began = time.monotonic()
    await until(lambda: faulty.count("WATCH", "/pods") > 6, "several tries")
    before, at = len(faulty.requests), time.monotonic()
    await asyncio.sleep(6)
    rate = (len(faulty.requests) - before) / (time.monotonic() - at)
    assert rate <= 4, f"{rate:.1f} requests a second, {at - began:.1f} s after the first"
    faulty.rules.clear()
    assert await sight.sees_a_new_pod() < PATIENCE


async def test_a_server_that_asks_for_rest_is_left_alone_for_that_long(sight: Sight, faulty: FaultyApi) -> None:
    faulty.rules.append(Rule("WATCH", "/pods", 1, status=429, headers="Retry-After: 4\r\n"))
    await until(lambda: faulty.rules[0].times == 0, "the refusal")
    seen = len(faulty.requests)
    began = time.monotonic()
    await until(lambda: len(faulty.requests) > seen, "the next request")
    assert time.monotonic() - began >= 3


async def test_a_list_that_hangs_is_overtaken(sight: Sight, faulty: FaultyApi, namespace: str) -> None:
    faulty.rules.append(Rule("GET", "/pods", 1, delay=60))
    other = PodWatch(namespace=namespace, labels=LABELS)
    await asyncio.wait_for(other.start(), 45)
    await other.stop()


async def test_compaction_under_way_loses_nothing(sight: Sight, plane: ControlPlane, api: Api, namespace: str) -> None:
    keys = []
    for _ in range(10):
        keys.append(sight.create())
        await asyncio.to_thread(_compact, plane)
    await until(lambda: all(key in sight.watch.pods for key in keys), "all ten pods")


def _compact(plane: ControlPlane) -> None:
    with httpx.Client(base_url=plane.etcd_url, timeout=60) as etcd:
        revision = etcd.post("/v3/kv/range", json={"key": "AA=="}).raise_for_status().json()["header"]["revision"]
        etcd.post("/v3/kv/compaction", json={"revision": revision})


async def test_a_missing_role_is_told_at_once_and_a_new_watch_may_try_again(
    faulty: FaultyApi, plane: ControlPlane, namespace: str, tmp_path: Path, through_proxy: None
) -> None:
    await config.load_kube_config(str(plane.kubeconfig(tmp_path / "hub", "hub", url=faulty.url)))
    watch = PodWatch(namespace=namespace, labels=LABELS)
    with pytest.raises(ApiException, match="403"):
        await watch.start()
    assert not watch.alive
    await watch.stop()


async def test_a_watch_that_begins_during_an_outage_loads_when_the_server_is_back(
    faulty: FaultyApi, through_proxy: None, namespace: str
) -> None:
    await faulty.refuse()
    watch = PodWatch(namespace=namespace, labels=LABELS)
    watch.begin()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(watch.loaded(), 3)
    await faulty.start()
    await asyncio.wait_for(watch.loaded(), PATIENCE)
    await watch.stop()


async def test_events_are_in_the_order_of_time_even_without_times(
    faulty: FaultyApi, through_proxy: None, api: Api, namespace: str
) -> None:
    for name, time_ in (("late", "2026-01-02T00:00:00Z"), ("early", "2026-01-01T00:00:00Z"), ("never", None)):
        api.call("POST", f"/api/v1/namespaces/{namespace}/events", {
            "metadata": {"name": name},
            "involvedObject": {"kind": "Pod", "namespace": namespace, "name": "x"},
            "lastTimestamp": time_,
        })  # fmt: skip
    watch = EventWatch(namespace=namespace, fields={"involvedObject.kind": "Pod"})
    await watch.start()
    assert [event["metadata"]["name"] for event in watch.events] == ["early", "late", "never"]
    await watch.stop()
