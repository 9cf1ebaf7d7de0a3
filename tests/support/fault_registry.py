"""A registry in the test's own process that answers as docker-registry 2.8.2 does, until a script says otherwise.

That its normal answers are docker-registry's is checked by ``tests/integration/registry/test_fault_registry.py``;
`fault_responses` has what to put into a script.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

from aiohttp import web

from .oci_images import OCI_INDEX, OCI_MANIFEST, Built, dump

Responder = Callable[[web.Request, web.Response], Awaitable[web.StreamResponse]]
"""Gets the request and the normal answer; returns the answer to send."""

_ROUTE = re.compile(r"/v2/(?P<name>.+)/(?:tags/(?P<list>list)|manifests/(?P<manifest>.+)|blobs/(?P<blob>.+))")
_OCI = {OCI_INDEX, OCI_MANIFEST}


async def normal(_: web.Request, answer: web.Response) -> web.StreamResponse:
    """Answer as if there were no script."""
    return answer


@dataclass
class Rule:
    """What is played for the requests that a pattern matches."""

    pattern: re.Pattern[str]
    responders: list[Responder]
    repeated: bool
    """Play the last for ever, instead of being normal after it."""

    def next(self) -> Responder | None:
        """Return what to play now."""
        if self.repeated and len(self.responders) == 1:
            return self.responders[0]
        return self.responders.pop(0) if self.responders else None


@dataclass(frozen=True)
class Seen:
    """A request that came."""

    method: str
    target: str
    """Path and query, as sent."""
    headers: Mapping[str, str]


class StillClock:
    """A clock for the client: time passes only while it is waited for, and a wait takes no time."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        """Return the seconds waited so far."""
        return self.seconds

    def now(self) -> datetime:
        """Return a date that the seconds move."""
        return datetime(2026, 11, 3, tzinfo=UTC) + timedelta(seconds=self.seconds)

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.waits.append(seconds)
        self.seconds += seconds

    def jitter(self, seconds: float) -> float:
        """Return the longest wait."""
        return seconds


@dataclass
class FaultRegistry:
    """The content of a registry, its script and its log."""

    content: dict[str, dict[str, Built]] = field(default_factory=dict)
    """Images by repository and tag."""
    host: str = ""
    seen: list[Seen] = field(default_factory=list)
    _rules: list[Rule] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{self.host}"

    def play(self, pattern: str, *responders: Responder, repeated: bool = False) -> None:
        """Play `responders`, one a request, for requests ``METHOD /path?query`` that `pattern` matches in full."""
        self._rules.append(Rule(re.compile(pattern, re.ASCII), list(responders), repeated))

    def count(self, pattern: str) -> int:
        """Return how many requests came that `pattern` matches in full."""
        return sum(re.fullmatch(pattern, f"{seen.method} {seen.target}") is not None for seen in self.seen)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a request by the script, or normally."""
        line = f"{request.method} {request.raw_path}"
        self.seen.append(Seen(request.method, request.raw_path, dict(request.headers)))
        usual = self._normal(request)
        for rule in self._rules:
            if rule.pattern.fullmatch(line):
                responder = rule.next()
                if responder is not None:
                    return await responder(request, usual)
        return usual

    def _normal(self, request: web.Request) -> web.Response:
        path = unquote(request.rel_url.raw_path)
        if path == "/v2/":
            return _answer(200, b"{}", "application/json; charset=utf-8")
        found = re.fullmatch(
            r"/v2/(?P<name>.+)/(?:tags/(?P<list>list)|manifests/(?P<manifest>.+)|blobs/(?P<blob>.+))", path
        )
        if found is None:
            return _answer(404, b"404 page not found\n", "text/plain; charset=utf-8")
        name, images = found["name"], self.content.get(found["name"], {})
        if found["list"]:
            return self._tags(name)
        if found["blob"]:
            return _blob(images, found["blob"])
        if request.method == "DELETE":
            return _delete(images, found["manifest"])
        return _manifest(name, images, found["manifest"], request.headers.get("Accept", ""))

    def _tags(self, name: str) -> web.Response:
        if name not in self.content:
            return error("NAME_UNKNOWN", "repository name not known to registry", {"name": name})
        body = dump({"name": name, "tags": list(self.content[name])}) + b"\n"
        return _answer(200, body, "application/json; charset=utf-8")


def error(code: str, message: str, detail: object = None, status: int = 404) -> web.Response:
    """Return an error in the protocol's form."""
    entry = {"code": code, "message": message, **({"detail": detail} if detail is not None else {})}
    return _answer(status, dump({"errors": [entry]}) + b"\n", "application/json; charset=utf-8")


def _answer(status: int, body: bytes, content_type: str = "", **headers: str) -> web.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    typed = {"Content-Type": content_type} if content_type else {}
    return web.Response(
        status=status, body=body, headers={**typed, "Docker-Distribution-Api-Version": "registry/2.0", **named}
    )


def _everything(images: Mapping[str, Built]) -> dict[str, Built]:
    found: dict[str, Built] = {}
    waiting = list(images.values())
    while waiting:
        built = waiting.pop()
        found[built.digest] = built
        waiting.extend(built.children)
    return found


def _blob(images: Mapping[str, Built], digest: str) -> web.Response:
    for built in _everything(images).values():
        if digest in built.blobs:
            return _answer(
                200,
                built.blobs[digest],
                "application/octet-stream",
                Accept_Ranges="bytes",
                Cache_Control="max-age=31536000",
                Docker_Content_Digest=digest,
                Etag=f'"{digest}"',
            )
    return error("BLOB_UNKNOWN", "blob unknown to registry", digest)


def _manifest(name: str, images: Mapping[str, Built], reference: str, accept: str) -> web.Response:
    built = _everything(images).get(reference) if ":" in reference else images.get(reference)
    if built is None:
        detail = {"Name": name, "Revision": reference} if ":" in reference else {"Tag": reference}
        return error("MANIFEST_UNKNOWN", "manifest unknown", detail)
    accepted = {part.strip() for part in accept.split(",")}
    if built.media_type in _OCI and built.media_type not in accepted:
        what = "OCI index" if built.media_type == OCI_INDEX else "OCI manifest"
        kind = "indexes" if built.media_type == OCI_INDEX else "manifests"
        return error("MANIFEST_UNKNOWN", f"{what} found, but accept header does not support OCI {kind}")
    digest = built.digest
    return _answer(200, built.manifest, built.media_type, Docker_Content_Digest=digest, Etag=f'"{digest}"')


def _delete(images: dict[str, Built], digest: str) -> web.Response:
    if ":" not in digest:
        return error("DIGEST_INVALID", "provided digest did not match uploaded content", status=400)
    gone = [tag for tag, built in images.items() if built.digest == digest]
    for tag in gone:
        del images[tag]
    return _answer(202, b"") if gone else error("MANIFEST_UNKNOWN", "manifest unknown")


@asynccontextmanager
async def running(content: Mapping[str, Mapping[str, Built]] | None = None) -> AsyncIterator[FaultRegistry]:
    """Run a registry that holds `content`, images by repository and tag."""
    registry = FaultRegistry({name: dict(images) for name, images in (content or {}).items()})

    async def handle(request: web.Request) -> web.StreamResponse:
        return await registry.answer(request)

    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        registry.host = f"127.0.0.1:{runner.addresses[0][1]}"
        yield registry
    finally:
        await runner.cleanup()
