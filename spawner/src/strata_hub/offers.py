"""What a form has selected when it opens: a link's proposal, the last choice, or the default. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from .errors import ChoiceError, ImageNotAllowed, SizeNotAllowed
from .menu import Menu, MenuPayload
from .options import INTENTS, RECOMMENDED, Choice, choose
from .proposals import nearest
from .state import ImageEntry


@dataclass(frozen=True)
class Offer:
    """What is selected, and why."""

    payload: MenuPayload | None
    entry: ImageEntry | None
    """None where nothing can be selected."""
    size: str
    title: str = ""
    """Heading of the selected image where it is not simply the default."""
    explanation: str = ""
    notices: tuple[str, ...] = ()
    safe_mode: bool = False
    debug: bool = False
    remember: str = "follow"
    asks: bool = False
    """True for the proposal of a link, which a user has to confirm."""


def offer_for(menu: Menu, stored: Mapping[str, object], linked: Choice | None = None) -> Offer:
    """Return what the form of `menu` opens with.

    Parameters
    ----------
    menu
        The menu of the user.
    stored
        The options of the last start, unchecked; empty if there was none.
    linked
        What a link asks for, if one was opened, and if it is allowed.
    """
    if linked is not None:
        return Offer(
            *_place(menu, linked),
            linked.size.name if linked.size else "",
            title="Proposed by the link that you opened",
            explanation="Nothing was started yet. Check image and size, then press Start.",
            safe_mode=linked.safe_mode,
            debug=linked.debug,
            remember="exact",
            asks=True,
        )
    if not stored:
        return _default(menu)
    return _again(menu, stored)


def _again(menu: Menu, stored: Mapping[str, object]) -> Offer:
    notices: list[str] = []
    options = dict(stored)
    try:
        choice = choose(menu, options)
    except SizeNotAllowed as error:
        notices.append(f"Of your last choice: {error.sentence()}")
        options.pop("size")
        try:
            choice = choose(menu, options)
        except ChoiceError as second:
            return _gone(menu, options, second, notices)
    except ChoiceError as error:
        return _gone(menu, options, error, notices)
    payload, entry = _place(menu, choice)
    default = menu.default is not None and entry is menu.default[1]
    return Offer(
        payload,
        entry,
        choice.size.name if choice.size else "",
        title="" if default else "Your last choice",
        explanation="" if default else _meaning(stored.get("image"), entry),
        notices=tuple(notices),
        safe_mode=choice.safe_mode,
        debug=choice.debug,
        remember="follow" if stored.get("remember") == "follow" or default else "exact",
    )


def _gone(menu: Menu, options: Mapping[str, object], error: ChoiceError, notices: list[str]) -> Offer:
    offer = _default(menu)
    asked = options.get("image")
    if not isinstance(error, ImageNotAllowed) or not isinstance(asked, str):
        return Offer(
            offer.payload, offer.entry, offer.size, notices=(*notices, f"Of your last choice: {error.sentence()}")
        )
    name = asked.partition("@")[0]
    tag = name.replace(":", "/").rpartition("/")[2]
    place = next((payload.name for payload in menu.payloads if name.startswith(f"{payload.repository}:")), "")
    found = nearest(menu, tag, place or name.partition("/")[0])
    payload, entry = found or (None, None)
    return Offer(
        payload,
        entry,
        offer.size,
        title="Instead of your last choice" if entry else "",
        explanation="The nearest to it that is there." if entry else "",
        notices=(*notices, f"What you started last is gone. {error}"),
        remember="exact",
    )


def _default(menu: Menu) -> Offer:
    payload, entry = menu.default or (None, None)
    return Offer(payload, entry, menu.default_size.name if menu.default_size else "")


def _place(menu: Menu, choice: Choice) -> tuple[MenuPayload, ImageEntry]:
    payload = next(payload for payload in menu.payloads if payload.name == choice.payload)
    return payload, choice.image


def _meaning(asked: object, entry: ImageEntry) -> str:
    intent = str(asked).rpartition(":")[2]
    if intent == RECOMMENDED:
        return f"You follow what is recommended: now {entry.display}."
    if intent in INTENTS:
        return f"You follow the latest {INTENTS[intent].value.replace('_', ' ')}: now {entry.display}."
    if isinstance(asked, str) and "@" not in asked and entry.recommendation:
        return f"You follow “{entry.recommendation.title}”: now {entry.display}."
    return "Exactly the image that you started last."
