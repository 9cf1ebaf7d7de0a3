"""What a registry may answer instead of the right thing: one function for each way."""

import asyncio
import gzip
import json
from typing import Any

from aiohttp import web

from .fault_registry import Responder, normal
from .oci_images import dump

__all__ = ["Responder", "normal"]


def status(code: int, body: bytes = b"", **headers: str) -> Responder:
    """Answer with a status; underscores in the names of headers become hyphens."""

    async def respond(_: web.Request, __: web.Response) -> web.StreamResponse:
        return web.Response(status=code, body=body, headers=_named(headers))

    return respond


def body(content: bytes, **headers: str) -> Responder:
    """Answer 200 with another body and the normal headers, but for those given."""

    async def respond(_: web.Request, usual: web.Response) -> web.StreamResponse:
        return web.Response(body=content, headers={**_copied(usual), **_named(headers)})

    return respond


def document(content: object, **headers: str) -> Responder:
    """Answer 200 with JSON."""
    return body(dump(content), **headers)


def page(tags: list[Any] | None, link: str = "") -> Responder:
    """Answer with a page of a tag list."""
    return document({"name": "lab/science", "tags": tags}, **({"Link": link} if link else {}))


def changed(*without: str, **headers: str) -> Responder:
    """Answer normally, without some headers and with others."""

    async def respond(_: web.Request, usual: web.Response) -> web.StreamResponse:
        gone = {name.lower() for name in without}
        kept = {key: value for key, value in _copied(usual).items() if key.lower() not in gone}
        answer = web.Response(status=usual.status, body=_body(usual), headers={**kept, **_named(headers)})
        if "content-type" in gone:
            answer.headers.popall("Content-Type", None)
        return answer

    return respond


def redirect(location: str, code: int = 307) -> Responder:
    """Lead elsewhere; ``{path}`` in the location is the path that was asked for."""

    async def respond(request: web.Request, _: web.Response) -> web.StreamResponse:
        return web.Response(status=code, headers={"Location": location.replace("{path}", request.raw_path)})

    return respond


def truncated(share: float = 0.5) -> Responder:
    """Announce the whole body, send part of it, and hang up."""

    async def respond(request: web.Request, usual: web.Response) -> web.StreamResponse:
        content = _body(usual)
        answer = web.StreamResponse(
            status=usual.status, headers={**_copied(usual), "Content-Length": str(len(content))}
        )
        await answer.prepare(request)
        await answer.write(content[: int(len(content) * share)])
        _abort(request)
        return answer

    return respond


def cut_chunked() -> Responder:
    """Send half of the body in chunks, and hang up before the last."""

    async def respond(request: web.Request, usual: web.Response) -> web.StreamResponse:
        answer = web.StreamResponse(headers=_copied(usual))
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        await answer.write(_body(usual)[: len(_body(usual)) // 2])
        _abort(request)
        return answer

    return respond


def reset() -> Responder:
    """Hang up without an answer."""

    async def respond(request: web.Request, usual: web.Response) -> web.StreamResponse:
        _abort(request)
        return usual

    return respond


def raw(content: bytes) -> Responder:
    """Send bytes that are perhaps no HTTP, and hang up."""

    async def respond(request: web.Request, usual: web.Response) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.write(content)
            request.transport.close()
        return usual

    return respond


def hang() -> Responder:
    """Never answer."""

    async def respond(request: web.Request, usual: web.Response) -> web.StreamResponse:
        await _left(request)
        return usual

    return respond


def drip() -> Responder:
    """Send the headers and then one byte of the body now and then, without an end."""

    async def respond(request: web.Request, usual: web.Response) -> web.StreamResponse:
        answer = web.StreamResponse(headers=_copied(usual))
        await answer.prepare(request)
        while _listens(request):
            await answer.write(b" ")
            await asyncio.sleep(0.02)
        return answer

    return respond


def endless(piece: bytes = b" " * 65536) -> Responder:
    """Send a body without an end, as fast as it is taken."""

    async def respond(request: web.Request, usual: web.Response) -> web.StreamResponse:
        answer = web.StreamResponse(headers=_copied(usual))
        await answer.prepare(request)
        while _listens(request):
            await answer.write(piece)
            await asyncio.sleep(0)
        return answer

    return respond


def announced(size: int) -> Responder:
    """Announce a body of `size` bytes, and send nothing of it."""

    async def respond(request: web.Request, usual: web.Response) -> web.StreamResponse:
        answer = web.StreamResponse(headers={**_copied(usual), "Content-Length": str(size)})
        await answer.prepare(request)
        await _left(request)
        return answer

    return respond


def gzip_bomb(size: int = 64 << 20) -> Responder:
    """Answer with a small body that decodes to `size` spaces."""
    return body(gzip.compress(b" " * size), Content_Encoding="gzip")


def deep_json(depth: int = 200_000) -> Responder:
    """Answer with lists in lists in lists."""
    return body(b'{"tags":' + b"[" * depth + b"]" * depth + b"}")


def long_number(digits: int = 100_000) -> Responder:
    """Answer with a number that some parsers take forever for."""
    return body(b'{"schemaVersion":' + b"9" * digits + b',"tags":[' + b"9" * digits + b"]}")


def html() -> Responder:
    """Answer 200 with a page for people, as proxies and some registries do with their errors."""
    return body(b"<html><body>Sign in</body></html>", Content_Type="text/html")


def challenge(value: str, code: int = 401) -> Responder:
    """Ask for authorization."""
    return status(code, json.dumps({"errors": [{"code": "UNAUTHORIZED"}]}).encode(), WWW_Authenticate=value)


def unless_authorized(header: str, value: str) -> Responder:
    """Answer normally with this ``Authorization``, and with a challenge without."""

    async def respond(request: web.Request, usual: web.Response) -> web.StreamResponse:
        if request.headers.get("Authorization") == header:
            return usual
        return await challenge(value)(request, usual)

    return respond


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def _copied(usual: web.Response) -> dict[str, str]:
    return {key: value for key, value in usual.headers.items() if key != "Content-Length"}


def _body(usual: web.Response) -> bytes:
    return usual.body if isinstance(usual.body, bytes) else b""


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _listens(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()


async def _left(request: web.Request) -> None:
    """Wait until the client hangs up."""
    while _listens(request):  # noqa: ASYNC110  the library tells nobody when a client leaves
        await asyncio.sleep(0.02)
