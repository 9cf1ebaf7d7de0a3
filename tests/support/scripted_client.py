"""A registry in memory that answers like a client, counts what it is asked, and fails on demand."""

from collections.abc import Callable, Iterable

from strata_hub.catalogue import ImageMetadata
from strata_hub.errors import RegistryError, RegistryNotFound
from strata_hub.registry import Examined, RegistryClient

from .stores import digest_of, image_metadata


class ScriptedClient(RegistryClient):
    """Holds one repository: tags, and the name of the image that each names."""

    def __init__(self, tags: dict[str, str] | None = None) -> None:
        super().__init__("registry.example.org")
        self.images = dict(tags or {})
        self.trouble: RegistryError | None = None
        """Raised by every question while it is set."""
        self.bad: dict[str, RegistryError] = {}
        """Raised for one tag."""
        self.listings = 0
        self.heads: list[str] = []
        self.examined: list[str] = []
        self.deleted: list[str] = []
        self.before_list: Callable[[], None] = lambda: None

    @property
    def requests(self) -> int:
        """What a registry would have been asked: a list, a HEAD, a manifest with its config."""
        return self.listings + len(self.heads) + 2 * len(self.examined)

    def push(self, tag: str, image: str) -> None:
        """Let `tag` name `image`."""
        self.images[tag] = image

    async def tags(self, name: str) -> list[str]:
        """Return every tag."""
        self.listings += 1
        if self.trouble is not None:
            raise self.trouble
        tags = sorted(self.images)
        self.before_list()
        return tags

    async def examine(
        self,
        name: str,
        references: Iterable[str],
        *,
        on_result: Callable[[Examined], None],
        digests_only: bool = False,
    ) -> None:
        """Answer for each of `references`."""
        for reference in references:
            (self.heads if digests_only else self.examined).append(reference)
            error = self.trouble or self.bad.get(reference)
            if error is None and reference not in self.images:
                error = RegistryNotFound(f"{reference} is not there.")
            if error is not None:
                on_result(Examined(reference, None, error=error))
                continue
            image = self.images[reference]
            on_result(Examined(reference, digest_of(image), None if digests_only else self.describe(image)))

    async def delete(self, name: str, digest: str) -> None:
        """Forget every tag that names `digest`."""
        self.deleted.append(digest)
        self.images = {tag: image for tag, image in self.images.items() if digest_of(image) != digest}

    def describe(self, image: str) -> ImageMetadata:
        """Return what `image` says of itself."""
        return image_metadata(image)
