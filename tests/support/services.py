"""The service's routes on a loopback port, in the test's own process, with whatever parts the test gives them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
from strata_hub.config import DeploymentConfig
from strata_hub.refresh.knowledge import Knowledge
from strata_hub.refresh.publisher import Publisher
from strata_hub.refresh.refresher import Refresher
from strata_hub.refresh.repository import RepositoryRefresh, Source
from strata_hub.registry import RegistryClient
from strata_hub.service.handlers import BODY_LIMIT, Parts, application
from strata_hub.store import CatalogueStore, StoreWorker, open_store
from strata_hub.tags import scheme
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

PREFIX = "/services/strata/"


def memory_store() -> CatalogueStore:
    """Return a store that forgets."""
    return open_store("sqlite:///:memory:")


def refresher(config: DeploymentConfig, client: RegistryClient, publisher: Publisher) -> Refresher:
    """Return a refresher whose payloads all want nothing but what the background brings."""
    repositories: dict[str, RepositoryRefresh] = {}
    made = Refresher(config, repositories, publisher)
    store = StoreWorker(memory_store)
    for name, payload in config.payloads.items():
        source = Source(payload.repository, payload.name, "linux/amd64", client, store, config.refresh)
        made.repositories[name] = _refresh(source, made)
    return made


def _refresh(source: Source, owner: Refresher) -> RepositoryRefresh:
    async def changed() -> None:
        await owner.publish(refresh)

    refresh = RepositoryRefresh(source, Knowledge(scheme("rubin")), lambda _: (), changed)
    return refresh


async def until(probe: Callable[[], Awaitable[bool]], *, within: float = 90.0) -> None:
    """Return when `probe` says True.

    Raises
    ------
    TimeoutError
        If it did not `within` that many seconds.
    """
    async with asyncio.timeout(within):
        while True:
            if await probe():
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def served(parts: Parts) -> AsyncIterator[httpx.AsyncClient]:
    """Serve the routes and yield a client whose base is the service's prefix."""
    (socket,) = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(application(parts, PREFIX), max_body_size=BODY_LIMIT)
    server.add_socket(socket)
    base = f"http://127.0.0.1:{socket.getsockname()[1]}{PREFIX}"
    try:
        async with httpx.AsyncClient(base_url=base, timeout=60, trust_env=False) as client:
            yield client
    finally:
        server.stop()
        await server.close_all_connections()
        for refresh in parts.refresher.unique():
            await refresh.source.store.close()
        await parts.readers.close()
