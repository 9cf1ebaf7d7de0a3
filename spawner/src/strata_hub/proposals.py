"""What to propose instead of an image that is not there. Pure."""

import re

from .menu import Menu, MenuPayload
from .state import ImageEntry

Found = tuple[MenuPayload, ImageEntry]


def nearest(menu: Menu, tag: str, payload: str = "") -> Found | None:
    """Return the image of `menu` that comes nearest to `tag`, or the default where nothing is like it.

    Among startable images whose tag begins with the same word (``w`` of ``w_2026_22``) it is the next newer one by the
    numbers in the tag, else the newest older one; images of the payload called `payload` go first.

    Parameters
    ----------
    menu
        What may be started.
    tag
        The tag that was asked for; any text.
    payload
        Name of the payload in which it was, as far as it is known.
    """
    wanted = _numbers(tag)
    word = _word(tag)
    alike = [found for found in menu if found[1].digest is not None and word and _word(found[1].tag) == word]
    preferred = [found for found in alike if found[0].name == payload] or alike
    newer = [found for found in preferred if _numbers(found[1].tag) >= wanted]
    if newer:
        return min(newer, key=lambda found: _numbers(found[1].tag))
    if preferred:
        return max(preferred, key=lambda found: _numbers(found[1].tag))
    return menu.default


def _word(tag: str) -> str:
    found = re.match(r"[A-Za-z]+(?=[0-9_.-])", tag, re.ASCII)
    return found.group() if found else ""


def _numbers(tag: str) -> tuple[int, ...]:
    # A run of digits that no tag of a registry can hold would cost quadratic time to convert.
    return tuple(int(run) for run in re.findall(r"[0-9]{1,18}", tag, re.ASCII))
