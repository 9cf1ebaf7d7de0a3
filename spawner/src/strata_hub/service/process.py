"""The process of the service: from its start to its clean end."""

import asyncio
import errno
import logging
import os
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from strata_hub import logs
from strata_hub.config import DeploymentConfig
from strata_hub.errors import ConfigurationError
from strata_hub.factory import Machinery, make_machinery
from strata_hub.quantities import SecretReference

from .handlers import BODY_LIMIT, Parts, application
from .memory import stay_small
from .readers import HubAccess, Readers

log = logging.getLogger(__name__)

_LAST_WORDS = 5.0
"""Seconds that answers under way may take after the end was asked for."""


@dataclass(frozen=True)
class Place:
    """Where the service listens, and whose it is."""

    host: str
    port: int
    prefix: str = "/services/strata/"
    hub: HubAccess | None = None


@dataclass(frozen=True)
class Secrets:
    """What readers and registries have to show; empty: nobody can."""

    state_token: str = field(default="", repr=False)
    notifications: str = field(default="", repr=False)


def place_of(environ: Mapping[str, str], bind: str | None) -> Place:
    """Return where to listen: `bind`, else where the hub expects its service, else loopback.

    Raises
    ------
    ConfigurationError
        If the address cannot be understood.
    """
    prefix = environ.get("JUPYTERHUB_SERVICE_PREFIX", "/services/strata/")
    hub = None
    if environ.get("JUPYTERHUB_API_URL") and environ.get("JUPYTERHUB_API_TOKEN"):
        name = environ.get("JUPYTERHUB_SERVICE_NAME", "strata")
        hub = HubAccess(environ["JUPYTERHUB_API_URL"].rstrip("/"), environ["JUPYTERHUB_API_TOKEN"], name)
    address = bind or environ.get("JUPYTERHUB_SERVICE_URL") or "http://127.0.0.1:8090"
    try:
        url = urlsplit(address if "//" in address else f"//{address}")
        host, port = url.hostname, url.port
    except ValueError:
        host, port = None, None
    if host is None or port is None or not prefix.startswith("/"):
        raise ConfigurationError(
            f"The service cannot listen on {address!r}.", hint="Give a host and a port, such as 127.0.0.1:8090."
        )
    return Place(host, port, prefix if prefix.endswith("/") else f"{prefix}/", hub)


def secrets_of(config: DeploymentConfig, environ: Mapping[str, str]) -> Secrets:
    """Return what readers and registries have to show.

    Raises
    ------
    ConfigurationError
        If a secret that the configuration asks for is not there.
    """
    by_default = config.state_token == SecretReference(env="STRATA_STATE_TOKEN")
    token = environ.get("STRATA_STATE_TOKEN", "") if by_default else _resolve(config.state_token, "The state's token")
    if config.notifications is None:
        return Secrets(token, environ.get("STRATA_NOTIFICATION_SECRET", ""))
    return Secrets(token, _resolve(config.notifications.secret, "The notifications' secret"))


async def serve(config: DeploymentConfig, place: Place, secrets: Secrets) -> None:
    """Run until SIGTERM or SIGINT.

    Raises
    ------
    ConfigurationError
        If something is missing, or the address is in use; nothing was started then.
    """
    known = [secrets.state_token, secrets.notifications, place.hub.api_token if place.hub else ""]
    logs.configure(config.log_level, secrets=known)
    stay_small()
    if not secrets.state_token and place.hub is None:
        log.warning("nobody can read the state over HTTP: set STRATA_STATE_TOKEN")
    async with AsyncExitStack() as ending:
        machinery = make_machinery(config)
        ending.push_async_callback(machinery.close)
        readers = Readers(secrets.state_token, place.hub)
        ending.push_async_callback(readers.close)
        server, port = _listen(machinery, readers, place, secrets)
        ending.push_async_callback(_stop, server)
        stopped = _stop_signal()
        log.info("serving", extra={"deployment": config.name, "host": place.host, "port": port, "prefix": place.prefix})
        machinery.refresher.publisher.resume(config.name)
        refreshing = asyncio.create_task(machinery.refresher.run())
        waiting = asyncio.create_task(stopped.wait())
        await asyncio.wait({refreshing, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        refreshing.cancel()
        with suppress(asyncio.CancelledError):
            await refreshing
        log.info("stopped")


def _listen(machinery: Machinery, readers: Readers, place: Place, secrets: Secrets) -> tuple[HTTPServer, int]:
    parts = Parts(machinery.refresher, readers, secrets.notifications)
    server = HTTPServer(
        application(parts, place.prefix), max_body_size=BODY_LIMIT, max_buffer_size=2 * BODY_LIMIT, body_timeout=30
    )
    try:
        sockets = bind_sockets(place.port, place.host)
    except OSError as error:
        reason = "it is in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
        raise ConfigurationError(
            f"The service cannot listen on {place.host}:{place.port}: {reason}.",
            hint="Stop what listens there, or give another address.",
        ) from error
    server.add_sockets(sockets)
    return server, int(sockets[0].getsockname()[1])


async def _stop(server: HTTPServer) -> None:
    server.stop()
    with suppress(TimeoutError):
        async with asyncio.timeout(_LAST_WORDS):
            await server.close_all_connections()


def _stop_signal() -> asyncio.Event:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    return stopped


def _resolve(reference: SecretReference, purpose: str) -> str:
    return reference.resolve(purpose).get_secret_value()


def environment() -> Mapping[str, str]:
    """Return the environment of this process."""
    return os.environ
