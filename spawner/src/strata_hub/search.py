"""Search over every image of a menu: tag, other names, version, cycle, stack, title. Pure."""

from dataclasses import dataclass
from functools import lru_cache

from .menu import Menu
from .proposals import Found
from .state import ImageEntry

PAGE = 40
MAX_QUERY = 200
Index = tuple[tuple[str, Found], ...]


@dataclass(frozen=True)
class Hits:
    """One page of what a search found."""

    found: tuple[Found, ...]
    start: int
    total: int

    @property
    def next_start(self) -> int | None:
        """Where the next page begins; None on the last one."""
        end = self.start + len(self.found)
        return end if end < self.total else None


def search(menu: Menu, query: str, start: int = 0, page: int = PAGE) -> Hits:
    """Return the images of `menu` in which every word of `query` occurs, whatever the case.

    An image whose tag or other name is the query goes first, then those whose tag begins with it, then the rest; the
    order of the menu decides between them. An empty query finds all.
    """
    text = query[:MAX_QUERY].casefold().strip()
    words = text.split()
    hits = [found for haystack, found in _index(menu) if all(word in haystack for word in words)]
    if text:
        hits.sort(key=lambda found: _distance(found[1], text))
    start = max(0, start)
    return Hits(tuple(hits[start : start + page]), start, len(hits))


def _distance(entry: ImageEntry, text: str) -> int:
    if text in (entry.tag.casefold(), *(name.casefold() for name in entry.names)):
        return 0
    return 1 if entry.tag.casefold().startswith(text) else 2


@lru_cache(maxsize=16)
def _index(menu: Menu) -> Index:
    titles = {payload.name: payload.title for payload in menu.payloads}
    return tuple((_haystack(found[1], titles[found[0].name]), found) for found in menu)


def _haystack(entry: ImageEntry, title: str) -> str:
    parts = (entry.tag, *entry.names, entry.version, entry.display, entry.cycle, entry.stack, entry.kind.value, title)
    return "\n".join(parts).casefold()
