"""Who may read: the spawner by its token, and holders of a hub token with access to this service."""

import hashlib
import hmac
import json
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass

import aiohttp

log = logging.getLogger(__name__)

_REMEMBER = 60.0
"""Seconds for which an answer of the hub holds: a revoked token reads for that long at most."""
_TOKENS = 512
_LONGEST = 1024
"""Characters of a token."""
_ANSWER_LIMIT = 1 << 20


def matches(given: str, secret: str) -> bool:
    """Return whether two secrets are equal, in a time that tells nothing; an empty secret matches nothing."""
    return bool(secret) and hmac.compare_digest(given.encode(), secret.encode())


@dataclass(frozen=True)
class HubAccess:
    """How this service reaches the hub that manages it."""

    api_url: str
    api_token: str
    service: str


class Readers:
    """Decides whether a request may read.

    Parameters
    ----------
    secret
        The token of the spawner; empty: there is none.
    hub
        None: stand-alone, so that only `secret` counts.
    """

    def __init__(self, secret: str, hub: HubAccess | None) -> None:
        self._secret = secret
        self._hub = hub
        self._session: aiohttp.ClientSession | None = None
        self._known: OrderedDict[bytes, tuple[float, bool]] = OrderedDict()

    async def allows(self, authorization: str) -> bool:
        """Return whether a request with this ``Authorization`` header may read."""
        kind, _, token = authorization.partition(" ")
        token = token.strip()
        if kind.lower() not in {"bearer", "token"} or not token or len(token) > _LONGEST or not token.isascii():
            return False
        return matches(token, self._secret) or (self._hub is not None and await self._hub_allows(self._hub, token))

    async def close(self) -> None:
        """Close the connections to the hub."""
        if self._session is not None:
            await self._session.close()

    async def _hub_allows(self, hub: HubAccess, token: str) -> bool:
        # Only a hash is kept: a memory dump of this process holds nobody's token.
        key = hashlib.sha256(token.encode()).digest()
        remembered = self._known.get(key)
        if remembered is not None and time.monotonic() < remembered[0]:
            return remembered[1]
        allowed = await self._ask(hub, token)
        if allowed is None:
            return False
        self._known[key] = (time.monotonic() + _REMEMBER, allowed)
        self._known.move_to_end(key)
        while len(self._known) > _TOKENS:
            self._known.popitem(last=False)
        return allowed

    async def _ask(self, hub: HubAccess, token: str) -> bool | None:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=10), cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
            )
        try:
            async with self._session.get(
                f"{hub.api_url}/user", headers={"Authorization": f"token {token}"}, allow_redirects=False
            ) as answer:
                if answer.status in {401, 403, 404}:
                    return False
                if answer.status != 200:  # noqa: PLR2004 - the status that carries a user
                    log.warning("the hub did not tell whose token this is", extra={"status": answer.status})
                    return None
                content = await answer.content.read(_ANSWER_LIMIT)
                return _has_access(content, hub.service)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("the hub cannot be asked about a token", extra={"error": type(error).__name__})
            return None


def _has_access(content: bytes, service: str) -> bool:
    try:
        scopes = json.loads(content)["scopes"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    wanted = {"access:services", f"access:services!service={service}"}
    return isinstance(scopes, list) and any(scope in wanted for scope in scopes if isinstance(scope, str))
