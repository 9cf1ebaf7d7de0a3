"""The only place where parts are put together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from .config import DeploymentConfig, PayloadConfig
from .refresh.assembly import wanted_tags
from .refresh.knowledge import Knowledge
from .refresh.publisher import Publisher
from .refresh.refresher import Refresher
from .refresh.repository import RepositoryRefresh, Source, utc_now
from .registry import RegistryClient, RegistrySettings
from .store import CatalogueStore, StoreWorker, open_store
from .tags import scheme


@dataclass(frozen=True)
class Machinery:
    """What refreshes one deployment, with everything that has to be closed afterwards."""

    refresher: Refresher
    clients: Mapping[str, RegistryClient]
    store: StoreWorker

    async def close(self) -> None:
        """Write what is not written yet, then close every connection."""
        for refresh in self.refresher.unique():
            await refresh.save()
        for client in self.clients.values():
            await client.close()
        await self.store.close()


def make_client(config: DeploymentConfig, host: str) -> RegistryClient:
    """Return a client for the registry `host`.

    Raises
    ------
    ConfigurationError
        If its credentials are not there.
    """
    entry = config.registry(host)
    settings = RegistrySettings(**{name: getattr(entry, name) for name in RegistrySettings.model_fields})
    return RegistryClient(host, settings, entry.credentials.load(host) if entry.credentials is not None else None)


def store_opener(config: DeploymentConfig) -> Callable[[], CatalogueStore]:
    """Return what opens the store of `config`.

    Raises
    ------
    ConfigurationError
        If the database's password is not there.
    """
    reference = config.database.password
    password = None if reference is None else reference.resolve("The database's password")
    return partial(open_store, config.database.url, password)


def make_machinery(config: DeploymentConfig) -> Machinery:
    """Return everything that refreshes the deployment `config`; nothing is asked or opened yet.

    Raises
    ------
    ConfigurationError
        If a secret or a tag scheme is not there.
    """
    store = StoreWorker(store_opener(config))
    clients = {host: make_client(config, host) for host in {payload.host for payload in config.payloads.values()}}
    repositories: dict[str, RepositoryRefresh] = {}
    machinery = Machinery(Refresher(config, repositories, Publisher(config.publish.file)), clients, store)
    shared: dict[tuple[object, ...], RepositoryRefresh] = {}
    for name, payload in config.payloads.items():
        key = (payload.repository, payload.scheme, payload.aliases)
        if key not in shared:
            shared[key] = _refresh(config, payload, machinery)
        machinery.refresher.repositories[name] = shared[key]
    return machinery


def _refresh(config: DeploymentConfig, payload: PayloadConfig, machinery: Machinery) -> RepositoryRefresh:
    settings = config.registry(payload.host)
    source = Source(
        repository=payload.repository,
        name=payload.name,
        platform=settings.platform,
        client=machinery.clients[payload.host],
        store=machinery.store,
        settings=config.refresh,
    )
    alike = [
        other
        for other in config.payloads.values()
        if (other.repository, other.scheme, other.aliases) == (payload.repository, payload.scheme, payload.aliases)
    ]

    def wanted(knowledge: Knowledge) -> list[str]:
        return wanted_tags(alike, knowledge, utc_now())

    async def changed() -> None:
        await machinery.refresher.publish(refresh)

    refresh = RepositoryRefresh(source, Knowledge(scheme(payload.scheme, payload.aliases)), wanted, changed)
    return refresh
