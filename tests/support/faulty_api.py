"""A proxy in front of an API server that can do what networks and overloaded servers do to a client.

It ends TLS on both sides, so that single requests can be counted, refused, delayed or robbed of their answers, while
connections can be refused, cut, or left open without a word.
"""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .kubernetes.control_plane import ControlPlane
from .kubernetes.process import ReservedPort

HEAD_LIMIT = 1 << 20
CHUNK = 1 << 16


@dataclass(frozen=True)
class Request:
    """One request that a client made."""

    method: str
    path: str
    """With its query."""

    def matches(self, method: str, part: str) -> bool:
        """Tell whether the method is `method` and the path holds `part`; watches count as method ``WATCH``."""
        watch = "watch=True" in self.path or "watch=true" in self.path
        return ("WATCH" if watch else self.method) == method and part in self.path


@dataclass
class Rule:
    """What happens to the next `times` requests that fit."""

    method: str
    part: str
    times: int
    status: int = 0
    """Answer with this status instead of asking the server; 0: ask it."""
    headers: str = ""
    """Further header lines of that answer, each ended by CR LF."""
    lose_answer: bool = False
    """Let the server do it, then cut the connection instead of passing its answer on."""
    delay: float = 0.0
    """Seconds before the server is asked."""


@dataclass(eq=False)
class _Link:
    """One connection of a client and the one to the server that belongs to it."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter | None = None
    stalled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set: no byte passes any more, in either direction."""
    lose_answer: bool = False


class FaultyApi:
    """The proxy; start it in the event loop of the test and close it there.

    Parameters
    ----------
    plane
        The control plane behind it, whose certificate it shows.
    """

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._reserved = ReservedPort()
        self._listener: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stalling = False
        self.rules: list[Rule] = []
        self.requests: list[Request] = []
        self.on_request: Callable[[Request], None] | None = None

    @property
    def url(self) -> str:
        """Where clients reach the API through it."""
        return f"https://127.0.0.1:{self._reserved.number}"

    async def start(self) -> None:
        """Listen, on the same port each time."""
        trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        trust.load_cert_chain(self._plane.certificate, self._plane.key)
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(("127.0.0.1", self._reserved.number))
        self._listener = await asyncio.start_server(self._accept, sock=listening, ssl=trust, limit=HEAD_LIMIT)
        self._stalling = False

    async def close(self) -> None:
        """Close every socket, and wait until each is closed."""
        await self.refuse()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._reserved.release()

    async def refuse(self) -> None:
        """Refuse connections and cut those that there are, as an API server that went away."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        await self.cut()

    async def cut(self) -> None:
        """Reset every open connection; new ones are welcome."""
        for link in list(self._links):
            _abort(link.client)
            _abort(link.server)
        await asyncio.sleep(0)

    def stall(self) -> None:
        """Go silent: every connection of now stays open for ever without a byte, and so does each new one."""
        self._stalling = True
        self.go_half_open()

    def go_half_open(self) -> None:
        """Silence the connections of now for ever, as a firewall that forgot them; new ones work."""
        for link in self._links:
            link.stalled.set()

    def recover(self) -> None:
        """Serve new connections again; silenced ones stay silent."""
        self._stalling = False

    def count(self, method: str, part: str) -> int:
        """Return how many requests of this kind came."""
        return sum(request.matches(method, part) for request in self.requests)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(writer)
        self._links.add(link)
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        if self._stalling:
            link.stalled.set()
        try:
            await self._serve(link, reader)
        except (OSError, EOFError, ssl.SSLError, asyncio.CancelledError):
            # Either end may go at any moment; that is what this proxy is for.
            pass
        finally:
            self._links.discard(link)
            self._tasks.discard(task)
            _abort(link.client)
            _abort(link.server)

    async def _serve(self, link: _Link, reader: asyncio.StreamReader) -> None:
        await _silence_if(link)
        trust = ssl.create_default_context(cafile=self._plane.authority.certificate)
        target = urlsplit(self._plane.url)
        answers, link.server = await asyncio.open_connection(target.hostname, target.port, ssl=trust, limit=HEAD_LIMIT)
        pump = asyncio.create_task(self._pass_answers(link, answers))
        self._tasks.add(pump)
        pump.add_done_callback(self._tasks.discard)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(_length(head))
                await _silence_if(link)
                if await self._refused(link, head):
                    continue
                link.server.write(head + body)
                await link.server.drain()
        finally:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)

    async def _refused(self, link: _Link, head: bytes) -> bool:
        method, path, _ = head.split(b"\r\n", 1)[0].decode("ascii").split(" ", 2)
        request = Request(method, path)
        self.requests.append(request)
        if self.on_request is not None:
            self.on_request(request)
        rule = next((rule for rule in self.rules if rule.times > 0 and request.matches(rule.method, rule.part)), None)
        if rule is None:
            return False
        rule.times -= 1
        await asyncio.sleep(rule.delay)
        link.lose_answer = rule.lose_answer
        if not rule.status:
            return False
        body = b'{"kind":"Status","apiVersion":"v1","status":"Failure","message":"injected","code":%d}' % rule.status
        lines = f"HTTP/1.1 {rule.status} Injected\r\nContent-Type: application/json\r\n{rule.headers}"
        link.client.write(f"{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await link.client.drain()
        return True

    async def _pass_answers(self, link: _Link, answers: asyncio.StreamReader) -> None:
        with suppress(OSError, ssl.SSLError):
            while data := await answers.read(CHUNK):
                await _silence_if(link)
                if link.lose_answer:
                    break
                link.client.write(data)
                await link.client.drain()
        _abort(link.client)


async def _silence_if(link: _Link) -> None:
    if link.stalled.is_set():
        await asyncio.Event().wait()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


def _abort(writer: asyncio.StreamWriter | None) -> None:
    if writer is not None and writer.transport is not None:
        writer.transport.abort()


class FaultyApiThread:
    """The proxy in an event loop of its own, for tests that do not run in one.

    Parameters
    ----------
    plane
        The control plane behind it.
    """

    def __init__(self, plane: ControlPlane) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.proxy = FaultyApi(plane)
        self.run(self.proxy.start())

    def run(self, step: Coroutine[object, object, None]) -> None:
        """Run one of the proxy's coroutines."""
        asyncio.run_coroutine_threadsafe(step, self._loop).result(60)

    def close(self) -> None:
        """Close every socket, and end the loop."""
        self.run(self.proxy.close())
        self.run(_drain())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _drain() -> None:
    """Let transports that were aborted tell their protocols so."""
    for _ in range(10):
        await asyncio.sleep(0.01)
