"""A small read-only registry: serves one OCI image layout by the distribution protocol, on the standard library alone.

``python layout_registry.py LAYOUT REPOSITORY HOST:PORT``
"""

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

_REFERENCE_NAME = "org.opencontainers.image.ref.name"
_PAGE = 1000


class Layout:
    """The tags and blobs of one OCI image layout."""

    def __init__(self, folder: Path) -> None:
        self.blobs = folder / "blobs/sha256"
        index = json.loads((folder / "index.json").read_text())
        self.tags = {entry["annotations"][_REFERENCE_NAME]: entry["digest"] for entry in index["manifests"]}
        self.media_types = {entry["digest"]: entry["mediaType"] for entry in index["manifests"]}

    def content(self, digest: str) -> bytes | None:
        """Return the blob's bytes, or None where the layout does not hold it."""
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest, re.ASCII):
            return None
        path = self.blobs / digest.removeprefix("sha256:")
        return path.read_bytes() if path.is_file() else None


class Handler(BaseHTTPRequestHandler):
    """Answers requests for one repository of one layout."""

    protocol_version = "HTTP/1.1"
    layout: Layout
    repository: str

    def do_GET(self) -> None:
        self._answer_request()

    def do_HEAD(self) -> None:
        self._answer_request()

    def _answer_request(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/v2/":
            return self._json(200, {})
        prefix = f"/v2/{self.repository}/"
        if not url.path.startswith(prefix):
            return self._error("NAME_UNKNOWN", "repository name not known to registry")
        kind, _, rest = url.path.removeprefix(prefix).partition("/")
        if kind == "tags" and rest == "list" and self.command == "GET":
            return self._tags(parse_qs(url.query))
        if kind == "manifests":
            return self._manifest(rest)
        if kind == "blobs" and (content := self.layout.content(rest)) is not None:
            return self._send(200, content, "application/octet-stream", rest)
        return self._error("BLOB_UNKNOWN", "blob unknown to registry")

    def _tags(self, query: dict[str, list[str]]) -> None:
        names = sorted(self.layout.tags)
        last = query.get("last", [""])[0]
        asked = query.get("n", [str(_PAGE)])[0]
        if not asked.isascii() or not asked.isdigit():
            return self._json(400, {"errors": [{"code": "PAGINATION_NUMBER_INVALID", "message": "invalid number"}]})
        following = [name for name in names if name > last]
        page = following[: int(asked)]
        link = ""
        if page and len(page) < len(following):
            link = f'</v2/{self.repository}/tags/list?n={asked}&last={page[-1]}>; rel="next"'
        return self._json(200, {"name": self.repository, "tags": page}, link=link)

    def _manifest(self, reference: str) -> None:
        digest = self.layout.tags.get(reference, reference)
        content = self.layout.content(digest) if digest in self.layout.media_types else None
        if content is None:
            return self._error("MANIFEST_UNKNOWN", "manifest unknown")
        return self._send(200, content, self.layout.media_types[digest], digest)

    def _error(self, code: str, message: str) -> None:
        self._json(404, {"errors": [{"code": code, "message": message}]})

    def _json(self, status: int, document: object, *, link: str = "") -> None:
        self._send(status, json.dumps(document).encode(), "application/json; charset=utf-8", "", link)

    def _send(self, status: int, content: bytes, media_type: str, digest: str = "", link: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        if digest:
            self.send_header("Docker-Content-Digest", digest)
        if link:
            self.send_header("Link", link)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing for each request."""


def serve(layout: Path, repository: str, host: str, port: int) -> None:
    """Serve the layout at `layout` until the process ends."""
    handler = type("LayoutHandler", (Handler,), {"layout": Layout(layout), "repository": repository})
    with ThreadingHTTPServer((host, port), handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    name, _, number = sys.argv[3].rpartition(":")
    serve(Path(sys.argv[1]), sys.argv[2], name, int(number))
