"""Two response headers, read by their grammars: ``WWW-Authenticate`` and ``Link``. Pure, linear in the input."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

# RFC 9110, 5.6: the lexical parts that both headers are made of.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_SPACE = re.compile(r"[ \t]*", re.ASCII)
_SEPARATORS = re.compile(r"[ \t,]*", re.ASCII)
_QUOTED = re.compile(r'"((?:[\t !\x23-\x5b\x5d-\x7e\x80-\uffff]|\\[\t -\x7e\x80-\uffff])*+)"', re.ASCII)
# RFC 9110, 11.2; the look-ahead keeps `realm="..."` from being read as the token68 `realm=`.
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*+(?=[ \t]*(?:,|\Z))", re.ASCII)
_TARGET = re.compile(r"<([^<>]*+)>", re.ASCII)
_UNESCAPE = re.compile(r"\\(.)", re.ASCII)


class MalformedHeader(ValueError):
    """A header does not follow its grammar."""


@dataclass(frozen=True)
class Challenge:
    """One way in that a server offers."""

    scheme: str
    """In lower case."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """By name in lower case."""
    token68: str = ""


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def take(self, pattern: re.Pattern[str], group: int = 0) -> str | None:
        found = pattern.match(self.text, self.position)
        if found is None:
            return None
        self.position = found.end()
        return found[group]

    def literal(self, character: str) -> bool:
        if not self.text.startswith(character, self.position):
            return False
        self.position += 1
        return True

    @property
    def done(self) -> bool:
        return self.position >= len(self.text)

    def value(self) -> str:
        quoted = self.take(_QUOTED, 1)
        if quoted is not None:
            return _UNESCAPE.sub(r"\1", quoted)
        token = self.take(_TOKEN)
        if token is None:
            raise MalformedHeader("a parameter has no value")
        return token

    def end_of_element(self) -> None:
        self.take(_SPACE)
        if not self.done and not self.text.startswith(",", self.position):
            raise MalformedHeader("an element does not end with a comma")


def challenges(text: str) -> list[Challenge]:
    """Return the challenges of one ``WWW-Authenticate`` field, in order (RFC 9110, 11.6.1).

    Raises
    ------
    MalformedHeader
        If `text` does not follow the grammar. The first of two parameters of one name would be a guess: that, too.
    """
    found: list[Challenge] = []
    scheme, parameters = "", dict[str, str]()
    scan = _Scanner(text)
    scan.take(_SEPARATORS)
    while not scan.done:
        word = scan.take(_TOKEN)
        if word is None:
            raise MalformedHeader("a challenge does not begin with a word")
        gap = scan.take(_SPACE)
        if scan.literal("="):
            scan.take(_SPACE)
            if not scheme or word.lower() in parameters:
                raise MalformedHeader("a parameter is repeated or belongs to no challenge")
            parameters[word.lower()] = scan.value()
            scan.end_of_element()
        else:
            scheme, parameters = word.lower(), {}
            token68 = scan.take(_TOKEN68) if gap else None
            found.append(Challenge(scheme, parameters, token68 or ""))
            if token68 is not None or not gap:
                scan.end_of_element()
        scan.take(_SEPARATORS)
    return found


@dataclass(frozen=True)
class Link:
    """One link of a ``Link`` field."""

    target: str
    """A URI reference, as written."""
    relations: frozenset[str]
    """In lower case."""


def links(text: str) -> Iterator[Link]:
    """Yield the links of one ``Link`` field (RFC 8288, 3).

    Raises
    ------
    MalformedHeader
        If `text` does not follow the grammar.
    """
    scan = _Scanner(text)
    scan.take(_SEPARATORS)
    while not scan.done:
        target = scan.take(_TARGET, 1)
        if target is None:
            raise MalformedHeader("a link does not begin with its target")
        relations: frozenset[str] | None = None
        scan.take(_SPACE)
        while scan.literal(";"):
            scan.take(_SPACE)
            name = scan.take(_TOKEN)
            if name is None:
                continue
            scan.take(_SPACE)
            value = ""
            if scan.literal("="):
                scan.take(_SPACE)
                value = scan.value()
            scan.take(_SPACE)
            if name.lower() == "rel" and relations is None:
                # RFC 8288, 3.3: occurrences after the first are ignored.
                relations = frozenset(value.lower().split())
        scan.end_of_element()
        scan.take(_SEPARATORS)
        yield Link(target, relations or frozenset())


def next_link(fields: list[str]) -> str | None:
    """Return the target of the first link to the next page, or None.

    Raises
    ------
    MalformedHeader
        If a field does not follow the grammar.
    """
    return next((link.target for text in fields for link in links(text) if "next" in link.relations), None)
