"""What the rest of strata-hub asks of a registry."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from strata_hub.catalogue import ImageMetadata
from strata_hub.errors import (
    RegistryDenied,
    RegistryError,
    RegistryLimited,
    RegistryNotFound,
    RegistryProtocolError,
    RegistryUnavailable,
)

from .conversation import Conversation
from .credentials import Credentials
from .documents import ACCEPT, INDEXES, Manifest, parse_config, parse_manifest
from .images import Named, choose, describe, not_an_image, unrunnable
from .listing import Habits, Listing
from .names import (
    Platform,
    checked_host,
    checked_name,
    checked_reference,
    digest_of,
    is_digest,
    verify,
)
from .pacing import Clock
from .settings import RegistrySettings
from .transport import NOT_FOUND, OK, Answer, Transport, refusal

_NO_HEAD: Final = frozenset({NOT_FOUND, 405, 501})
"""Answers to HEAD after which GET is tried: Nexus answers 404 to the one and the manifest to the other."""
_ACCEPTED: Final = 202
_HOPELESS: Final = 10
"""Failures in a row, of the whole registry and not of one tag, after which the rest of many is not asked for."""
_WHOLE_REGISTRY: Final = (RegistryUnavailable, RegistryLimited, RegistryDenied)
_LIST_TYPE: Final = {"Accept": "application/json"}
_MANIFEST_TYPES: Final = {"Accept": ACCEPT}

# Docker Hub is named by one host, asked at another, and has its tokens from a third.
_HUB_NAMES: Final = frozenset({"docker.io", "index.docker.io"})
_HUB_HOST: Final = "registry-1.docker.io"
_HUB_REALM: Final = "auth.docker.io"


@dataclass(frozen=True)
class Examined:
    """What came of one reference."""

    reference: str
    digest: str | None
    """None where `error` is set."""
    metadata: ImageMetadata | None = None
    """None where `error` is set, or where only digests were asked for."""
    error: RegistryError | None = None


class RegistryClient:
    """One registry host, asked through the distribution protocol only.

    Use it as an asynchronous context manager; one client serves every repository of its host, so that the host's
    budget, its tokens and its connections are shared.

    Parameters
    ----------
    host
        Name or address of the registry, with a port where it is not the scheme's own.
    settings
        How to talk to it.
    credentials
        None: only what the registry gives to everybody.
    clock
        None: the time of this machine.
    """

    def __init__(
        self,
        host: str,
        settings: RegistrySettings | None = None,
        credentials: Credentials | None = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        self.host = checked_host(host)
        settings = settings or RegistrySettings()
        server = self.host
        if server in _HUB_NAMES:
            server = _HUB_HOST
            settings = settings.model_copy(update={"allowed_realms": (*settings.allowed_realms, _HUB_REALM)})
        self.settings = settings
        self._platform = Platform.parse(settings.platform)
        self._conversation = Conversation(server, settings, credentials, Transport(server, settings, clock))
        self._habits: dict[str, Habits] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._conversation.close()

    async def tags(self, name: str) -> list[str]:
        """Return every tag of the repository `name`, sorted as text.

        Raises
        ------
        RegistryError
            If any part of the list is missing: a list is complete or it is not returned.
        """
        limits = self.settings.limits
        base = f"{self._base(name)}/tags/list"
        listing = Listing(base, self.settings.page_size, limits, self._habit(name))
        while listing.url is not None:
            answer = await self._conversation.ask("GET", listing.url, limits.page_bytes, _LIST_TYPE, self._pull(name))
            if answer.status == OK:
                listing.page(answer.body, answer.headers.getall("Link", []))
            elif not listing.refused(answer.status):
                raise refusal(answer)
        return listing.tags

    async def head(self, name: str, reference: str) -> str:
        """Return the digest that `reference` names, as the registry claims it: good for "has it changed?".

        Raises
        ------
        RegistryError
            If there is no such manifest, or no answer.
        """
        url = self._manifest_url(name, reference)
        habits = self._habit(name)
        if not habits.get_only:
            answer = await self._conversation.ask("HEAD", url, 0, _MANIFEST_TYPES, self._pull(name))
            if answer.status == OK:
                claimed = answer.headers.get("Docker-Content-Digest", "")
                if is_digest(claimed):
                    habits.head_answers = True
                    return self._as_asked(claimed, reference)
            elif answer.status not in _NO_HEAD or habits.head_answers:
                raise refusal(answer)
        digest, _ = self._body(await self._manifest(name, reference), reference)
        habits.get_only = not habits.head_answers
        return digest

    async def metadata(self, name: str, reference: str) -> tuple[str, ImageMetadata]:
        """Return the verified digest that `reference` names, and what its image says of itself.

        The metadata of an index are those of the image for the settings' platform, under the digest of the index.
        What is not an image for that platform is no error: it comes back as not runnable, with the reason.

        Raises
        ------
        RegistryError
            If there is no such manifest, no answer, or an answer that is not what its digest names.
        """
        top = await self._named(name, reference)
        chain = [top]
        if top.manifest.is_index:
            child = choose(top.manifest, self._platform)
            if isinstance(child, str):
                return top.digest, unrunnable(top, child)
            inner = await self._named(name, child.digest, size=child.size)
            if inner.manifest.media_type in INDEXES:
                return top.digest, unrunnable(top, "It is an index of indexes.")
            chain.append(inner)
        manifest = chain[-1].manifest
        reason = not_an_image(manifest)
        if reason or manifest.config is None:
            return top.digest, unrunnable(top, reason)
        what = self._what(name, reference)
        body = await self._blob(name, manifest.config.digest, manifest.config.size)
        return top.digest, describe(chain, parse_config(body, f"The configuration of {what}"), self._platform)

    async def delete(self, name: str, digest: str) -> None:
        """Delete the manifest `digest`, and with it every tag that names it.

        Raises
        ------
        RegistryError
            If it is not there, or may not be deleted.
        """
        url = self._manifest_url(name, digest)
        if not is_digest(digest):
            # A tag would delete whatever it names by then.
            raise RegistryNotFound(f"{digest!r} is not a digest, and only digests are deleted.")
        answer = await self._conversation.ask("DELETE", url, 0, {}, f"repository:{self._path(name)}:delete")
        if answer.status not in {OK, _ACCEPTED}:
            raise refusal(answer)

    async def examine(
        self,
        name: str,
        references: Iterable[str],
        *,
        on_result: Callable[[Examined], None],
        digests_only: bool = False,
    ) -> None:
        """Ask about many references at once, within the host's budget.

        Where the whole registry fails ten times in a row, the rest is not asked for and gets the last failure.

        Parameters
        ----------
        on_result
            Called once for each reference, in the order of arrival. What fails comes with its error, and never
            touches the others. What it raises ends the examination.
        digests_only
            Ask as `head` does, instead of as `metadata` does.
        """
        checked_name(name)
        remaining = iter(references)
        streak = _Streak()
        workers = [
            asyncio.create_task(self._work(name, remaining, on_result, streak, digests_only=digests_only))
            for _ in range(self.settings.max_concurrency)
        ]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _work(
        self,
        name: str,
        remaining: Iterator[str],
        on_result: Callable[[Examined], None],
        streak: "_Streak",
        *,
        digests_only: bool,
    ) -> None:
        for reference in remaining:
            if streak.hopeless is not None:
                on_result(Examined(reference, None, error=streak.hopeless))
                continue
            try:
                if digests_only:
                    result = Examined(reference, await self.head(name, reference))
                else:
                    result = Examined(reference, *await self.metadata(name, reference))
            except RegistryError as error:
                result = Examined(reference, None, error=error)
            streak.count(result.error)
            on_result(result)

    def _pull(self, name: str) -> str:
        return f"repository:{self._path(name)}:pull"

    def _habit(self, name: str) -> Habits:
        return self._habits.setdefault(name, Habits())

    def _path(self, name: str) -> str:
        official = self.host in _HUB_NAMES and "/" not in name
        return f"library/{checked_name(name)}" if official else checked_name(name)

    def _base(self, name: str) -> str:
        return f"{self._conversation.origin}/v2/{self._path(name)}"

    def _manifest_url(self, name: str, reference: str) -> str:
        return f"{self._base(name)}/manifests/{checked_reference(reference)}"

    def _what(self, name: str, reference: str) -> str:
        return f"{self.host}/{name}{'@' if is_digest(reference) else ':'}{reference}"

    async def _manifest(self, name: str, reference: str) -> Answer:
        url, cap = self._manifest_url(name, reference), self.settings.limits.manifest_bytes
        answer = await self._conversation.ask("GET", url, cap, _MANIFEST_TYPES, self._pull(name))
        if answer.status != OK:
            raise refusal(answer)
        return answer

    async def _named(self, name: str, reference: str, size: int | None = None) -> Named:
        what = self._what(name, reference)
        if size is not None and size > self.settings.limits.manifest_bytes:
            raise RegistryProtocolError(f"{what} is announced with {size} bytes, which is too large.")
        try:
            answer = await self._manifest(name, reference)
        except RegistryNotFound as error:
            raise error if size is None else _dangling(what) from None
        manifest: Manifest = parse_manifest(answer.body, answer.headers.get("Content-Type", ""), what)
        digest, body = self._body(answer, reference)
        if size is not None and len(body) != size:
            raise RegistryProtocolError(f"{what} has {len(body)} bytes; its index says {size}.")
        return Named(digest, manifest)

    def _body(self, answer: Answer, reference: str) -> tuple[str, bytes]:
        """Return the digest of a manifest's body, checked against every claim that was made of it."""
        claimed = answer.headers.get("Docker-Content-Digest", "")
        wanted = reference if is_digest(reference) else claimed if is_digest(claimed) else digest_of(answer.body)
        verify(answer.body, wanted, answer.url)
        return wanted, answer.body

    @staticmethod
    def _as_asked(claimed: str, reference: str) -> str:
        same = claimed.partition(":")[0] == reference.partition(":")[0]
        if is_digest(reference) and same and claimed != reference:
            raise RegistryProtocolError(f"The registry answers {reference} with another digest.")
        return reference if is_digest(reference) else claimed

    async def _blob(self, name: str, digest: str, size: int) -> bytes:
        cap = self.settings.limits.config_bytes
        what = f"{self.host}/{name}, configuration {digest}"
        if size > cap:
            raise RegistryProtocolError(f"{what}: {size} bytes are announced, more than the {cap} allowed.")
        url = f"{self._base(name)}/blobs/{digest}"
        answer = await self._conversation.ask("GET", url, cap, {}, self._pull(name), away=True)
        if answer.status == NOT_FOUND:
            raise _dangling(what)
        if answer.status != OK:
            raise refusal(answer)
        if len(answer.body) != size:
            raise RegistryProtocolError(f"{what}: {len(answer.body)} bytes came; the manifest says {size}.")
        verify(answer.body, digest, what)
        return answer.body


class _Streak:
    """How often in a row the whole registry failed."""

    def __init__(self) -> None:
        self._failures = 0
        self.hopeless: RegistryError | None = None

    def count(self, error: RegistryError | None) -> None:
        self._failures = self._failures + 1 if isinstance(error, _WHOLE_REGISTRY) else 0
        if self._failures >= _HOPELESS:
            self.hopeless = error


def _dangling(what: str) -> RegistryProtocolError:
    # Not RegistryNotFound, which says of a tag that it is gone.
    return RegistryProtocolError(
        f"{what} is missing: a manifest names something that its registry does not have.", hint="Push the image again."
    )
