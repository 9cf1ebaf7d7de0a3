"""What the rest of strata-hub asks of a registry."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from strata_hub.catalogue import ImageMetadata
from strata_hub.errors import RegistryError, RegistryUnavailable

from .credentials import Credentials
from .names import checked_host, checked_name
from .settings import RegistrySettings


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
    """

    def __init__(
        self, host: str, settings: RegistrySettings | None = None, credentials: Credentials | None = None
    ) -> None:
        self.host = checked_host(host)
        self.settings = settings or RegistrySettings()
        self._credentials = credentials

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""

    async def tags(self, name: str) -> list[str]:
        """Return every tag of the repository `name`, sorted as text.

        Raises
        ------
        RegistryError
            If any part of the list is missing: a list is complete or it is not returned.
        """
        raise RegistryUnavailable(f"{self.host}/{checked_name(name)} cannot be listed.")

    async def head(self, name: str, reference: str) -> str:
        """Return the digest that `reference` names, as the registry claims it: good for "has it changed?".

        Raises
        ------
        RegistryError
            If there is no such manifest, or no answer.
        """
        raise RegistryUnavailable(f"{self.host}/{checked_name(name)}:{reference} cannot be asked for.")

    async def metadata(self, name: str, reference: str) -> tuple[str, ImageMetadata]:
        """Return the verified digest that `reference` names, and what its image says of itself.

        The metadata of an index are those of the image for the settings' platform, under the digest of the index.
        What is not an image for that platform is no error: it comes back as not runnable, with the reason.

        Raises
        ------
        RegistryError
            If there is no such manifest, no answer, or an answer that is not what its digest names.
        """
        raise RegistryUnavailable(f"{self.host}/{checked_name(name)}:{reference} cannot be asked for.")

    async def delete(self, name: str, digest: str) -> None:
        """Delete the manifest `digest`, and with it every tag that names it.

        Raises
        ------
        RegistryError
            If it is not there, or may not be deleted.
        """
        raise RegistryUnavailable(f"{self.host}/{checked_name(name)}@{digest} cannot be deleted.")

    async def examine(
        self,
        name: str,
        references: Iterable[str],
        *,
        on_result: Callable[[Examined], None],
        digests_only: bool = False,
    ) -> None:
        """Ask about many references at once, within the host's budget.

        Parameters
        ----------
        on_result
            Called once for each reference, in the order of arrival. What fails comes with its error, and never
            touches the others.
        digests_only
            Ask as `head` does, instead of as `metadata` does.
        """
        for reference in references:
            on_result(Examined(reference, None, error=RegistryUnavailable(f"{name}:{reference}: {digests_only}")))
