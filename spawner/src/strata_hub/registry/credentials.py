"""Where the credentials of a registry come from."""

import base64
import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, model_validator

from strata_hub.errors import ConfigurationError

MAX_FILE = 1 << 20
_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})


@dataclass(frozen=True)
class Credentials:
    """A name and its secret; neither is ever shown."""

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    """A refresh token, exchanged for access tokens by OAuth 2; used instead of the password where it is set."""

    def __str__(self) -> str:
        return "Credentials()"

    def basic(self) -> str:
        """Return the value of an ``Authorization`` header for HTTP Basic authentication."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()

    @classmethod
    def from_environment(cls, username: str, password: str, environ: Mapping[str, str] | None = None) -> Self:
        """Read the variables that are *named* `username` and `password`.

        Raises
        ------
        ConfigurationError
            If one is missing or empty.
        """
        values = os.environ if environ is None else environ
        missing = [variable for variable in (username, password) if not values.get(variable)]
        if missing:
            raise ConfigurationError(
                f"The environment variable {missing[0]} is missing or empty.",
                hint="It should hold a registry's credentials; check the secret that the pod's environment names.",
            )
        return cls(values[username], values[password])

    @classmethod
    def from_dockerconfig(cls, path: Path, host: str) -> Self | None:
        """Read the credentials for `host` from a ``.dockerconfigjson`` or ``config.json``.

        Returns
        -------
        Credentials or None
            None if the file names other hosts only.

        Raises
        ------
        ConfigurationError
            If the file cannot be read or understood, or leaves the host to a credential helper.
        """
        document = _read(path)
        auths = document.get("auths", {})
        if not isinstance(auths, dict):
            raise _malformed(path, "auths is not an object")
        wanted = _HUB if host in _HUB else frozenset({host})
        for key, entry in auths.items():
            if _host_of(key) in wanted:
                return cls._from_entry(path, entry)
        helpers = document.get("credHelpers")
        if isinstance(helpers, dict) and wanted & helpers.keys():
            raise ConfigurationError(
                f"{path} leaves {host} to a credential helper, and none is ever run.",
                hint="Write a robot account's name and password into auths.",
            )
        return None

    @classmethod
    def _from_entry(cls, path: Path, entry: object) -> Self:
        if not isinstance(entry, dict) or not all(isinstance(value, str) for value in entry.values()):
            raise _malformed(path, "an entry of auths is not an object of strings")
        username, password = entry.get("username", ""), entry.get("password", "")
        if entry.get("auth"):
            try:
                decoded = base64.b64decode(entry["auth"], validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                raise _malformed(path, "auth is not base64 of UTF-8") from None
            username, colon, password = decoded.rstrip("\0").partition(":")
            if not colon:
                raise _malformed(path, "auth is not name:password")
        token = entry.get("identitytoken", "")
        if not token and not (username and password):
            raise _malformed(path, "an entry has neither name and password nor an identity token")
        return cls(username, password, token)


class CredentialSource(BaseModel):
    """Where a deployment keeps the credentials of one registry: a file, or two environment variables."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dockerconfig: Path | None = None
    """A mounted ``.dockerconfigjson``."""
    username_variable: str = ""
    password_variable: str = ""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.username_variable) != bool(self.password_variable):
            raise ValueError("username_variable and password_variable belong together")
        if (self.dockerconfig is None) != bool(self.username_variable):
            raise ValueError("credentials come from dockerconfig or from two variables")
        return self

    def load(self, host: str, environ: Mapping[str, str] | None = None) -> Credentials:
        """Return the credentials for `host`.

        Raises
        ------
        ConfigurationError
            If they are not there: a registry that should be asked with credentials is never asked without.
        """
        if self.dockerconfig is None:
            return Credentials.from_environment(self.username_variable, self.password_variable, environ)
        found = Credentials.from_dockerconfig(self.dockerconfig, host)
        if found is None:
            raise ConfigurationError(
                f"{self.dockerconfig} has no entry for {host}.", hint="Its auths must name exactly this host."
            )
        return found


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigurationError(
            f"The credentials file {path} cannot be read: {error.strerror}.", hint="Check the secret's mount."
        ) from None
    if len(text) > MAX_FILE:
        raise _malformed(path, "it is larger than 1 MiB")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise _malformed(path, "it is not JSON") from None
    if not isinstance(document, dict):
        raise _malformed(path, "it is not an object")
    return document


def _malformed(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The credentials file {path} is malformed: {why}.",
        hint="It should look like the .dockerconfigjson of a Kubernetes pull secret.",
    )


def _host_of(key: str) -> str:
    """Return the host that a key of ``auths`` means, or the key itself where it means part of a host."""
    bare = key.partition("://")[2] or key
    host, _, path = bare.partition("/")
    return host.lower() if path.strip("/") in {"", "v1", "v2"} else bare
