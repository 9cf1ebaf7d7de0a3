"""The menu state as bytes, made image by image: ten thousand entries are never objects all at once. Pure."""

import json
from collections.abc import Iterable, Sequence
from io import BytesIO

from strata_hub.judgement import Judgement
from strata_hub.payloads import entry, hidden_image
from strata_hub.state import MenuState, Payload


def fragment(head: Payload, judgement: Judgement | None) -> bytes:
    """Return `head`, a payload without images, as JSON, with the images of `judgement` in it."""
    if judgement is None:
        return head.model_dump_json().encode()
    written = BytesIO()
    before, rest = _split(head.model_dump_json(), "images")
    between, after = _split(rest, "hidden")
    written.write(before)
    _write_all(written, (entry(item).model_dump_json() for item in judgement.shown))
    written.write(between)
    _write_all(written, (hidden_image(item).model_dump_json() for item in judgement.hidden))
    written.write(after.encode())
    return written.getvalue()


def document(head: MenuState, fragments: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return `head`, a state without payloads, with `fragments` in it: parts that make the document when joined."""
    before, after = _split(head.model_dump_json(), "payloads")
    parts: list[bytes] = [before]
    for position, part in enumerate(fragments):
        parts += [b"," if position else b"", part]
    return (*parts, after.encode())


def _split(text: str, key: str) -> tuple[bytes, str]:
    """Cut at the empty list of `key`. In a string, its quotes would be escaped: it cannot be found there."""
    empty = f"{json.dumps(key)}:[]"
    before, found, after = text.partition(empty)
    if not found:
        raise ValueError(f"{key} is not an empty list")
    return f"{before}{empty[:-1]}".encode(), f"]{after}"


def _write_all(written: BytesIO, items: Iterable[str]) -> None:
    for position, item in enumerate(items):
        if position:
            written.write(b",")
        written.write(item.encode())
