"""Names of the distribution protocol: hosts, repositories, tags, digests, platforms. Pure."""

import hashlib
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from strata_hub.errors import ConfigurationError, RegistryNotFound, RegistryProtocolError

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{{1,5}})?", re.ASCII)

# Distribution specification 1.1.1, "Pulling manifests": the grammar of <name> and of <reference> as a tag.
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_PART}(?:/{_PART})*", re.ASCII)
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", re.ASCII)
# The two registered algorithms of the image specification's descriptor.
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}", re.ASCII)
_HASHES = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9]+)?", re.ASCII)

MAX_HOST = 260
MAX_NAME = 255
MAX_PORT = 65535


def is_tag(text: object) -> bool:
    """Tell whether `text` is a tag by the protocol's grammar."""
    return isinstance(text, str) and _TAG.fullmatch(text) is not None


def valid_tags(entries: Iterable[object]) -> list[str]:
    """Return those of `entries` that are tags, in their order; lists are long, and are read every few seconds."""
    matches = _TAG.fullmatch
    return [entry for entry in entries if isinstance(entry, str) and matches(entry)]


def is_digest(text: object) -> bool:
    """Tell whether `text` is a SHA-256 or SHA-512 digest."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def checked_host(host: str) -> str:
    """Return `host`, a name or address with an optional port, in lower case.

    Raises
    ------
    ConfigurationError
        If it is anything else, such as a URL or a name with user information.
    """
    lowered = host.lower()
    port = lowered.rpartition(":")[2] if not lowered.endswith("]") and ":" in lowered else ""
    if len(host) > MAX_HOST or not _HOST.fullmatch(host) or (port and not 0 < int(port) <= MAX_PORT):
        raise ConfigurationError(
            f"{host[:MAX_HOST]!r} is not the host of a registry.",
            hint="Write a name and, if needed, a port, such as registry.example.org:5000.",
        )
    return lowered


def checked_name(name: str) -> str:
    """Return `name`, the name of a repository within its registry.

    Raises
    ------
    ConfigurationError
        If it does not follow the protocol's grammar.
    """
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name[:MAX_NAME]!r} is not the name of a repository.",
            hint="Write it without the registry's host, in lower case, such as lab/science.",
        )
    return name


def checked_reference(reference: str) -> str:
    """Return `reference`, a tag or a digest.

    Raises
    ------
    RegistryNotFound
        If it is neither: no registry can hold it.
    """
    if not is_tag(reference) and not is_digest(reference):
        raise RegistryNotFound(f"{reference[:140]!r} is neither a tag nor a digest.")
    return reference


def digest_of(body: bytes, algorithm: str = "sha256") -> str:
    """Return the digest of `body`."""
    return f"{algorithm}:{_HASHES[algorithm](body).hexdigest()}"


def verify(body: bytes, digest: str, what: str) -> None:
    """Check `body` against its `digest`.

    Raises
    ------
    RegistryProtocolError
        If they do not belong together; `what` names the body in the message.
    """
    if digest_of(body, digest.partition(":")[0]) != digest:
        raise RegistryProtocolError(
            f"The registry's answer for {what} does not have the digest that names it.",
            hint="Something between here and the registry changes answers, or its storage is damaged.",
        )


def is_loopback(host: str) -> bool:
    """Tell whether `host`, with or without a port, names this machine by itself, without asking a resolver."""
    bare = host[1 : host.index("]")] if host.startswith("[") else host.partition(":")[0]
    if bare == "localhost" or bare.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Platform:
    """What an image runs on."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> "Platform":
        """Read ``os/architecture[/variant]``.

        Raises
        ------
        ValueError
            If `text` has another form.
        """
        if not _PLATFORM.fullmatch(text):
            raise ValueError(f"{text[:80]!r} is not a platform such as linux/amd64")
        return cls(*text.split("/"))

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    def accepts(self, other: "Platform") -> bool:
        """Tell whether an image for `other` runs here; a part that one side leaves open fits."""
        pairs = ((self.os, other.os), (self.architecture, other.architecture), (self.variant, other.variant))
        return all(not mine or not theirs or mine == theirs for mine, theirs in pairs)
