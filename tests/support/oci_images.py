"""Images for tests: built in memory, written straight into docker-registry's storage, or pushed by the protocol."""

import hashlib
import json
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def digest_of(body: bytes) -> str:
    """Return the SHA-256 digest of `body`."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def dump(document: object) -> bytes:
    """Return `document` as compact JSON."""
    return json.dumps(document, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Built:
    """A manifest or an index, and everything that it needs."""

    manifest: bytes
    media_type: str
    blobs: Mapping[str, bytes] = field(default_factory=dict)
    """Config and layers by digest."""
    children: tuple["Built", ...] = ()

    @property
    def digest(self) -> str:
        """The manifest's digest."""
        return digest_of(self.manifest)

    @property
    def document(self) -> Any:
        """The manifest, parsed."""
        return json.loads(self.manifest)

    @property
    def config(self) -> bytes:
        """The config blob."""
        return self.blobs[self.document["config"]["digest"]]


def image(  # an image has this many properties
    *,
    labels: Mapping[str, Any] | None = None,
    annotations: Mapping[str, Any] | None = None,
    created: str | None = "2026-05-29T03:04:05.678901234Z",
    platform: str = "linux/amd64",
    layers: Sequence[bytes] = (b"layer",),
    docker: bool = False,
    history: int = 0,
    config_type: str = "",
    extra: Mapping[str, Any] | None = None,
) -> Built:
    """Return an image.

    Parameters
    ----------
    docker
        Use Docker's media types (schema 2) instead of OCI's.
    history
        Entries of history in the config blob, 150 bytes each.
    extra
        Further keys of the manifest.
    """
    os, architecture, *variant = platform.split("/")
    config: dict[str, Any] = {
        "architecture": architecture,
        "os": os,
        **({"variant": variant[0]} if variant else {}),
        **({"created": created} if created is not None else {}),
        "config": {"Env": ["PATH=/usr/bin"], "Labels": dict(labels) if labels is not None else None},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]},
        "history": [{"created": created, "created_by": f"RUN step {step} " + "x" * 90} for step in range(history)],
    }
    body = dump(config)
    media_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
    layer_type = DOCKER_LAYER if docker else OCI_LAYER
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": {
            "mediaType": config_type or (DOCKER_CONFIG if docker else OCI_CONFIG),
            "digest": digest_of(body),
            "size": len(body),
        },
        "layers": [{"mediaType": layer_type, "digest": digest_of(each), "size": len(each)} for each in layers],
        **({"annotations": dict(annotations)} if annotations is not None else {}),
        **(extra or {}),
    }
    blobs = {digest_of(body): body, **{digest_of(layer): layer for layer in layers}}
    return Built(dump(manifest), media_type, blobs)


def index(
    *images: tuple[str, Built],
    annotations: Mapping[str, str] | None = None,
    docker: bool = False,
    attestation: bool = False,
) -> Built:
    """Return an index of images, each with its ``os/architecture[/variant]``."""
    entries: list[dict[str, Any]] = []
    for platform, built in images:
        os, architecture, *variant = platform.split("/")
        entries.append(
            {
                "mediaType": built.media_type,
                "digest": built.digest,
                "size": len(built.manifest),
                "platform": {"os": os, "architecture": architecture, **({"variant": variant[0]} if variant else {})},
            }
        )
    children = [built for _, built in images]
    if attestation:
        proof = image(created=None, layers=(b"provenance",))
        entry = {"mediaType": proof.media_type, "digest": proof.digest, "size": len(proof.manifest)}
        entry["platform"] = {"architecture": "unknown", "os": "unknown"}
        entry["annotations"] = {"vnd.docker.reference.type": "attestation-manifest"}
        entries.insert(0, entry)
        children.append(proof)
    media_type = DOCKER_LIST if docker else OCI_INDEX
    document = {"schemaVersion": 2, "mediaType": media_type, "manifests": entries}
    if annotations is not None:
        document["annotations"] = dict(annotations)
    return Built(dump(document), media_type, children=tuple(children))


def lab_image(tag: str, *, history: int = 0, created: str = "2026-05-29T03:04:05Z", **labels: str) -> Built:
    """Return an image such as a deployment has: its own config, one shared layer, the standard labels."""
    standard = {
        "org.opencontainers.image.title": "Science platform lab",
        "org.opencontainers.image.version": tag,
        "org.opencontainers.image.created": created,
        "org.opencontainers.image.source": "https://github.com/example/lab",
        **labels,
    }
    return image(labels=standard, created=created, history=history)


def write(storage: Path, name: str, tags: Mapping[str, Built]) -> None:
    """Write images into the folder of a docker-registry's filesystem storage: thousands a second, no server needed.

    A running server sees them at once, unless it was asked for the same digest before.
    """
    for tag, built in tags.items():
        _write_manifest(storage, name, built)
        folder = storage / "docker/registry/v2/repositories" / name / "_manifests/tags" / tag
        _link(folder / "current", built.digest)
        _link(folder / "index" / built.digest.replace(":", "/"), built.digest)


def _write_manifest(storage: Path, name: str, built: Built) -> None:
    for child in built.children:
        _write_manifest(storage, name, child)
    repository = storage / "docker/registry/v2/repositories" / name
    _blob(storage, built.digest, built.manifest)
    _link(repository / "_manifests/revisions" / built.digest.replace(":", "/"), built.digest)
    for digest, body in built.blobs.items():
        _blob(storage, digest, body)
        _link(repository / "_layers" / digest.replace(":", "/"), digest)


def _blob(storage: Path, digest: str, body: bytes) -> None:
    algorithm, _, hexadecimal = digest.partition(":")
    folder = storage / "docker/registry/v2/blobs" / algorithm / hexadecimal[:2] / hexadecimal
    if not folder.exists():
        folder.mkdir(parents=True)
        (folder / "data").write_bytes(body)


def _link(folder: Path, digest: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "link").write_text(digest)


def push(url: str, name: str, tag: str, built: Built, headers: Mapping[str, str] | None = None) -> None:
    """Push an image through the protocol.

    Parameters
    ----------
    url
        The registry, such as ``http://127.0.0.1:5000``.
    headers
        Sent with every request, for authentication.
    """
    for child in built.children:
        push(url, name, child.digest, child, headers)
    for digest, body in built.blobs.items():
        upload = _send("POST", f"{url}/v2/{name}/blobs/uploads/", b"", headers)
        location = upload.headers["Location"]
        location = location if "://" in location else url + location
        mark = "&" if "?" in location else "?"
        octets = {"Content-Type": "application/octet-stream", **(headers or {})}
        _send("PUT", f"{location}{mark}digest={digest}", body, octets)
    typed = {"Content-Type": built.media_type, **(headers or {})}
    _send("PUT", f"{url}/v2/{name}/manifests/{tag}", built.manifest, typed)


def _send(method: str, url: str, body: bytes, headers: Mapping[str, str] | None) -> Any:
    request = urllib.request.Request(url, data=body, method=method, headers=dict(headers or {}))
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()
        return answer
