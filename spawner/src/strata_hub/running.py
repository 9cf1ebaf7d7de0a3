"""Which images run now: asked of the hub, or read from a file."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp

from .errors import HubUnavailable

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}(?![0-9a-f])|sha512:[0-9a-f]{128}(?![0-9a-f])", re.ASCII)
_PAGINATED = "application/jupyterhub-pagination+json"
_PAGES = 10_000
_PAGE_LIMIT = 16 << 20
_FILE_LIMIT = 256 << 20


def digests_in_file(path: Path) -> frozenset[str]:
    """Return every digest that stands in the file `path`, whatever its form.

    ``kubectl get pods --all-namespaces -o json`` is such a file; one digest or reference a line is another.

    Raises
    ------
    HubUnavailable
        If it cannot be read.
    """
    try:
        if path.stat().st_size > _FILE_LIMIT:
            raise HubUnavailable(f"{path} is larger than {_FILE_LIMIT >> 20} MiB.", hint="Is it the right file?")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise HubUnavailable(f"{path} cannot be read: {error}.", hint="Give a text file with digests.") from error
    return frozenset(_DIGEST.findall(text))


async def digests_from_hub(api_url: str, token: str) -> frozenset[str]:
    """Return the digests of the images of all servers that run, start or stop.

    Parameters
    ----------
    api_url
        The hub's API, such as ``http://hub:8081/hub/api``.
    token
        Needs the scopes ``list:users``, ``read:users`` and ``read:servers``.

    Raises
    ------
    HubUnavailable
        If the hub does not tell, or a server runs an image that its options do not name by digest.
    """
    found: set[str] = set()
    url: str | None = f"{api_url.rstrip('/')}/users?state=active&limit=100&offset=0"
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        for _ in range(_PAGES):
            if url is None:
                return frozenset(found)
            items, url = await _page(session, url, token)
            found.update(_digests(items))
    raise HubUnavailable("The hub's list of users does not end.")


async def _page(session: aiohttp.ClientSession, url: str, token: str) -> tuple[list[Any], str | None]:
    headers = {"Authorization": f"token {token}", "Accept": _PAGINATED}
    try:
        async with session.get(url, headers=headers, allow_redirects=False) as answer:
            if answer.status != 200:  # noqa: PLR2004 - the status that carries users
                raise HubUnavailable(
                    f"The hub answered {answer.status} to the question which servers run.",
                    hint="The token needs the scopes list:users, read:users and read:servers.",
                )
            document = json.loads(await answer.content.read(_PAGE_LIMIT))
            following = document["_pagination"]["next"]
            return list(document["items"]), following["url"] if following else None
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise HubUnavailable(f"The hub cannot be asked which servers run: {error}.", hint="Is it up?") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise HubUnavailable(
            "The hub's list of users cannot be understood.", hint="Is it JupyterHub 4 or newer?"
        ) from error


def _digests(items: list[Any]) -> Iterator[str]:
    for user in items:
        servers = user.get("servers") if isinstance(user, dict) else None
        if not isinstance(servers, dict):
            raise HubUnavailable("The hub does not tell which servers run.", hint="The token needs read:servers.")
        for server in servers.values():
            yield _digest(user.get("name"), server)


def _digest(user: object, server: object) -> str:
    options = server.get("user_options") if isinstance(server, dict) else None
    image = options.get("image") if isinstance(options, dict) else None
    found = _DIGEST.findall(image) if isinstance(image, str) else []
    if len(found) != 1:
        raise HubUnavailable(
            f"A server of {user!r} runs an image that its options do not name by digest.",
            hint="Give --in-use a file, such as the output of `kubectl get pods --all-namespaces -o json`.",
        )
    return found[0]
