"""What keeping a list up to date costs: requests, seconds, memory, and how soon a push is seen.

``python tests/benchmarks/bench_refresh.py [TAGS]`` starts docker-registry with TAGS images (10,000 unless told
otherwise) and prints one table a question. The raw loop sends the same requests on the same library at the same
concurrency, and does nothing with the answers beyond what the next request needs. Requests are counted in the
registry's own log.
"""

import argparse
import asyncio
import json
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from strata_hub.catalogue import ImageMetadata
from strata_hub.config import DeploymentConfig, load
from strata_hub.factory import make_machinery
from strata_hub.store import Changes, Checked, open_store
from support import docker_registry, oci_images
from support.docker_registry import DockerRegistry
from support.oci_images import Built
from support.service_process import SECRET, TOKEN, Service, config_for, serving, write_config

NAME = "lab/science"
MOVING, NEW, SHOWN, ROUNDS, PUSHES, CONCURRENCY = 50, 20, 200, 7, 15, 16
AIM_REQUESTS, AIM_RATIO, AIM_MEMORY = 95, 1.3, 120
LAYERS = [f"layer {number}".encode() for number in range(20)]
TYPES = (oci_images.OCI_INDEX, oci_images.OCI_MANIFEST, oci_images.DOCKER_LIST, oci_images.DOCKER_MANIFEST)


@dataclass
class Bench:
    """A registry with its images, and a folder."""

    registry: DockerRegistry
    folder: Path
    tags: dict[str, Built]

    def requests(self) -> int:
        """Return how many requests the registry answered so far."""
        return self.registry.log.read_bytes().count(b'msg="response completed')

    def config(self, name: str, **changes: Any) -> Path:
        """Write a configuration whose menu shows `SHOWN` dailies."""
        folder = self.folder / name
        folder.mkdir()
        policy = {"kinds": {"daily": {"count": SHOWN}}, "recommended": {"first": {"tag": "recommended"}}}
        payload = {"title": "Science lab", "repository": f"{self.registry.host}/{NAME}", "policy": policy}
        settings = {"scheme": "http", "requests_per_second": None, "max_concurrency": CONCURRENCY}
        document = config_for(self.registry.host, folder, payloads={"lab": payload}, **changes)
        document["registries"] = {self.registry.host: settings}
        return write_config(folder / "strata.yaml", document)


def lean(made: Built) -> Built:
    """Return `made` without its layers, which no list needs: to be written, not to be pushed."""
    config = made.document["config"]["digest"]
    return replace(made, blobs={config: made.blobs[config]})


def built(tag: str, number: int) -> Built:
    """Return an image as deployments have them: 15 KB of config, 3.5 KB of manifest, 20 shared layers."""
    labels = {
        "org.opencontainers.image.version": tag,
        "org.opencontainers.image.title": "Science platform lab",
        "org.opencontainers.image.revision": f"{number:040x}",
    }
    return oci_images.image(labels=labels, layers=LAYERS, history=85)


def repository(count: int) -> dict[str, Built]:
    """Return `count` tags: dailies, and `MOVING` that can move."""
    last = datetime(2026, 11, 20, tzinfo=UTC)
    names = [f"{last - timedelta(days=number):d_%Y_%m_%d}" for number in range(count - MOVING)]
    tags = {name: lean(built(name, number)) for number, name in enumerate(names)}
    tags |= {f"exp_{names[number]}": tags[names[number]] for number in range(MOVING - 1)}
    return {**tags, "recommended": tags[names[0]]}


@contextmanager
def running(count: int, folder: Path) -> Iterator[Bench]:
    """Run a registry that tells the port of a service of its pushes."""
    endpoint = {
        "name": "strata",
        "url": f"http://127.0.0.1:{PORT}/services/strata/notifications/distribution",
        "headers": {"Authorization": [f"Bearer {SECRET}"]},
        "timeout": "5s",
        "threshold": 5,
        "backoff": "1s",
        "ignore": {"actions": ["pull"]},
    }
    (folder / "registry").mkdir()
    with docker_registry.running(folder / "registry", config={"notifications": {"endpoints": [endpoint]}}) as registry:
        tags = repository(count)
        registry.write(NAME, tags)
        yield Bench(registry, folder, tags)


def remember(bench: Bench, config: DeploymentConfig) -> None:
    """Put everything into the store that a scan would, except for the tags that a warm refresh is to find."""
    at = datetime.now(UTC)
    metadata = {
        image.digest: ImageMetadata(
            image.digest, image.media_type, at, json.loads(image.config)["config"]["Labels"], 1 << 30, "amd64"
        )
        for image in bench.tags.values()
    }
    changes = Changes(at, frozenset(bench.tags), {tag: Checked(each.digest, at) for tag, each in bench.tags.items()})
    changes.metadata = metadata
    store = open_store(config.database.url)
    store.save(f"{bench.registry.host}/{NAME}", "linux/amd64", changes)
    store.close()


async def raw(session: aiohttp.ClientSession, host: str, moving: list[str], new: list[str]) -> float:
    """Return the seconds of the bare requests of a warm refresh."""
    base, headers = f"http://{host}/v2/{NAME}", {"Accept": ", ".join(TYPES), "Accept-Encoding": "identity"}

    async def head(tag: str) -> None:
        async with session.head(f"{base}/manifests/{tag}", headers=headers) as answer:
            assert answer.headers["Docker-Content-Digest"]

    async def get(tag: str) -> None:
        async with session.get(f"{base}/manifests/{tag}", headers=headers) as answer:
            digest = json.loads(await answer.read())["config"]["digest"]
        async with session.get(f"{base}/blobs/{digest}") as answer:
            await answer.read()

    began = time.perf_counter()
    async with session.get(f"{base}/tags/list?n=1000") as answer:
        await answer.read()
    await asyncio.gather(*map(head, moving))
    await asyncio.gather(*map(get, new))
    return time.perf_counter() - began


async def warm(bench: Bench) -> None:
    """Compare a warm refresh with the raw loop, in turns."""
    config = load(bench.config("warm", refresh={"moving_interval": 0.2, "recheck_interval": None}))
    remember(bench, config)
    machinery = make_machinery(config)
    (refresh,) = machinery.refresher.unique()
    refresh.changed = _nothing
    await refresh.poll()
    moving = [name for name, record in refresh.knowledge.records.items() if not record.tag.immutable]
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONCURRENCY))
    await raw(session, bench.registry.host, moving, [])
    ours, bare, requests = [], [], []
    for number in range(ROUNDS):
        new = {f"w_{2000 + number}_{week + 1:02}": lean(built(f"{number} {week}", week)) for week in range(NEW)}
        moved = {tag: bench.tags[f"{datetime(2026, 11, 1 + number, tzinfo=UTC):d_%Y_%m_%d}"] for tag in moving}
        bench.registry.write(NAME, {**new, **moved})
        await asyncio.sleep(0.3)
        before = bench.requests()
        began = time.perf_counter()
        assert await refresh.poll()
        ours.append(time.perf_counter() - began)
        requests.append(bench.requests() - before)
        assert all(refresh.knowledge.records[tag].digest == each.digest for tag, each in {**new, **moved}.items())
        bare.append(await raw(session, bench.registry.host, moving, list(new)))
    ratio = statistics.median(ours) / statistics.median(bare)
    print(
        f"Warm refresh: {len(refresh.knowledge.records):,} tags, {len(moving)} moving, {NEW} new, medians of {ROUNDS}"
    )
    _row("refresh, store included", f"{statistics.median(ours) * 1000:.0f} ms")
    _row("raw aiohttp loop", f"{statistics.median(bare) * 1000:.0f} ms")
    _row("ratio", f"{ratio:.2f}", f"at most {AIM_RATIO}", good=ratio <= AIM_RATIO)
    _row("requests", str(max(requests)), f"at most {AIM_REQUESTS}", good=max(requests) <= AIM_REQUESTS)
    began, before = time.perf_counter(), bench.requests()
    await refresh._list()
    _row(
        "list and comparison alone",
        f"{(time.perf_counter() - began) * 1000:.0f} ms",
        f"{bench.requests() - before} request",
    )
    began = time.perf_counter()
    published = machinery.refresher.state()
    _row(
        "menu built and written as JSON",
        f"{(time.perf_counter() - began) * 1000:.0f} ms",
        f"{published.size >> 10:,} KiB",
    )
    await session.close()
    await machinery.close()


async def _nothing() -> None:
    """Stand in for publishing: the menu's own time has a line of its own."""


def first_menu(bench: Bench) -> None:
    """Start on an empty store; then wait until everything is examined."""
    config = bench.config("first", poll_interval=5)
    before = bench.requests()
    began = time.perf_counter()
    with serving(config, bench.folder / "first" / "log") as service:
        up = time.perf_counter() - began
        service.wait_for(lambda: service.get("state").status_code == 200)
        print(f"\nFirst menu of {SHOWN} images from {len(bench.tags):,} tags, empty store")
        _row("process up", f"{up:.2f} s")
        _row("menu published", f"{time.perf_counter() - began:.2f} s", f"{bench.requests() - before} requests at most")
        total = len({image.digest for image in bench.tags.values()})
        service.wait_for(lambda: _metric(service, "strata_images_examined") >= total, within=1800)
        _row("everything examined", f"{time.perf_counter() - began:.1f} s", f"{bench.requests() - before} requests")
        service.get("state")
        _memory("peak memory of the service, cold", service)
    with serving(config, bench.folder / "first" / "log2") as service:
        service.wait_for(lambda: service.get("state").status_code == 200)
        service.wait_for(lambda: _metric(service, "strata_listings_total") >= 2)
        _memory("peak memory after a restart", service)


def seen(bench: Bench, title: str, port: int = 0, **changes: Any) -> None:
    """Push, and wait for the tag in the published state."""
    name = title.split(maxsplit=1)[0]
    path = bench.config(name, **changes)
    remember(bench, load(path))
    with serving(path, bench.folder / name / "log", port=port) as service:
        service.wait_for(lambda: _metric(service, "strata_listings_total") >= 1)
        took = [
            _push(bench, service, f"w_{2020 + number // 50}_{number % 50 + 1:02}_{name}") for number in range(PUSHES)
        ]
    print(f"\nPush to visible in the published state, {title}, {PUSHES} pushes")
    _row("median", f"{statistics.median(took):.2f} s")
    _row("worst", f"{max(took):.2f} s")


def _push(bench: Bench, service: Service, tag: str) -> float:
    image = built(tag, 0)
    oci_images.push(bench.registry.url, NAME, tag, image)
    began = time.perf_counter()
    headers, etag = {"Authorization": f"Bearer {TOKEN}"}, ""
    with httpx.Client(trust_env=False, timeout=60) as client:
        while True:
            answer = client.get(service.base + "state", headers={**headers, "If-None-Match": etag})
            if answer.status_code == 200 and image.digest.encode() in answer.content:
                return time.perf_counter() - began
            etag = answer.headers.get("ETag", etag)
            time.sleep(0.02)


def _metric(service: Service, name: str) -> float:
    lines = [line for line in service.get("metrics").text.splitlines() if line.startswith(f"{name}{{")]
    return float(lines[0].rpartition(" ")[2]) if lines else 0.0


def _memory(title: str, service: Service) -> None:
    lines = Path(f"/proc/{service.process.pid}/status").read_text().splitlines()
    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    _row(title, f"{peak:.0f} MiB", f"below {AIM_MEMORY}", good=peak < AIM_MEMORY)


def _row(title: str, value: str, note: str = "", *, good: bool = True) -> None:
    print(f"  {title:<40} {value:>12}  {note}{'' if good else '  MISSED'}", flush=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


PORT = _free_port()


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("tags", nargs="?", type=int, default=10_000)
    count = parser.parse_args().tags
    with tempfile.TemporaryDirectory() as folder, running(count, Path(folder)) as bench:
        asyncio.run(warm(bench))
        quiet: dict[str, Any] = {"refresh": {"moving_interval": "1h", "recheck_interval": None}}
        seen(bench, "notified (no polling)", port=PORT, poll_interval="1h", **quiet)
        seen(bench, "polling every second", poll_interval=1, **quiet)
        first_menu(bench)


if __name__ == "__main__":
    main()
