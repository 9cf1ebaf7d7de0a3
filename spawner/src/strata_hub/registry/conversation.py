"""A request with its authorization and its redirects: what may go where."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urljoin, urlsplit

from strata_hub.errors import RegistryProtocolError

from .credentials import Credentials
from .settings import RegistrySettings
from .tokens import Authorizer
from .transport import UNAUTHORISED, Answer, Ask, Transport, redacted

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class Conversation:
    """Everything that is said to one registry.

    Parameters
    ----------
    server
        Host of the registry, as it is connected to.
    """

    def __init__(
        self, server: str, settings: RegistrySettings, credentials: Credentials | None, transport: Transport
    ) -> None:
        self.origin = f"{settings.scheme}://{server}"
        self._settings = settings
        self._transport = transport
        self._authorizer = Authorizer(server, settings, credentials, transport)

    async def close(self) -> None:
        """Close every connection."""
        await self._authorizer.close()
        await self._transport.close()

    async def ask(
        self, method: str, url: str, cap: int, headers: Mapping[str, str], scope: str, *, away: bool = False
    ) -> Answer:
        """Return the answer to a request, whatever its status, after redirects.

        Parameters
        ----------
        cap
            Bytes that the body may have.
        scope
            What a token has to allow.
        away
            Whether a redirect may lead to another host: then nothing that authorizes goes along.

        Raises
        ------
        RegistryError
            If there is no answer, no way in, or a redirect that may not be followed.
        """
        answer = await self._authorized(method, url, cap, headers, scope)
        left = self._settings.limits.redirects
        while answer.status in _REDIRECTS and method != "DELETE":
            if not left:
                raise RegistryProtocolError(f"{redacted(url)} leads on and on.")
            left -= 1
            target = self._redirected(answer, away=away)
            # Storage behind the registry's own host refuses an authorization that it does not know.
            if target.startswith(f"{self.origin}/v2/"):
                answer = await self._authorized(method, target, cap, headers, scope)
            else:
                answer = await self._transport.ask(Ask(method, target, cap, headers))
        return answer

    async def _authorized(self, method: str, url: str, cap: int, headers: Mapping[str, str], scope: str) -> Answer:
        used = await self._authorizer.header(scope)
        answer = await self._transport.ask(Ask(method, url, cap, _with(headers, used)))
        if answer.status != UNAUTHORISED:
            return answer
        await self._authorizer.refused(scope, answer.headers.getall("WWW-Authenticate", []), used)
        used = await self._authorizer.header(scope)
        return await self._transport.ask(Ask(method, url, cap, _with(headers, used)))

    def _redirected(self, answer: Answer, *, away: bool) -> str:
        """Return where a redirect leads, if it may lead there."""
        where, location = redacted(answer.url), answer.headers.get("Location", "")
        try:
            target = urljoin(answer.url, location)
            parts = urlsplit(target)
            strange = not location or not target.isascii() or not target.isprintable() or " " in target
            strange = strange or "@" in parts.netloc or not parts.hostname
        except ValueError:
            raise RegistryProtocolError(f"{where} leads to something that is no URL.") from None
        if strange or parts.scheme not in {"https", self._settings.scheme}:
            raise RegistryProtocolError(f"{where} leads to something that is no {self._settings.scheme} URL.")
        if not away and f"{parts.scheme}://{parts.netloc}" != self.origin:
            raise RegistryProtocolError(f"{where} leads to another host, and only configurations may.")
        return target.partition("#")[0]


def _with(headers: Mapping[str, str], authorization: str | None) -> Mapping[str, str]:
    return headers if authorization is None else {**headers, "Authorization": authorization}
