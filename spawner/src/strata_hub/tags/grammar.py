"""The machinery that all schemes share: a scheme only says which forms a version has.

A tag is *head* then *fields*: ``w_2026_22`` then ``_c0044.007_rsp5-arm64``. A scheme is a table of `Form`, one for each
way to spell a head; aliases, fields, architecture, order, display and reasons are the same for all.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

from strata_hub.errors import ConfigurationError

from .fields import (
    PLAIN,
    PLAIN_KEY,
    Fields,
    NotInScheme,
    Prerelease,
    candidate_of,
    read_fields,
    read_suffix,
    split_architecture,
)
from .foreign import MAX_LENGTH, why_no_tag
from .model import Tag, TagKind

CONVENTIONAL_ALIASES = ("recommended*", "latest*")
"""Names that move from image to image by convention; ``*`` stands for any ending."""

# The first element of every key: kinds in ascending order.
_RANK = {
    TagKind.UNRECOGNISED: 0,
    TagKind.DAILY: 10,
    TagKind.WEEKLY: 11,
    TagKind.RELEASE_CANDIDATE: 12,
    TagKind.RELEASE: 13,
    TagKind.ALIAS: 14,
}
_EXPERIMENTAL_RANK = {kind: rank for rank, kind in enumerate(_RANK, start=1)}
"""That of an experimental tag, by the kind of what follows the prefix: all below daily."""
_NOUN = {TagKind.RELEASE: "Release", TagKind.WEEKLY: "Weekly", TagKind.DAILY: "Daily"}
_ALIAS_RULE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\*?|\*", re.ASCII)


_Read = Callable[[tuple[str, ...]], "Head"]


class Head(NamedTuple):
    """What a form reads from the head of a tag."""

    version: str
    """The version for people, such as ``r29.2.0``: the same for all spellings of one version."""
    numbers: tuple[int, ...]
    """What orders versions within a kind."""
    date: datetime | None = None
    prerelease: Prerelease = ()
    """Not empty: this is a candidate for the version that `numbers` name."""


@dataclass(frozen=True)
class Form:
    """One way to spell a version.

    Parameters
    ----------
    kind
        What such a tag is; a release with ``_rcN`` or a pre-release becomes a release candidate by itself.
    pattern
        Regular expression of the head, without named groups.
    read
        Called with the text of each group of `pattern`; raises `NotInScheme` where the values make no sense.
    """

    kind: TagKind
    pattern: str
    read: _Read


class GrammarScheme:
    """A tag scheme made of forms.

    Parameters
    ----------
    aliases
        Names that this deployment uses as aliases, besides the conventional ones; a last ``*`` stands for any ending.

    Raises
    ------
    ConfigurationError
        If an alias can never be a tag.
    """

    name: ClassVar[str]
    forms: ClassVar[tuple[Form, ...]]
    spellings: ClassVar[str]
    """The forms in words, for the reason of an unrecognised tag."""
    near_misses: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Regular expression and reason for tags that nearly follow a form, in the order of trying."""
    experimental: ClassVar[str] = ""
    """Prefix of experimental tags, or empty."""

    def __init__(self, aliases: Iterable[str] = ()) -> None:
        self._readers: dict[int, tuple[TagKind, _Read, slice]] = {}
        self._suffix = lru_cache(maxsize=4096)(_read_suffix)
        self._head = re.compile(self._pattern((*aliases, *CONVENTIONAL_ALIASES)), re.ASCII).match
        self._near = tuple((re.compile(pattern, re.ASCII).match, reason) for pattern, reason in self.near_misses)

    def _pattern(self, aliases: Iterable[str]) -> str:
        """Return the one expression for all heads: groups 1 to 3 are aliases and the experimental prefix."""
        fixed: list[str] = []
        open_ended: list[str] = []
        for alias in aliases:
            if not _ALIAS_RULE.fullmatch(alias):
                raise ConfigurationError(
                    f"The alias {alias!r} can never be a tag.",
                    hint="Letters, digits, '_', '.' and '-' make a tag; '*' may end an alias.",
                )
            (open_ended if alias.endswith("*") else fixed).append(re.escape(alias.removesuffix("*")))
        group = 4
        heads = []
        for form in self.forms:
            inner = re.compile(form.pattern).groups
            # A version has many builds, and a list is read again and again.
            read = lru_cache(maxsize=4096)(form.read)
            self._readers[group] = (form.kind, read, slice(group, group + inner))
            group += 1 + inner
            heads.append(f"({form.pattern})")
        end = r"(?=[_-]|\Z)"
        never = r"(?!)"
        return (
            f"({'|'.join(fixed) or never}){end}|({'|'.join(open_ended)})"
            f"|({re.escape(self.experimental) or never})|(?:{'|'.join(heads)}){end}"
        )

    def parse(self, text: str) -> Tag:
        """Return what `text` means; never raise, whatever the string.

        Time is linear in the length of `text`: a string that is longer than a tag can be is not looked into.
        """
        found = self._head(text) if len(text) <= MAX_LENGTH else None
        if found is None:
            return self._unrecognised(text, "")
        try:
            reader = self._readers.get(found.lastindex or 0)
            if reader is not None:
                kind, read, groups = reader
                rest = text[found.end() :]
                return _versioned(text, kind, read(found.groups()[groups]), self._suffix(rest) if rest else _NO_SUFFIX)
            if found.lastindex == 3:  # noqa: PLR2004 - the third group of the pattern above
                return self._experiment(text)
            return _alias(text, found.end(), open_ended=found.lastindex == 2)  # noqa: PLR2004 - likewise the second
        except NotInScheme as why:
            return self._unrecognised(text, str(why))

    def _experiment(self, text: str) -> Tag:
        rest = text.removeprefix(self.experimental)
        if not rest:
            raise NotInScheme(f"nothing follows {self.experimental!r}")
        reason = why_no_tag(text)
        if reason:
            raise NotInScheme(reason)
        inner = self._unrecognised(rest, "") if rest.startswith(self.experimental) else self.parse(rest)
        key = (_EXPERIMENTAL_RANK[inner.kind], *inner.key[1:])
        title = f"Experimental {inner.title}"
        return Tag(text, TagKind.EXPERIMENTAL, key, title, inner.version, inner.numbers, inner.date, inner.fields)

    def _unrecognised(self, text: str, why: str) -> Tag:
        reason = why_no_tag(text)
        if not reason:
            why = why or next((hint for match, hint in self._near if match(text)), "")
            reason = why or f"it has none of the forms of the {self.name} scheme: {self.spellings}"
        return Tag(
            text=text,
            kind=TagKind.UNRECOGNISED,
            key=(_RANK[TagKind.UNRECOGNISED], (), (), text, *PLAIN_KEY),
            title=text,
            reason=reason,
        )


_NO_SUFFIX = (PLAIN, PLAIN_KEY)


def _read_suffix(text: str) -> tuple[Fields, tuple[Any, ...]]:
    """Return the fields of a suffix and what orders by them."""
    fields = read_suffix(text)
    return fields, fields.key()


def _versioned(text: str, kind: TagKind, head: Head, suffix: tuple[Fields, tuple[Any, ...]]) -> Tag:
    version, numbers, date, prerelease = head
    fields, key = suffix
    if fields.candidate is not None:
        if kind is not TagKind.RELEASE or prerelease:
            raise NotInScheme("a candidate number belongs to a release, once")
        prerelease = candidate_of(fields)
        version = f"{version}-rc{fields.candidate}"
    noun = _NOUN[kind]
    if prerelease:
        kind = TagKind.RELEASE_CANDIDATE
        noun = "Release Candidate" if prerelease[0][2].startswith("rc") else "Pre-release"
    return Tag(
        text, kind, (_RANK[kind], numbers, prerelease, "", *key), f"{noun} {version}", version, numbers, date, fields
    )


def _alias(text: str, end: int, *, open_ended: bool) -> Tag:
    """Return an alias: its words make the title, beside its cycle and architecture."""
    rest, architecture = split_architecture(text)
    if len(rest) < end:
        rest, architecture = text, ""
    first, *parts = rest[end:].split("_")
    fields = read_fields(parts, architecture)
    if not open_ended and (first or fields.extras):
        raise NotInScheme(f"the alias {text[:end]!r} takes a cycle after it, and no other text")
    name = "_".join((text[:end] + first, *fields.extras))
    reason = why_no_tag(text)
    if reason:
        raise NotInScheme(reason)
    title = " ".join(word.capitalize() for word in re.split(r"[_.-]+", name) if word) or text
    fields = fields._replace(extras=())
    return Tag(text, TagKind.ALIAS, (_RANK[TagKind.ALIAS], (), (), name, *fields.key()), title, fields=fields)
