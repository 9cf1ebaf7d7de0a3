"""An OCI image layout on disk, and its way into a registry through the distribution protocol."""

import http.client
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from .images import Blob, Built

REFERENCE_NAME = "org.opencontainers.image.ref.name"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
_CREATED, _EXISTS = 201, 200


def write_layout(images: Iterable[Built], folder: Path) -> int:
    """Write `images` as an OCI image layout and return the number of tags; its ``index.json`` comes last."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    manifests = []
    for image in images:
        for blob in (*image.blobs, image.manifest):
            path = blobs / blob.digest.removeprefix("sha256:")
            if not path.exists():
                path.write_bytes(blob.content)
        manifests += [{**image.manifest.descriptor(), "annotations": {REFERENCE_NAME: tag}} for tag in image.tags]
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests}
    unfinished = folder / "index.json.new"
    unfinished.write_text(json.dumps(index))
    unfinished.replace(folder / "index.json")
    return len(manifests)


def read_layout(folder: Path) -> Iterator[tuple[str, Blob]]:
    """Yield each tag of the layout with its manifest."""
    index = json.loads((folder / "index.json").read_text())
    for entry in index["manifests"]:
        yield entry["annotations"][REFERENCE_NAME], Blob(entry["mediaType"], _content(folder, entry["digest"]))


def push_layout(folder: Path, registry: str, repository: str, *, workers: int = 4) -> None:
    """Push every image of the layout at `folder` to ``registry/repository``.

    Raises
    ------
    OSError
        If the registry does not take one of them; what was pushed stays, and a second push completes it.
    """
    tags: dict[str, list[str]] = {}
    manifests: dict[str, Blob] = {}
    for tag, manifest in read_layout(folder):
        tags.setdefault(manifest.digest, []).append(tag)
        manifests[manifest.digest] = manifest
    wanted: dict[str, None] = {}
    for manifest in manifests.values():
        document = json.loads(manifest.content)
        for descriptor in (document["config"], *document["layers"]):
            wanted[descriptor["digest"]] = None
    pieces = [(digest, f"/v2/{repository}/blobs") for digest in wanted]

    def blobs(share: list[tuple[str, str]]) -> None:
        with closing(http.client.HTTPConnection(registry)) as connection:
            for digest, path in share:
                _push_blob(connection, path, digest, _content(folder, digest))

    def manifest_tags(share: list[str]) -> None:
        with closing(http.client.HTTPConnection(registry)) as connection:
            for digest in share:
                for tag in tags[digest]:
                    _put(connection, f"/v2/{repository}/manifests/{tag}", manifests[digest])

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(blobs, [pieces[start::workers] for start in range(workers)]))
        names = list(manifests)
        list(pool.map(manifest_tags, [names[start::workers] for start in range(workers)]))


def _push_blob(connection: http.client.HTTPConnection, path: str, digest: str, content: bytes) -> None:
    if _ask(connection, "HEAD", f"{path}/{digest}")[0] == _EXISTS:
        return
    _, headers = _ask(connection, "POST", f"{path}/uploads/")
    place = urlsplit(headers["Location"])
    query = f"{place.query}&" if place.query else ""
    status, _ = _ask(connection, "PUT", f"{place.path}?{query}digest={digest}", content, "application/octet-stream")
    if status != _CREATED:
        raise OSError(f"The registry answered {status} to the blob {digest}.")


def _put(connection: http.client.HTTPConnection, path: str, manifest: Blob) -> None:
    status, _ = _ask(connection, "PUT", path, manifest.content, manifest.media_type)
    if status != _CREATED:
        raise OSError(f"The registry answered {status} to PUT {path}.")


def _ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None, content_type: str = ""
) -> tuple[int, http.client.HTTPMessage]:
    headers = {"Content-Type": content_type} if content_type else {}
    connection.request(method, path, body=body, headers={**headers, "Content-Length": str(len(body or b""))})
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.headers


def _content(folder: Path, digest: str) -> bytes:
    return (folder / "blobs/sha256" / digest.removeprefix("sha256:")).read_bytes()
