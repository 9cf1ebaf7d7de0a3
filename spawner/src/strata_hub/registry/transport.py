"""HTTP exchanges with a registry, its token server and its storage: paced, limited, retried, and nothing more."""

import logging
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import parse_qsl, urlsplit

import aiohttp
from multidict import CIMultiDictProxy
from pydantic import BaseModel, StringConstraints, ValidationError
from yarl import URL

from strata_hub.errors import (
    ConfigurationError,
    RegistryDenied,
    RegistryError,
    RegistryLimited,
    RegistryNotFound,
    RegistryProtocolError,
    RegistryUnavailable,
)

from .addresses import AddressRefused, guarded
from .names import is_loopback
from .pacing import LEAST_WAIT, Budget, Clock, Gate, SystemClock, backoff, retry_after
from .settings import RegistrySettings

log = logging.getLogger(__name__)

OK: Final = 200
UNAUTHORISED: Final = 401
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
TOO_MANY: Final = 429
UNAVAILABLE: Final = 503
SERVER_ERROR: Final = 500
_PASSING: Final = frozenset({TOO_MANY, 502, UNAVAILABLE, 504})
"""Statuses that may be gone a moment later."""
_TELLING: Final = frozenset({"n", "last", "scope", "service"})
"""Parameters that are no secrets: all others stay out of logs and errors."""
_SHOWN: Final = 500
"""Characters of a URL that are shown."""
_HEADERS: Final = {"User-Agent": "strata-hub", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; the body is complete and within its limit."""

    url: str
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Ask:
    """A request."""

    method: str
    url: str
    cap: int
    """Bytes that the body of a good answer may have."""
    headers: Mapping[str, str]
    form: Mapping[str, str] | None = None

    @property
    def repeatable(self) -> bool:
        """Whether asking twice is asking once."""
        return self.method in {"GET", "HEAD"}


class _Passing(Exception):
    """Something that a retry may overcome."""

    def __init__(self, error: RegistryError, *, strained: bool = False, wait: float = 0.0) -> None:
        super().__init__()
        self.error = error
        self.strained = strained
        """Whether the registry seems to have more to do than it can."""
        self.wait = wait
        """Seconds to wait at least."""


def redacted(url: str) -> str:
    """Return `url` fit to be shown: no user information, and no parameters that may be secret."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        query = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return "(a malformed URL)"
    told = [f"{key}={value}" for key, value in query if key in _TELLING]
    told += ["…"] if len(told) < len(query) or (parts.query and not query) else []
    shown = f"{parts.scheme}://{host}{parts.path}{'?' if told else ''}{'&'.join(told)}"
    return "".join(character for character in shown if character.isprintable())[:_SHOWN]


class Transport:
    """The connections to one registry and to where it points.

    It keeps no cookies, reads no proxy or ``.netrc`` from the environment, decodes nothing, follows nothing, and
    authenticates nobody: `client` and `tokens` decide that for each request.

    Parameters
    ----------
    host
        The registry.
    clock
        None: the time of this machine.
    """

    def __init__(self, host: str, settings: RegistrySettings, clock: Clock | None = None) -> None:
        self.clock: Clock = clock or SystemClock()
        self.gate = Gate(settings.max_concurrency)
        self.budget = Budget(settings.requests_per_second, self.clock)
        self._host = host
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def ask(self, ask: Ask) -> Answer:
        """Return the answer to `ask`, whatever its status, after as many retries as it takes.

        Raises
        ------
        RegistryUnavailable, RegistryLimited
            If the last retry, or the patience, is used up.
        RegistryDenied
            If the address is one that is never connected to.
        RegistryProtocolError
            If the answer is no HTTP, is encoded, or is larger than allowed.
        """
        settings, clock = self._settings, self.clock
        deadline = clock.monotonic() + settings.patience
        retries = settings.retries if ask.repeatable else 0
        attempt = 0
        while True:
            try:
                return await self._paced(ask, deadline)
            except _Passing as passing:
                error, wait = passing.error, passing.wait + backoff(attempt, clock)
            if attempt == retries or clock.monotonic() + wait > deadline:
                raise error
            attempt += 1
            log.info("Asking %s again in %.1f s: %s", redacted(ask.url), wait, error, extra={"attempt": attempt})
            await clock.sleep(wait)

    async def _paced(self, ask: Ask, deadline: float) -> Answer:
        budget = self.budget
        wait = budget.claim()
        while wait > 0:
            if self.clock.monotonic() + wait > deadline:
                raise RegistryLimited(
                    f"{self._host} cannot be asked within the {self._settings.patience:.0f} s of patience.",
                    hint="It asked to be left alone, or requests_per_second is too low for what is asked of it.",
                )
            await self.clock.sleep(wait)
            wait = budget.paused()
        gate = self.gate
        epoch = await gate.enter()
        try:
            answer = await self._exchange(ask)
            if answer.status in _PASSING:
                raise self._passing(answer)
        except _Passing as passing:
            if passing.strained:
                gate.trouble(epoch)
            raise
        finally:
            gate.leave()
        gate.success()
        return answer

    def _passing(self, answer: Answer) -> _Passing:
        wait = retry_after(answer.headers.get("Retry-After"), self.clock.now())
        if answer.status == TOO_MANY and wait is None:
            wait = LEAST_WAIT
        if wait is not None:
            self.budget.pause(wait)
        return _Passing(refusal(answer), strained=answer.status in {TOO_MANY, UNAVAILABLE}, wait=wait or 0.0)

    async def _exchange(self, ask: Ask) -> Answer:
        try:
            async with self._opened().request(
                ask.method,
                URL(ask.url, encoded=True),
                headers=ask.headers,
                data=ask.form,
                allow_redirects=False,
            ) as response:
                body = await self._body(response, ask)
                if log.isEnabledFor(logging.DEBUG):
                    log.debug("%s %s: %d, %d bytes", ask.method, redacted(ask.url), response.status, len(body))
                return Answer(ask.url, response.status, response.headers, body)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise self._foreign(error, ask) from None

    async def _body(self, response: aiohttp.ClientResponse, ask: Ask) -> bytes:
        good = response.status == OK
        cap = ask.cap if good else self._settings.limits.error_bytes
        if ask.method == "HEAD":
            return b""
        if good and response.headers.get("Content-Encoding", "identity").lower() != "identity":
            response.close()
            raise RegistryProtocolError(f"{redacted(ask.url)} was answered in an encoding that was not asked for.")
        if (response.content_length or 0) <= cap:
            parts, size = list[bytes](), 0
            async for part in response.content.iter_any():
                parts.append(part)
                size += len(part)
                if size > cap:
                    break
            else:
                return parts[0] if len(parts) == 1 else b"".join(parts)
        response.close()
        if not good:
            return b""
        raise RegistryProtocolError(f"{redacted(ask.url)} was answered with more than {cap} bytes.")

    def _foreign(self, error: Exception, ask: Ask) -> Exception:
        """Return our error for one of another library; theirs may quote URLs with secrets, and is not kept."""
        where = redacted(ask.url)
        refused = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
        if isinstance(refused, AddressRefused):
            return RegistryDenied(
                f"{where} leads to an address of this machine, its link or its cloud's metadata, and was not asked."
            )
        if isinstance(error, ssl.CertificateError | aiohttp.ClientConnectorCertificateError):
            return RegistryUnavailable(
                f"The certificate of {where} is not trusted.", hint="Name the authority's file in ca_file."
            )
        if isinstance(error, aiohttp.InvalidURL):
            return RegistryProtocolError(f"{where} is not a URL that can be asked.")
        if isinstance(error, TimeoutError):
            return _Passing(RegistryUnavailable(f"{where} did not answer in time."), strained=True)
        if isinstance(
            error, aiohttp.ClientOSError | aiohttp.ServerConnectionError | aiohttp.ClientPayloadError | OSError
        ):
            why = type(error).__name__
            if isinstance(refused, OSError) and refused.errno:
                why = os.strerror(refused.errno)
            return _Passing(RegistryUnavailable(f"The connection to {where} failed: {why}."))
        return RegistryProtocolError(f"{where} was answered with something that is not HTTP ({type(error).__name__}).")

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            settings = self._settings
            connector = aiohttp.TCPConnector(
                limit=0,
                ssl=_tls(settings),
                socket_factory=guarded(loopback=is_loopback(self._host)),
                resolver=aiohttp.ThreadedResolver(),
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=_HEADERS,
                timeout=aiohttp.ClientTimeout(total=settings.request_timeout, sock_connect=settings.connect_timeout),
                trust_env=False,
                auto_decompress=False,
            )
        return self._session


def _tls(settings: RegistrySettings) -> ssl.SSLContext | bool:
    if settings.scheme == "http":
        return True
    context = ssl.create_default_context()
    if settings.ca_file is not None:
        try:
            context.load_verify_locations(settings.ca_file)
        except (OSError, ssl.SSLError):
            raise ConfigurationError(
                f"{settings.ca_file} cannot be read as certificates of authorities.", hint="It should be a PEM file."
            ) from None
    return context


def refusal(answer: Answer) -> RegistryError:
    """Return the error that an answer other than the expected one means."""
    where, status = redacted(answer.url), answer.status
    told = _error_code(answer.body)
    told = f" ({told})" if told else ""
    if status in {UNAUTHORISED, FORBIDDEN}:
        return RegistryDenied(
            f"{where} was refused with {status}{told}.", hint="Check the credentials and what they may read."
        )
    if status == NOT_FOUND:
        return RegistryNotFound(f"{where} does not exist{told}.")
    if status == TOO_MANY:
        return RegistryLimited(
            f"{where} was asked too often{told}.", hint="Lower requests_per_second for this registry."
        )
    if status >= SERVER_ERROR:
        return RegistryUnavailable(f"{where} failed with {status}{told}.")
    return RegistryProtocolError(f"{where} was answered with the status {status}{told}.")


class _Told(BaseModel):
    code: Annotated[str, StringConstraints(pattern=r"^[A-Z_]{1,60}$")]


class _Errors(BaseModel):
    errors: list[_Told]


def _error_code(body: bytes) -> str:
    """Return the protocol's error code of `body`, which may be of any form; its message is never shown."""
    try:
        return next((told.code for told in _Errors.model_validate_json(body).errors), "")
    except (ValidationError, RecursionError):
        return ""
