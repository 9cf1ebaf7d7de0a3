"""A package index on 127.0.0.1 (PEP 503 and 691), which can also lie."""

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.wheels import Wheel

_JSON = "application/vnd.pypi.simple.v1+json"


@dataclass
class PackageIndex:
    """What an index serves, and what was asked of it.

    Attributes
    ----------
    claimed
        Hashes that the pages tell instead of the true ones, by file name.
    links
        Addresses that the pages tell instead of the true ones, by file name.
    asked
        Paths of all requests.
    """

    url: str = ""
    files: dict[str, Wheel] = field(default_factory=dict)
    claimed: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    without_hash: set[str] = field(default_factory=set)
    headers: dict[str, str] = field(default_factory=dict)
    down: bool = False
    asked: list[str] = field(default_factory=list)

    @property
    def simple(self) -> str:
        """The index's address."""
        return f"{self.url}/simple"

    def add(self, *wheels: Wheel) -> None:
        """Publish files."""
        self.files.update({wheel.filename: wheel for wheel in wheels})

    def page(self, project: str) -> dict[str, Any] | None:
        """Return the JSON page of a project."""
        rows = []
        for name, wheel in sorted(self.files.items()):
            if wheel.name == project:
                hashes = {} if name in self.without_hash else {"sha256": self.claimed.get(name, wheel.sha256)}
                address = self.links.get(name, f"{self.url}/files/{name}")
                rows.append({"filename": name, "url": address, "hashes": hashes, "size": len(wheel.data)})
        return {"meta": {"api-version": "1.0"}, "name": project, "files": rows} if rows else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    index: PackageIndex

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        index = self.index
        index.asked.append(self.path)
        kind, _, name = self.path.strip("/").partition("/")
        if index.down:
            self._send(503, b"down", "text/plain")
        elif kind == "simple" and (page := index.page(name)):
            self._send(200, json.dumps(page).encode(), _JSON)
        elif kind == "files" and name in index.files:
            self._file(index.files[name].data)
        else:
            self._send(404, b"not found", "text/plain")

    def _file(self, data: bytes) -> None:
        asked = self.headers.get("Range", "")
        if not asked.startswith("bytes="):
            self._send(200, data, "application/octet-stream")
            return
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start = int(first) if first else max(0, len(data) - int(last))
        end = min(int(last), len(data) - 1) if first and last else len(data) - 1
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{end}/{len(data)}")
        self._body(data[start : end + 1])

    def _send(self, status: int, data: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self._body(data)

    def _body(self, data: bytes) -> None:
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Accept-Ranges", "bytes")
        for name, value in self.index.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        return


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that were killed."""


@contextmanager
def package_index(wheels: Iterable[Wheel] = ()) -> Iterator[PackageIndex]:
    """Serve an index until the block ends."""
    index = PackageIndex()
    index.add(*wheels)
    handler = type("Handler", (_Handler,), {"index": index})
    server = _Server(("127.0.0.1", 0), handler)
    index.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
