"""What an image says of itself: labels that are kept, and the date that is believed. Pure."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

MAX_LABELS: Final = 64
MAX_VALUE: Final = 1024
MAX_KEY: Final = 256
FIRST_YEAR: Final = 2000
"""Builders that want equal bytes write 1970 or 1980: an earlier date is no date."""

OCI: Final = "org.opencontainers.image."
SCHEMA: Final = "org.label-schema."
CREATED: Final = OCI + "created"
PREFIXES: Final = (OCI, SCHEMA, "io.strata.")

# Image specification, annotations.md, "Back-compatibility with Label Schema".
_COMPATIBLE: Final = {
    "build-date": "created",
    "url": "url",
    "vcs-url": "source",
    "version": "version",
    "vcs-ref": "revision",
    "vendor": "vendor",
    "name": "title",
    "description": "description",
    "usage": "documentation",
}
_KEY = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)
_BLANKS = re.compile(r"[\t\n\r\x0b\x0c\x85\u2028\u2029]+")
# Controls, surrogates, the marks that reorder or hide text (Unicode TR 9 and TR 36), and tag characters.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def plain(text: str) -> str:
    """Return `text` as one line without characters that control, hide or reorder."""
    return _HIDDEN.sub("", _BLANKS.sub(" ", text)).strip()


def kept(*sources: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the labels to keep of `sources`, the first of which to name a key wins.

    Keys of the older label schema also fill the standard keys that nothing else has set. At most 64 keys are kept, of
    at most 1 KiB in UTF-8 each: a longer description is cut, any other longer value is dropped, since half a URL is
    another URL.
    """
    found: dict[str, str] = {}
    for source in sources:
        for key, value in (source or {}).items():
            if key in found or not key.startswith(PREFIXES) or not isinstance(value, str):
                continue
            if len(key) > MAX_KEY or not _KEY.fullmatch(key):
                continue
            text = _fitting(key, plain(value))
            if text:
                found[key] = text
    for old, new in _COMPATIBLE.items():
        if SCHEMA + old in found:
            found.setdefault(OCI + new, found[SCHEMA + old])
    # The standard keys first: they are what a menu shows, should there be too many.
    order = sorted(found, key=lambda key: (not key.startswith(OCI), key.startswith(SCHEMA), key))
    return {key: found[key] for key in order[:MAX_LABELS]}


def _fitting(key: str, text: str) -> str:
    raw = text.encode()
    if len(raw) <= MAX_VALUE:
        return text
    if not key.endswith("description"):
        return ""
    return raw[: MAX_VALUE - 3].decode(errors="ignore") + "…"


def created(candidates: Iterable[object]) -> datetime | None:
    """Return the first of `candidates` that is a believable RFC 3339 date, in UTC."""
    for text in candidates:
        if not isinstance(text, str) or len(text) > MAX_KEY:
            continue
        try:
            date = datetime.fromisoformat(text.strip())
            date = date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            continue
        if date.year >= FIRST_YEAR:
            return date
    return None
