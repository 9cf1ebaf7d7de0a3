"""What a scan costs, against a loop of bare requests on the same library, and against httpx.

``python tests/benchmarks/bench_registry.py [TAGS] [--rounds N]`` starts docker-registry with TAGS images (10,000 unless
told otherwise) and prints one table. Each measurement is a process of its own; the peers take turns, and medians are
compared. The raw loop sends the same requests at the same concurrency, and does nothing with the answers beyond what
the next request needs. httpx is measured on a fifth of the tags.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydantic_core
from support import docker_registry, oci_images
from support.oci_images import Built

NAME = "lab/science"
CONCURRENCY = 16
ROUND_TRIP = 0.05
AIMS = {"scan": 1.15, "head": 1.15, "scan-50ms": 1.15, "head-50ms": 1.15}
AIM_MEMORY = 120
TITLES = {
    "scan": "manifest and config of every tag, cold",
    "head": "HEAD of every tag",
    "scan-50ms": "manifest and config, 50 ms round trips",
    "head-50ms": "HEAD, 50 ms round trips",
}
TYPES = (oci_images.OCI_INDEX, oci_images.OCI_MANIFEST, oci_images.DOCKER_LIST, oci_images.DOCKER_MANIFEST)
ACCEPT = ", ".join(TYPES)


def images(count: int) -> Iterator[tuple[str, Built]]:
    """Yield images as deployments have them: 15 KB of config, 3.5 KB of manifest, 20 shared layers."""
    layers = [f"layer {number}".encode() for number in range(20)]
    for number in range(count):
        tag = f"d_{2000 + number // 336}_{number // 28 % 12 + 1:02}_{number % 28 + 1:02}"
        labels = {"org.opencontainers.image.version": tag, "org.opencontainers.image.title": "Science platform lab"}
        built = oci_images.image(labels=labels, layers=layers, history=85)
        config = built.document["config"]["digest"]
        yield tag, replace(built, blobs={config: built.blobs[config]})


async def _spread(tags: list[str], work: Callable[[str], Awaitable[None]]) -> None:
    remaining = iter(tags)

    async def worker() -> None:
        for tag in remaining:
            await work(tag)

    await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))


async def raw(host: str, tags: list[str], *, scan: bool) -> None:
    """Send the requests with aiohttp."""
    import aiohttp  # noqa: PLC0415  each peer's process loads its own library only

    base, headers = f"http://{host}/v2/{NAME}", {"Accept": ACCEPT, "Accept-Encoding": "identity"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:

        async def get(tag: str) -> None:
            async with session.get(f"{base}/manifests/{tag}", headers=headers) as answer:
                digest = json.loads(await answer.read())["config"]["digest"]
            async with session.get(f"{base}/blobs/{digest}") as answer:
                await answer.read()

        async def head(tag: str) -> None:
            async with session.head(f"{base}/manifests/{tag}", headers=headers) as answer:
                assert answer.headers["Docker-Content-Digest"]

        await _spread(tags, get if scan else head)


async def httpx(host: str, tags: list[str], *, scan: bool) -> None:
    """Send the requests with httpx."""
    import httpx as library  # noqa: PLC0415  each peer's process loads its own library only

    base, headers = f"http://{host}/v2/{NAME}", {"Accept": ACCEPT, "Accept-Encoding": "identity"}
    limits = library.Limits(max_connections=CONCURRENCY, max_keepalive_connections=CONCURRENCY)
    async with library.AsyncClient(limits=limits, trust_env=False, timeout=120) as client:

        async def get(tag: str) -> None:
            answer = await client.get(f"{base}/manifests/{tag}", headers=headers)
            await client.get(f"{base}/blobs/{answer.json()['config']['digest']}")

        async def head(tag: str) -> None:
            answer = await client.head(f"{base}/manifests/{tag}", headers=headers)
            assert answer.headers["Docker-Content-Digest"]

        await _spread(tags, get if scan else head)


async def ours(host: str, tags: list[str], *, scan: bool) -> None:
    """Use the client, and keep what it returns as the catalogue does."""
    from strata_hub.registry import (  # noqa: PLC0415  each peer's process loads its own library only
        Examined,
        RegistryClient,
        RegistrySettings,
    )

    settings = RegistrySettings(scheme="http", requests_per_second=None, max_concurrency=CONCURRENCY)
    found: dict[str, Examined] = {}
    async with RegistryClient(host, settings) as client:
        await client.examine(
            NAME, tags, on_result=lambda result: found.update({result.reference: result}), digests_only=not scan
        )
    assert len(found) == len(tags)
    assert all(result.error is None for result in found.values())


PEERS = {"raw": raw, "ours": ours, "httpx": httpx}


def measure(peer: str, what: str, host: str) -> None:
    """Print what one run in this process costs, as JSON; the tags come on standard input."""
    tags = sys.stdin.read().split()
    begun, used = time.perf_counter(), time.process_time()
    asyncio.run(PEERS[peer](host, tags, scan=what.startswith("scan")))
    seconds, used = time.perf_counter() - begun, time.process_time() - used
    # Not getrusage, whose peak begins with that of the process that started this one.
    peak = next(
        int(line.split()[1]) / 1024
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    print(json.dumps({"tag": seconds / len(tags), "cpu": used / len(tags), "peak": peak}))


class _Delay(asyncio.Protocol):
    """One direction of a connection, each piece half a round trip late."""

    def __init__(self, target: tuple[str, int] | None, peer: "_Delay | None" = None) -> None:
        self.target, self.peer = target, peer
        self.transport: asyncio.Transport | None = None
        self.pieces: deque[bytes | None] = deque()
        self.ready = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        if self.target is not None:
            self.peer = _Delay(None, self)
            task = asyncio.get_running_loop().create_connection(lambda: self.peer, *self.target)
            self.connecting = asyncio.ensure_future(task)
        elif self.peer is not None:
            self.flush()

    def data_received(self, data: bytes) -> None:
        self.late(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.late(None)

    def late(self, piece: bytes | None) -> None:
        assert self.peer
        self.peer.pieces.append(piece)
        asyncio.get_running_loop().call_later(ROUND_TRIP / 2, self.peer.due)

    def due(self) -> None:
        self.ready += 1
        self.flush()

    def flush(self) -> None:
        while self.transport is not None and self.ready:
            self.ready -= 1
            piece = self.pieces.popleft()
            if piece is None:
                self.transport.close()
            else:
                self.transport.write(piece)


async def _proxy(host: str) -> None:
    name, _, port = host.partition(":")
    server = await asyncio.get_running_loop().create_server(lambda: _Delay((name, int(port))), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def delayed(host: str) -> Iterator[str]:
    """Run a proxy to `host` that makes every round trip 50 ms long."""
    process = subprocess.Popen([sys.executable, __file__, "--proxy", host], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield f"127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


def compare(what: str, host: str, tags: list[str], rounds: int) -> dict[str, dict[str, float]]:
    """Return the medians of every peer."""
    runs: dict[str, list[dict[str, float]]] = {peer: [] for peer in PEERS}
    for number in range(rounds):
        for peer in PEERS:
            if peer == "httpx" and number:
                continue
            sample = tags[: max(1, len(tags) // 5)] if peer == "httpx" else tags
            command = [sys.executable, __file__, "--measure", peer, what, host]
            done = subprocess.run(command, input=" ".join(sample), capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(done.stderr)
            runs[peer].append(json.loads(done.stdout))
            print(f"{what} {peer}: {done.stdout.strip()}", file=sys.stderr)
    return {
        peer: {key: statistics.median(run[key] for run in results) for key in ("tag", "cpu", "peak")}
        for peer, results in runs.items()
    }


def bench(count: int, rounds: int) -> None:
    """Print the table."""
    with (
        tempfile.TemporaryDirectory(prefix="strata-bench-") as folder,
        docker_registry.running(Path(folder)) as registry,
    ):
        stored = dict(images(count))
        registry.write(NAME, stored)
        tags = list(stored)
        near = {what: compare(what, registry.host, tags, rounds) for what in ("scan", "head")}
        with delayed(registry.host) as far:
            near |= {what: compare(what, far, tags[:1000], rounds) for what in ("scan-50ms", "head-50ms")}
    load = os.getloadavg()[0]
    print(f"{count} tags, {CONCURRENCY} at once, medians of {rounds}; {os.cpu_count()} cores, load {load:.1f}")
    print(f"Python {sys.version.split()[0]}, pydantic-core {pydantic_core.__version__}, docker-registry 2.8.2")
    print(f"{'':42}{'ms a tag':>27}{'ratio to raw':>22}{'aim':>6}{'CPU':>6}{'peak MB':>9}{'aim':>5}")
    print(f"{'':42}{'raw':>9}{'ours':>9}{'httpx':>9}{'ours':>13}{'httpx':>9}{'':>6}{'ratio':>6}{'ours':>9}")
    for what, peers in near.items():
        mine, bare, other = peers["ours"], peers["raw"], peers["httpx"]
        print(
            f"{TITLES[what]:42}{bare['tag'] * 1000:9.2f}{mine['tag'] * 1000:9.2f}{other['tag'] * 1000:9.2f}"
            f"{mine['tag'] / bare['tag']:13.2f}{other['tag'] / bare['tag']:9.2f}{AIMS[what]:6.2f}"
            f"{mine['cpu'] / bare['cpu']:6.2f}{mine['peak']:9.0f}{AIM_MEMORY:5}"
        )


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tags", nargs="?", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", nargs=3, metavar=("PEER", "WHAT", "HOST"), help=argparse.SUPPRESS)
    parser.add_argument("--proxy", metavar="HOST", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(*arguments.measure)
    elif arguments.proxy:
        asyncio.run(_proxy(arguments.proxy))
    else:
        bench(arguments.tags, arguments.rounds)


if __name__ == "__main__":
    main()
