"""The state of one listing of tags: which page comes next, and when the list is complete. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from strata_hub.errors import RegistryProtocolError

from .headers import MalformedHeader, next_link
from .names import is_tag, valid_tags
from .settings import Limits

_ROUND = 50
"""A page of a round number of entries without a link may be cut by a cap that the registry does not tell."""
_BARREN = 2
"""Pages in a row that may bring no new tag while linking on."""
_PAGING = frozenset({"n", "last", "next_page"})
_REFUSALS = frozenset(range(400, 500)) - {401, 403, 429}
"""Client errors that another URL may avoid."""
_NOT_FOUND = 404


class _Page(BaseModel):
    model_config = ConfigDict(extra="ignore")

    tags: list[object] | None


@dataclass
class Habits:
    """What was learnt of one repository's ways, so that it is not learnt again with every question."""

    refuses_n: bool = False
    ignores_last: bool = False
    head_answers: bool = False
    get_only: bool = False
    """HEAD does not answer, or does not tell the digest."""


class Listing:
    """One listing from the first page to the last.

    Ask for `url`, hand the answer to `page()` or a client error to `refused()`, until `url` is None: then `tags` are
    complete. The rules are those of the specification's "Listing Tags", and of what registries do instead.

    Parameters
    ----------
    url
        The repository's ``tags/list``, without a query.
    page_size
        Tags to ask for in one page.
    """

    def __init__(self, url: str, page_size: int, limits: Limits, habits: Habits) -> None:
        self._base = url
        self._page_size = page_size
        self._limits = limits
        self._habits = habits
        self._restarted = False
        self.url: str | None = None
        """What to ask for next."""
        self._begin()

    def _begin(self) -> None:
        self._tags: dict[str, None] = {}
        self._seen: set[str] = set()
        self._bytes = 0
        self._barren = 0
        self._probing = False
        self._current = ""
        self._short = True
        self.dropped = 0
        """Entries that are no tags."""
        self._go(self._base if self._habits.refuses_n else f"{self._base}?n={self._page_size}")

    @property
    def tags(self) -> list[str]:
        """The tags so far, sorted as text; complete once no page is left."""
        return sorted(self._tags)

    def page(self, body: bytes, link_fields: Sequence[str]) -> None:
        """Take the page that `url` named.

        Raises
        ------
        RegistryProtocolError
            If the page is malformed, the list is longer than allowed, or it leads in circles.
        """
        entries = self._entries(body)
        before = len(self._tags)
        tags = valid_tags(entries)
        self._tags.update(dict.fromkeys(tags))
        self.dropped += len(entries) - len(tags)
        fresh = len(self._tags) - before
        if len(self._tags) > self._limits.tags:
            raise self._broken(f"more than {self._limits.tags} tags")
        try:
            link = next_link(list(link_fields))
        except MalformedHeader:
            raise self._broken("a Link header that cannot be read") from None
        if link is None:
            self._probe(entries, fresh)
            return
        self._probing = False
        self._barren = 0 if fresh else self._barren + 1
        if self._barren >= _BARREN:
            raise self._broken("pages that bring nothing new and link on")
        self._go(self._linked(link))

    def refused(self, status: int) -> bool:
        """Take a client error instead of a page, and tell whether the listing goes on (or is complete) all the same."""
        own = self._own(urlsplit(self._current).query)
        if status not in _REFUSALS:
            return False
        if not self._tags and own is None and self._current != self._base and status != _NOT_FOUND:
            # Distribution 3.1.0 answers 400 to an n above its own maximum.
            self._habits.refuses_n = True
            self._go(self._base)
        elif own is not None and own not in self._seen:
            self._go(own)
        elif self._probing and not self._short and status != _NOT_FOUND:
            # It takes neither n nor last, and sent more than was asked for: that was all.
            self._habits.ignores_last = True
            self.url = None
        elif status == _NOT_FOUND and self._tags and not self._restarted:
            # Zot: the tag named by `last` was deleted between two pages.
            self._restarted = True
            self._begin()
        else:
            return False
        return True

    def _entries(self, body: bytes) -> list[object]:
        self._bytes += len(body)
        if self._bytes > self._limits.listing_bytes:
            raise self._broken(f"more than {self._limits.listing_bytes} bytes")
        try:
            return _Page.model_validate_json(body).tags or []
        except (ValidationError, RecursionError):
            raise self._broken("a page that is no list of tags") from None

    def _probe(self, entries: list[object], fresh: int) -> None:
        """Ask once more where the page may have been cut: registries of old send no link."""
        if self._probing and entries and not fresh:
            self._habits.ignores_last = True
        whole = len(entries) < self._page_size and len(entries) % _ROUND
        if whole or not entries or not fresh or self._habits.ignores_last:
            self.url = None
            return
        last = entries[-1]
        if not isinstance(last, str) or not is_tag(last):
            raise self._broken("a page that ends in something else than a tag")
        self._probing = True
        self._short = len(entries) <= self._page_size
        size = "" if self._habits.refuses_n else f"n={self._page_size}&"
        self._go(f"{self._base}?{size}last={quote(last, safe='')}")

    def _linked(self, link: str) -> str:
        """Return the URL that `link` means: verbatim on this origin, else its paging on our own URL.

        Registries behind proxies name another scheme, port or host than the one that they were asked by; following
        that would carry the token to another origin.
        """
        if not link.isascii() or not link.isprintable() or " " in link:
            raise self._broken("a link that is no URL")
        try:
            target = urljoin(self._current, link)
            parts, here = urlsplit(target), urlsplit(self._base)
        except ValueError:
            raise self._broken("a link that is no URL") from None
        if (parts.scheme, parts.netloc) == (here.scheme, here.netloc):
            return target.partition("#")[0]
        own = self._own(parts.query)
        if own is None:
            raise self._broken("a link to another host")
        return own

    def _own(self, query: str) -> str | None:
        """Return our own URL with the paging of `query`, if it has any."""
        paging = [(key, value) for key, value in parse_qsl(query, keep_blank_values=True) if key in _PAGING]
        if not any(key != "n" for key, _ in paging):
            return None
        return f"{self._base}?{urlencode(paging)}"

    def _go(self, url: str) -> None:
        if url in self._seen:
            raise self._broken("a link that was followed before")
        self._seen.add(url)
        if len(self._seen) > self._limits.pages:
            raise self._broken(f"more than {self._limits.pages} pages")
        self.url = self._current = url

    def _broken(self, what: str) -> RegistryProtocolError:
        name = urlsplit(self._base).path.removeprefix("/v2/").removesuffix("/tags/list")
        return RegistryProtocolError(
            f"The tag list of {urlsplit(self._base).netloc}/{name} has {what}.",
            hint="The list is not used: the last complete one stays.",
        )
