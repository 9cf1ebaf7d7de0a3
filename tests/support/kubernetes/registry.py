"""Debian's docker-registry on loopback, and small images made for it."""

import json
import socket
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from .process import NotReady, Server

ATTEMPTS = 5
BUSYBOX = Path("/bin/busybox")
SLEEP_FOREVER = ("/bin/busybox", "sleep", "2147483647")


class Registry:
    """A running registry.

    Parameters
    ----------
    host
        Address and port, as images are named by.
    folder
        Where images are stored and built.
    """

    def __init__(self, host: str, folder: Path) -> None:
        self.host, self.folder = host, folder

    @classmethod
    @contextmanager
    def running(cls, folder: Path) -> Iterator["Registry"]:
        """Run a registry for a block."""
        folder.mkdir(parents=True, exist_ok=True)
        server, host = _started(folder)
        try:
            yield cls(host, folder)
        finally:
            server.stop(kill=True)

    def push_sandbox(self) -> None:
        """Push the image that holds the namespaces of each pod."""
        self.push_busybox("pause:1", SLEEP_FOREVER)

    def push_busybox(self, name: str, command: Sequence[str], labels: Mapping[str, str] | None = None) -> str:
        """Push an image of nothing but busybox that runs `command`, and return its digest."""
        context = self.folder / "busybox"
        context.mkdir(exist_ok=True)
        (context / "busybox").write_bytes(BUSYBOX.read_bytes())
        (context / "busybox").chmod(0o755)
        lines = ["FROM scratch", "COPY busybox /bin/busybox", f"CMD {json.dumps(list(command))}"]
        lines += [f"LABEL {key}={json.dumps(value)}" for key, value in (labels or {}).items()]
        containerfile = context / "Containerfile"
        containerfile.write_text("\n".join(lines) + "\n", "utf-8")
        return self.build_and_push(name, containerfile, context)

    def build_and_push(self, name: str, containerfile: Path, context: Path) -> str:
        """Build an image from nothing but `context`, push it, and return its digest."""
        reference = f"{self.host}/{name}"
        storage = self._storage()
        build = ["build", "--isolation", "chroot", "--pull-never", "--file", str(containerfile), "--tag", reference]
        _run(["buildah", *storage, *build, str(context)])
        return self._push(reference, storage)

    def _push(self, reference: str, storage: Sequence[str]) -> str:
        digest = self.folder / "digest"
        _run(["buildah", *storage, "push", "--tls-verify=false", "--digestfile", str(digest), reference])
        return digest.read_text("ascii").strip()

    def _storage(self) -> list[str]:
        return ["--storage-driver", "vfs", "--root", str(self.folder / "b"), "--runroot", str(self.folder / "r")]


def _started(folder: Path) -> tuple[Server, str]:
    for attempt in range(1, ATTEMPTS + 1):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            host = f"127.0.0.1:{probe.getsockname()[1]}"
        config = {
            "version": 0.1,
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(folder / "blobs")}, "delete": {"enabled": True}},
            "http": {"addr": host},
        }
        (folder / "registry.yml").write_text(yaml.safe_dump(config), "utf-8")
        server = Server(["docker-registry", "serve", folder / "registry.yml"], folder / "registry.log")
        try:
            server.wait_until(lambda: _answers(f"http://{host}/v2/"))  # noqa: B023 - called before the next round
        except NotReady:
            server.stop(kill=True)
            # A port that was free a moment ago may be another's now.
            if attempt == ATTEMPTS or "address already in use" not in server.tail():
                raise
        else:
            return server, host
    raise AssertionError("the last attempt returns or raises")


def _answers(url: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
