"""The menu state as bytes, made image by image: ten thousand entries are never objects all at once. Pure."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from strata_hub.judgement import Hidden, Judgement, Shown
from strata_hub.payloads import entry, hidden_image
from strata_hub.state import MenuState, Payload

Item = TypeVar("Item", Shown, Hidden)


class Encoder:
    """Writes the images of one payload, and keeps what it wrote for those that do not change.

    From one refresh to the next almost all stay as they are. A kept entry is shared with the document that was
    published, so that keeping it costs a key and no copy.
    """

    def __init__(self) -> None:
        self._kept: dict[object, bytes] = {}

    def fragment(self, head: Payload, judgement: Judgement | None) -> tuple[bytes, ...]:
        """Return `head`, a payload without images, as JSON, with the images of `judgement` in it, in parts."""
        if judgement is None:
            return (head.model_dump_json().encode(),)
        before, rest = _split(head.model_dump_json(), "images")
        between, after = _split(rest, "hidden")
        kept: dict[object, bytes] = {}
        shown = self._encoded(judgement.shown, _shown_key, lambda item: entry(item).model_dump_json(), kept)
        hidden = self._encoded(judgement.hidden, _hidden_key, lambda item: hidden_image(item).model_dump_json(), kept)
        parts = (before, *_listed(shown), between, *_listed(hidden), after.encode())
        self._kept = kept
        return parts

    def _encoded(
        self,
        items: Iterable[Item],
        key_of: Callable[[Item], object],
        write: Callable[[Item], str],
        kept: dict[object, bytes],
    ) -> Iterator[bytes]:
        for item in items:
            key = key_of(item)
            written = self._kept.get(key)
            if written is None:
                written = write(item).encode()
            kept[key] = written
            yield written


def document(head: MenuState, fragments: Sequence[Sequence[bytes]]) -> tuple[bytes, ...]:
    """Return `head`, a state without payloads, with `fragments` in it: parts that make the document when joined."""
    before, after = _split(head.model_dump_json(), "payloads")
    parts: list[bytes] = [before]
    for position, fragment in enumerate(fragments):
        if position:
            parts.append(b",")
        parts += fragment
    return (*parts, after.encode())


def pieces(parts: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Return the bytes of `parts` in pieces of `size` bytes, the last one shorter: to be sent one after the other."""
    waiting = bytearray()
    for part in parts:
        waiting += part
        while len(waiting) >= size:
            yield bytes(waiting[:size])
            del waiting[:size]
    if waiting:
        yield bytes(waiting)


def _shown_key(item: Shown) -> object:
    """Return all that an entry is made of; a digest stands for its metadata, which never changes."""
    image = item.image
    return (
        image.digest,
        image.metadata is None,
        tuple([tag.text for tag in image.tags]),
        item.section,
        item.reason,
        item.groups,
        tuple(item.group_sections.items()),
        item.title,
        item.note,
        item.alias,
        item.rank,
    )


def _hidden_key(item: Hidden) -> object:
    return (item.tag, item.digest, item.code, item.reason)


def _listed(items: Iterable[bytes]) -> Iterator[bytes]:
    for position, item in enumerate(items):
        if position:
            yield b","
        yield item


def _split(text: str, key: str) -> tuple[bytes, str]:
    """Cut at the empty list of `key`. In a string, its quotes would be escaped: it cannot be found there."""
    empty = f"{json.dumps(key)}:[]"
    before, found, after = text.partition(empty)
    if not found:
        raise ValueError(f"{key} is not an empty list")
    return f"{before}{empty[:-1]}".encode(), f"]{after}"
