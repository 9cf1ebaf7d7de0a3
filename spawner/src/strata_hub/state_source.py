"""Where a hub reads the menu state: the service, or a file that something else writes."""

import asyncio
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse

from .errors import ConfigurationError, StateUnavailable

MAX_BYTES = 256 * 1024 * 1024
TIMEOUT = 20.0
"""Seconds for one request; nobody waits for it."""


@dataclass(frozen=True)
class Document:
    """A menu state as it was read, not yet checked."""

    body: bytes
    etag: str


class StateSource(Protocol):
    """Anything that gives the newest menu state."""

    async def read(self, etag: str) -> Document | None:
        """Return the newest document; None if it is still the one called `etag`.

        Raises
        ------
        StateUnavailable
            If it cannot be read now.
        """
        ...


class FileSource:
    """A menu state in a file, replaced by renaming."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None

    async def read(self, etag: str) -> Document | None:
        """Return the content of the file; see `StateSource.read`."""
        return await asyncio.to_thread(self.read_now, etag)

    def read_now(self, etag: str) -> Document | None:
        """Do the same, blocking."""
        try:
            status = self._path.stat()
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
            if etag and seen == self._seen:
                return None
            body = self._path.read_bytes()
        except OSError as error:
            raise StateUnavailable(
                f"The menu state {self._path} cannot be read: {error.strerror or error}.",
                hint="Check that the service writes it, and that the hub may read it.",
            ) from error
        self._seen = seen
        found = hashlib.sha256(body).hexdigest()
        return None if found == etag else Document(body, found)


class ServiceSource:
    """The menu state that a Strata service publishes over HTTP."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token

    async def read(self, etag: str) -> Document | None:
        """Return what the service publishes; see `StateSource.read`."""
        request = HTTPRequest(
            self._url,
            headers={
                "Accept": "application/json",
                **({"Authorization": f"token {self._token}"} if self._token else {}),
                **({"If-None-Match": etag} if etag else {}),
            },
            connect_timeout=TIMEOUT,
            request_timeout=TIMEOUT,
            # A redirect would carry the token to wherever it points.
            follow_redirects=False,
        )
        client = AsyncHTTPClient(force_instance=True, max_body_size=MAX_BYTES, max_buffer_size=MAX_BYTES)
        try:
            response = await client.fetch(request, raise_error=False)
        except (OSError, ValueError) as error:
            raise StateUnavailable(f"The menu state at {self._url} cannot be read: {error}.") from error
        finally:
            client.close()
        return self._document(response)

    def _document(self, response: HTTPResponse) -> Document | None:
        not_modified, fine, no_answer = 304, 200, 599
        if response.code == not_modified:
            return None
        if response.code == no_answer:
            raise StateUnavailable(f"The menu state at {self._url} cannot be read: {response.error}.")
        if response.code != fine:
            raise StateUnavailable(
                f"The menu state at {self._url} cannot be read: the answer was {response.code} {response.reason}.",
                hint="Check state_url and the token of the hub." if response.code < no_answer - 99 else "",
            )
        return Document(response.body, response.headers.get("ETag", "") or hashlib.sha256(response.body).hexdigest())


def source_for(url: str, token: str = "") -> StateSource:
    """Return the source that `url` names.

    Raises
    ------
    ConfigurationError
        If it is neither ``http(s)://`` with a host nor ``file:///`` with a path.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path.startswith("/"):
        return FileSource(Path(unquote(parts.path)))
    if parts.scheme in ("http", "https") and parts.hostname:
        return ServiceSource(url, token)
    raise ConfigurationError(
        f"state_url is {json.dumps(url)}, which names no menu state.",
        hint="Use http://HOST:PORT/services/strata/state or file:///PATH.",
    )
