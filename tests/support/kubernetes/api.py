"""What a test asks the API server directly, as an admin, to see what is really there."""

from __future__ import annotations

import base64
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import yaml

from .process import until

if TYPE_CHECKING:
    from collections.abc import Iterator

Document = dict[str, Any]
MISSING = 404
CONFLICT = 409


class Api:
    """The API server that a kubeconfig names, with JSON documents as plain dictionaries.

    Parameters
    ----------
    kubeconfig
        The file; its current context is used.
    """

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        config = yaml.safe_load(kubeconfig.read_text("utf-8"))
        context = _named(config, "contexts", config["current-context"])["context"]
        cluster = _named(config, "clusters", context["cluster"])["cluster"]
        user = _named(config, "users", context["user"])["user"]
        self.url: str = cluster["server"]
        trust = ssl.create_default_context(cafile=str(_file(cluster, "certificate-authority", kubeconfig)))
        if "client-certificate" in user or "client-certificate-data" in user:
            trust.load_cert_chain(
                _file(user, "client-certificate", kubeconfig), _file(user, "client-key", kubeconfig)
            )  # fmt: skip
        headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        self._client = httpx.Client(base_url=self.url, verify=trust, headers=headers, timeout=60, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def call(self, method: str, path: str, body: object = None, *, patch: bool = False) -> Document:
        """Return the server's answer.

        Raises
        ------
        httpx.HTTPStatusError
            If it refuses.
        """
        kind = "application/strategic-merge-patch+json" if patch else "application/json"
        response = self._client.request(method, path, json=body, headers={"Content-Type": kind})
        if response.is_error:
            message = f"{method} {path}: {response.status_code} {response.text}"
            raise httpx.HTTPStatusError(message, request=response.request, response=response)
        answer: Document = response.json()
        return answer

    def find(self, path: str) -> Document | None:
        """Return an object, or None if there is none."""
        try:
            return self.call("GET", path)
        except httpx.HTTPStatusError as error:
            if error.response.status_code == MISSING:
                return None
            raise

    def create(self, path: str, body: Document) -> None:
        """Create an object, unless it is there."""
        try:
            self.call("POST", path, body)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != CONFLICT:
                raise

    def items(self, path: str) -> list[Document]:
        """Return a list's objects."""
        found: list[Document] = self.call("GET", path)["items"]
        return found

    def pods(self, namespace: str) -> list[Document]:
        """Return the pods of a namespace."""
        return self.items(f"/api/v1/namespaces/{namespace}/pods")

    def namespace(self, name: str) -> str:
        """Create a namespace in which pods can be made, and return its name."""
        self.create("/api/v1/namespaces", {"metadata": {"name": name}})
        # Without a controller manager nobody else makes it, and without it no pod is admitted.
        self.create(f"/api/v1/namespaces/{name}/serviceaccounts", {"metadata": {"name": "default"}})
        until(lambda: self.find(f"/api/v1/namespaces/{name}/serviceaccounts/default"), "the default service account")
        return name


def write_kubeconfig(path: Path, server: str, authority: Path, *, token: str) -> Path:
    """Write a kubeconfig for one user who is known by a bearer token."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [{"name": "test", "cluster": {"server": server, "certificate-authority": str(authority)}}],
        "users": [{"name": "test", "user": {"token": token}}],
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config), "utf-8")
    return path


def _named(config: Document, kind: str, name: str) -> Document:
    return next(_matching(config, kind, name))


def _matching(config: Document, kind: str, name: str) -> Iterator[Document]:
    return (entry for entry in config[kind] if entry["name"] == name)


def _file(section: Document, key: str, kubeconfig: Path) -> Path:
    if key in section:
        return kubeconfig.parent / section[key]
    with tempfile.NamedTemporaryFile(delete=False, prefix="strata-kubeconfig-") as copy:
        copy.write(base64.b64decode(section[f"{key}-data"]))
        return Path(copy.name)
