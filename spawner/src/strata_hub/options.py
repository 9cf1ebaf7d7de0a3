"""The gate: options from any path become a choice from one user's menu, or are refused. Pure.

Form, REST start, link, stored options, admin start and restart all pass `choose`. The grammar of ``image`` is::

    REPOSITORY:TAG@DIGEST    exactly this image, if TAG still names DIGEST
    REPOSITORY:TAG           what TAG names now
    REPOSITORY@DIGEST        this image, whatever its tag
    PAYLOAD/TAG[@DIGEST]     the same by the payload's short name
    PAYLOAD:INTENT           recommended, latest_release, latest_weekly ... of one payload
    INTENT or TAG            of the first payload that has it
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .errors import ImageNotAllowed, InvalidOption, SizeNotAllowed
from .menu import Menu, MenuPayload
from .proposals import Found, nearest
from .state import ImageEntry, Size
from .tags import TagKind

KEYS = ("image", "size", "safe_mode", "debug", "remember")
RECOMMENDED = "recommended"
INTENTS: Mapping[str, TagKind] = {
    f"latest_{kind.value}": kind
    for kind in (
        TagKind.RELEASE,
        TagKind.WEEKLY,
        TagKind.DAILY,
        TagKind.RELEASE_CANDIDATE,
        TagKind.EXPERIMENTAL,
    )
}
MAX_LENGTH = 512
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_TEXT = re.compile(r"[!-~]+", re.ASCII)


@dataclass(frozen=True)
class Choice:
    """What a user is about to start: an image and a size of their own menu."""

    deployment: str
    payload: str
    repository: str
    image: ImageEntry
    size: Size | None
    """None where the deployment declares no sizes."""
    safe_mode: bool = False
    debug: bool = False
    intent: str = ""
    """What to ask for next time: ``PAYLOAD:INTENT``, ``PAYLOAD/ALIAS``, or the reference itself."""

    @property
    def digest(self) -> str:
        """The digest; the gate lets no image without one pass."""
        return self.image.digest or ""

    @property
    def reference(self) -> str:
        """Repository, tag and digest: what provenance records."""
        return f"{self.repository}:{self.image.tag}@{self.digest}"

    @property
    def pull_reference(self) -> str:
        """Repository and digest: what is pulled."""
        return f"{self.repository}@{self.digest}"


def choose(menu: Menu, options: Mapping[str, object]) -> Choice:
    """Return what `options` ask for, if `menu` allows it.

    Parameters
    ----------
    menu
        The menu of the user for whom a server starts.
    options
        ``user_options`` from any source, unchecked; empty: the default image in the default size.

    Raises
    ------
    InvalidOption
        If an option is unknown, or a value has the wrong type or form.
    ImageNotAllowed
        If the image is not in the menu; the sentence proposes the nearest.
    SizeNotAllowed
        If the size is not in the menu.
    """
    for key in options:
        if key not in KEYS:
            raise InvalidOption(f"There is no option {quoted(key)}.", hint=f"Known options are {', '.join(KEYS)}.")
    payload, entry, asked = _image(menu, _text(options, "image"))
    remember = _text(options, "remember")
    if remember not in ("", "exact", "follow"):
        raise InvalidOption("The option remember is either “exact” or “follow”.")
    if entry.digest is None:
        raise ImageNotAllowed(
            f"{entry.display} is listed, but was not examined yet, so it cannot be started.",
            hint="Try again in a few minutes, or choose another image.",
        )
    exact = payload.reference(entry)
    return Choice(
        deployment=menu.deployment,
        payload=payload.name,
        repository=payload.repository,
        image=entry,
        size=_size(menu, _text(options, "size")),
        safe_mode=_flag(options, "safe_mode"),
        debug=_flag(options, "debug"),
        intent=asked or (intent_of(payload, entry) if remember == "follow" else "") or exact,
    )


def intent_of(payload: MenuPayload, entry: ImageEntry) -> str:
    """Return the intent that leads to `entry` now and to its successor later; empty if there is none."""
    recommended = payload.recommended
    if recommended and entry is recommended[0]:
        return f"{payload.name}:{RECOMMENDED}"
    if any(entry is found for found in recommended) and entry.recommendation and entry.recommendation.alias:
        return f"{payload.name}/{entry.recommendation.alias}"
    for intent, kind in INTENTS.items():
        if _newest(payload, kind) is entry:
            return f"{payload.name}:{intent}"
    return ""


def quoted(value: object) -> str:
    """Return `value` in quotation marks, as short printable ASCII that cannot break a line of a log or a page."""
    text = str(value).encode("ascii", "backslashreplace").decode()
    text = "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in text)
    return f"“{text[:80]}…”" if len(text) > 80 else f"“{text}”"  # noqa: PLR2004  a line of a page


def _text(options: Mapping[str, object], key: str) -> str:
    value = options.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidOption(f"The option {key} must be text, not {type(value).__name__}.")
    if len(value) > MAX_LENGTH:
        raise InvalidOption(f"The option {key} is longer than {MAX_LENGTH} characters.")
    if value and not _TEXT.fullmatch(value):
        raise InvalidOption(f"The option {key} holds a character that no name has: {quoted(value)}.")
    return value


def _flag(options: Mapping[str, object], key: str) -> bool:
    value = options.get(key)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise InvalidOption(f"The option {key} is either true or false, not {quoted(value)}.")
    return value


def _size(menu: Menu, name: str) -> Size | None:
    if not menu.sized:
        if name:
            raise SizeNotAllowed(f"There is no size {quoted(name)}: this deployment has one size for everybody.")
        return None
    if name:
        for size in menu.sizes:
            if size.name == name:
                return size
        known = ", ".join(size.name for size in menu.sizes)
        raise SizeNotAllowed(
            f"The size {quoted(name)} is not among those that you may start.",
            hint=f"You may choose {known}." if known else "",
        )
    if menu.default_size is None:
        raise SizeNotAllowed("No size is open to you.", hint="Ask the administrators of this hub for one.")
    return menu.default_size


def _image(menu: Menu, text: str) -> tuple[MenuPayload, ImageEntry, str]:
    """Return payload, entry, and the intent that `text` is; an empty intent if it names an image."""
    if not text:
        if menu.default is None:
            raise ImageNotAllowed(
                "No image is recommended here, so there is none to start by default.",
                hint="Choose one from the list.",
            )
        payload, entry = menu.default
        return payload, entry, f"{payload.name}:{RECOMMENDED}"
    name, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise InvalidOption(
            f"{quoted(digest)} is not a digest.", hint="A digest is sha256: and 64 hexadecimal digits, in lower case."
        )
    if not digest and (found := _meant(menu, name)):
        return *found, f"{found[0].name}:{name.rpartition(':')[2]}"
    return *_named(menu, name, digest), ""


def _named(menu: Menu, name: str, digest: str) -> Found:
    for payload in menu.payloads:
        if name == payload.repository:
            return _by_digest(menu, payload, digest)
    place, _, tag = name.rpartition(":")
    places = [payload for payload in menu.payloads if place == payload.repository]
    if places:
        return _by_tag(menu, places, tag, digest)
    short, _, tag = name.partition("/")
    places = [payload for payload in menu.payloads if short == payload.name]
    if places and tag:
        return _by_tag(menu, places, tag, digest)
    if "/" in name or ":" in name:
        raise ImageNotAllowed(f"{quoted(name)} is not an image of this deployment.", hint="Choose one from the list.")
    return _by_tag(menu, menu.payloads, name, digest)


def _meant(menu: Menu, name: str) -> Found | None:
    place, colon, intent = name.rpartition(":")
    if intent != RECOMMENDED and intent not in INTENTS:
        return None
    found = _by_intent([payload for payload in menu.payloads if not colon or place == payload.name], intent)
    if found is None and any(place == payload.name for payload in menu.payloads):
        raise ImageNotAllowed(f"There is no image that {quoted(name)} means now.", hint=_proposal(menu, ""))
    return found


def _by_digest(menu: Menu, payload: MenuPayload, digest: str) -> Found:
    if not digest:
        raise InvalidOption(f"{quoted(payload.repository)} names no image.", hint="Add a tag or a digest.")
    for candidate in menu.payloads:
        if candidate.repository == payload.repository and digest in candidate.by_digest:
            return candidate, candidate.by_digest[digest]
    raise ImageNotAllowed(f"The image {digest[:19]}… is not among those that you may start.", hint=_proposal(menu, ""))


def _by_tag(menu: Menu, payloads: list[MenuPayload] | tuple[MenuPayload, ...], tag: str, digest: str) -> Found:
    if not _TAG.fullmatch(tag):
        raise InvalidOption(
            f"{quoted(tag)} is not a tag.",
            hint="A tag has up to 128 letters, digits, dots, dashes and underscores.",
        )
    for payload in payloads:
        entry = payload.by_tag.get(tag)
        if entry is not None and digest and entry.digest != digest:
            now = "another image" if entry.digest is None else f"{entry.digest[:19]}…"
            raise ImageNotAllowed(
                f"{quoted(tag)} means {now} by now, no longer {digest[:19]}….",
                hint=f"The list shows {entry.display}; choose it again if that is what you want.",
            )
        if entry is not None:
            return payload, entry
    name = payloads[0].name if payloads else ""
    reason = next((payload.withdrawn[tag] for payload in payloads if tag in payload.withdrawn), "")
    why = f": {reason.rstrip('.')}." if reason else "."
    raise ImageNotAllowed(
        f"The image {quoted(tag)} is not among those that you may start{why}", hint=_proposal(menu, tag, name)
    )


def _proposal(menu: Menu, tag: str, payload: str = "") -> str:
    found = nearest(menu, tag, payload)
    return "" if found is None else f"The nearest is {found[1].display} ({found[0].name}/{found[1].tag})."


def _by_intent(payloads: list[MenuPayload], intent: str) -> Found | None:
    for payload in payloads:
        if intent == RECOMMENDED:
            entry = next((entry for entry in payload.recommended if entry.digest is not None), None)
        else:
            entry = _newest(payload, INTENTS[intent]) if intent in INTENTS else None
        if entry is not None:
            return payload, entry
    return None


def _newest(payload: MenuPayload, kind: TagKind) -> ImageEntry | None:
    return next((entry for entry in payload.entries if entry.kind == kind and entry.digest is not None), None)
