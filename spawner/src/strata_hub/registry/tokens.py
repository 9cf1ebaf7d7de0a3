"""The handshake with a registry: challenge, token, renewal; one object, so that it is written once."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from strata_hub.errors import (
    ConfigurationError,
    RegistryDenied,
    RegistryError,
    RegistryProtocolError,
    RegistryUnavailable,
)

from .credentials import Credentials
from .headers import Challenge, MalformedHeader, challenges
from .names import checked_host
from .settings import RegistrySettings
from .transport import OK, Ask, Transport, redacted

RENEW_AT: Final = 0.8
"""Share of a token's life after which it is renewed."""
_DEFAULT_LIFE: Final = 60.0
"""Seconds; the token specification's value where the server tells none."""
_LONGEST_LIFE: Final = 86_400.0
_BASIC_CONCURRENCY: Final = 4
"""Servers hash the password anew with every request: more at once only queue at their processor."""
_PORTS: Final = {"https": 443, "http": 80}
# RFC 6750, 2.1: the only characters that a bearer token may have in a header.
_BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)
_REFUSED: Final = frozenset({400, 401, 403})


def _seconds(value: object) -> float:
    """Return a life that can be believed: token servers also send strings, zero and null."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _LONGEST_LIFE:
        return float(value)
    return _DEFAULT_LIFE if not isinstance(value, int | float) or value <= 0 else _LONGEST_LIFE


class _TokenAnswer(BaseModel):
    model_config = ConfigDict(extra="ignore")

    token: str | None = None
    access_token: str | None = None
    expires_in: Annotated[float, BeforeValidator(_seconds)] = _DEFAULT_LIFE


@dataclass(frozen=True)
class _Token:
    header: str = field(repr=False)
    renew_at: float
    expires_at: float


@dataclass(frozen=True)
class _Service:
    """Where tokens come from."""

    realm: str
    service: str


class Authorizer:
    """What to send as ``Authorization``, and what to do about a refusal.

    Credentials go to the registry itself, and to token servers that it names only if those are the registry's own host
    or configured. Scopes are made here and never taken from a challenge.
    """

    def __init__(
        self, host: str, settings: RegistrySettings, credentials: Credentials | None, transport: Transport
    ) -> None:
        self._host = host
        self._settings = settings
        self._credentials = credentials
        self._transport = transport
        self._basic: str | None = None
        self._service: _Service | None = None
        self._tokens: dict[tuple[_Service, str], _Token] = {}
        self._flights: dict[tuple[_Service, str], asyncio.Task[_Token]] = {}

    async def close(self) -> None:
        """Give up requests for tokens that are under way."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    async def header(self, scope: str) -> str | None:
        """Return the header to send for `scope`; None as long as the registry asked for none.

        Raises
        ------
        RegistryError
            If a token is needed and there is none to be had.
        """
        if self._basic is not None or self._service is None:
            return self._basic
        token = self._tokens.get((self._service, scope))
        now = self._transport.clock.monotonic()
        if token is not None and now < token.renew_at:
            return token.header
        try:
            return (await self._fetched(self._service, scope)).header
        except RegistryError:
            if token is not None and now < token.expires_at:
                return token.header
            raise

    async def refused(self, scope: str, fields: Sequence[str], used: str | None) -> None:
        """Act on a 401, so that `header` has something better the next time.

        Parameters
        ----------
        fields
            Every ``WWW-Authenticate`` field of the answer.
        used
            The header that was refused.

        Raises
        ------
        RegistryDenied
            If nothing better is to be had.
        """
        offered = self._offered(fields)
        bearer = next((challenge for challenge in offered if challenge.scheme == "bearer"), None)
        if bearer is not None:
            service = _Service(self._realm(bearer.parameters.get("realm", "")), bearer.parameters.get("service", ""))
            self._service = service
            token = self._tokens.get((service, scope))
            if token is None or token.header == used:
                await self._fetched(service, scope)
            return
        credentials = self._credentials
        basic = any(challenge.scheme == "basic" for challenge in offered)
        if not basic or credentials is None or not credentials.username or (self._basic is not None and used):
            raise self._denied("it refuses these credentials" if used else "it asks for credentials that are not there")
        self._basic = credentials.basic()
        self._transport.gate.cap(_BASIC_CONCURRENCY)

    def _offered(self, fields: Sequence[str]) -> list[Challenge]:
        try:
            return [challenge for text in fields for challenge in challenges(text)]
        except MalformedHeader:
            raise RegistryProtocolError(f"The challenge of {self._host} cannot be read.") from None

    def _denied(self, why: str) -> RegistryDenied:
        return RegistryDenied(f"{self._host} does not let us in: {why}.", hint="Check the registry's credentials.")

    def _realm(self, realm: str) -> str:
        """Return `realm` if it may be asked for a token."""
        parts = _split(realm)
        plain = parts is not None and parts.scheme in {"https", self._settings.scheme}
        if parts is None or not plain or "@" in parts.netloc or parts.fragment:
            raise RegistryDenied(
                f"{self._host} names a token server that cannot be asked: {redacted(realm)}.",
                hint="It has to be an https URL without user information.",
            )
        own = (self._host, *self._settings.allowed_realms)
        if _place(parts.netloc, parts.scheme) not in {_place(host, parts.scheme) for host in own}:
            raise RegistryDenied(
                f"{self._host} names a token server at {parts.hostname}, which is not among the allowed realms.",
                hint="If it is the right one, add its host to allowed_realms.",
            )
        return realm

    async def _fetched(self, service: _Service, scope: str) -> _Token:
        """Return a new token; whoever asks while one is being fetched waits for that one."""
        key = (service, scope)
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(self._fetch(service, scope))
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(flight)

    def _landed(self, key: tuple[_Service, str], done: asyncio.Task[_Token]) -> None:
        del self._flights[key]
        if not done.cancelled():
            # Nobody may be waiting any more: then its error is nobody's.
            done.exception()

    async def _fetch(self, service: _Service, scope: str) -> _Token:
        credentials = self._credentials
        answer = await self._transport.ask(self._request(service, scope, credentials))
        if answer.status in _REFUSED and credentials is not None and self._settings.anonymous_fallback:
            answer = await self._transport.ask(self._request(service, scope, None))
        if answer.status in _REFUSED:
            raise self._denied(f"its token server refuses {'these credentials' if credentials else 'everybody'}")
        if answer.status != OK:
            # Whatever it is, it says nothing of the repository that the token is for.
            raise RegistryUnavailable(f"{redacted(answer.url)} gives no tokens: it answered {answer.status}.")
        try:
            found = _TokenAnswer.model_validate_json(answer.body)
        except (ValidationError, RecursionError):
            raise RegistryProtocolError(
                f"{redacted(answer.url)} was answered with something else than a token."
            ) from None
        token = found.token or found.access_token or ""
        if not _BEARER.fullmatch(token):
            raise RegistryProtocolError(f"{redacted(answer.url)} was answered without a usable token.")
        now = self._transport.clock.monotonic()
        fetched = _Token(f"Bearer {token}", now + RENEW_AT * found.expires_in, now + found.expires_in)
        # Kept here and not when the task has ended: whoever meets the ended task looks for the token at once.
        self._tokens[service, scope] = fetched
        return fetched

    def _request(self, service: _Service, scope: str, credentials: Credentials | None) -> Ask:
        cap = self._settings.limits.token_bytes
        if credentials is not None and credentials.identity_token:
            form = {
                "grant_type": "refresh_token",
                "client_id": "strata-hub",
                "service": service.service,
                "scope": scope,
                "refresh_token": credentials.identity_token,
            }
            return Ask("POST", service.realm, cap, {}, form)
        parts = urlsplit(service.realm)
        query = [pair for pair in parse_qsl(parts.query) if pair[0] not in {"scope", "service", "account"}]
        query += [("service", service.service)] if service.service else []
        url = parts._replace(query=urlencode([*query, ("scope", scope)])).geturl()
        headers: Mapping[str, Any] = {"Authorization": credentials.basic()} if credentials is not None else {}
        return Ask("GET", url, cap, headers)


def _split(url: str) -> SplitResult | None:
    """Return the parts of `url` if it is an absolute HTTP URL with a host and nothing strange in it."""
    if not url.isascii() or not url.isprintable() or set(url) & set(' \\"<>^`{|}'):
        return None
    try:
        parts = urlsplit(url)
        checked_host(parts.netloc)
    except (ValueError, ConfigurationError):
        return None
    return parts if parts.scheme in _PORTS else None


def _place(netloc: str, scheme: str) -> tuple[str, int]:
    """Return host and port of a checked `netloc`."""
    parts = urlsplit(f"//{netloc.lower()}")
    return parts.hostname or "", parts.port or _PORTS[scheme]
