"""The spawn form: a menu as HTML, and what a submitted form or an opened link means."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from . import wording
from .errors import InvalidOption, StrataError
from .menu import Menu
from .offers import Offer
from .options import KEYS, quoted
from .search import Hits

STATIC = Path(__file__).parent / "static"
TYPED = "typed"
"""Name of the field in which a tag is typed, and value of the radio button beside it."""
FIELDS = frozenset({*KEYS, TYPED, "_xsrf"})
FLAGS = ("safe_mode", "debug")
_TRUE, _FALSE = ("1", "on", "true"), ("0", "off", "false", "")

ENVIRONMENT = Environment(
    loader=PackageLoader("strata_hub"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
ENVIRONMENT.filters |= {"age": wording.age, "span": wording.span, "cores": wording.cores, "memory": wording.memory}


@dataclass(frozen=True)
class Page:
    """Where the form of one user stands in the hub."""

    hub: str
    """Path of the hub, such as ``/hub/``."""
    user: str
    """Name of the user as it stands in a URL."""

    @property
    def search(self) -> str:
        """Where the form searches in all images."""
        return f"{self.hub}strata/images/{self.user}"

    @property
    def link(self) -> str:
        """What a copied link begins with: it fits everybody, not only this user."""
        return f"{self.hub}spawn"

    def asset(self, name: str) -> str:
        """Return the URL of the file `name`, which changes with its content."""
        return f"{self.hub}strata/static/{quote(name)}?v={_version(name)}"


def render(menu: Menu, offer: Offer, page: Page) -> str:
    """Return the form as HTML; what is the same for everybody with the same menu is rendered once."""
    selected = offer.payload.reference(offer.entry) if offer.payload and offer.entry and not offer.title else ""
    return ENVIRONMENT.get_template("form.html").render(
        menu=menu,
        offer=offer,
        page=page,
        typed=TYPED,
        images=_images(menu, selected),
        total=sum(len(payload.entries) for payload in menu.payloads),
    )


def render_hits(menu: Menu, hits: Hits) -> str:
    """Return one page of search results as HTML."""
    return ENVIRONMENT.get_template("hits.html").render(hits=hits, at=menu.at)


def render_problem(error: StrataError) -> str:
    """Return what stands in place of the form where there is nothing to choose from."""
    return ENVIRONMENT.get_template("problem.html").render(error=error)


def options_from_form(form: Mapping[str, list[Any]]) -> dict[str, object]:
    """Return the options that a submitted form means; the gate checks them.

    Raises
    ------
    InvalidOption
        If a field is unknown or there twice, or a tag is typed while another image is chosen. An unknown one stops
        here, since JupyterHub keeps options, uploads included, before the gate sees them.
    """
    for key in form:
        if key not in FIELDS:
            raise InvalidOption(f"The form has no field {quoted(key)}.")
    options = _single(form)
    typed = str(options.pop(TYPED, "")).strip()
    if options.get("image") == TYPED:
        options["image"] = typed
    elif typed and "image" in options:
        raise InvalidOption(
            "A tag is typed, and another image is chosen.", hint="Choose the typed one, or empty the field."
        )
    elif typed:
        options["image"] = typed
    return options


def options_from_query(query: Mapping[str, list[Any]]) -> dict[str, object]:
    """Return the options that a link means; the gate checks them.

    Raises
    ------
    InvalidOption
        If an option is there twice.
    """
    return _single(query)


def _single(fields: Mapping[str, list[Any]]) -> dict[str, object]:
    options: dict[str, object] = {}
    for key, values in fields.items():
        if len(values) != 1:
            raise InvalidOption(f"There are {len(values)} values for one field.", hint="One is enough.")
        if key != "_xsrf":
            options[key] = values[0]
    for key in FLAGS:
        if options.get(key) in _TRUE:
            options[key] = True
        elif options.get(key) in _FALSE:
            options[key] = False
    return options


@lru_cache(maxsize=64)
def _images(menu: Menu, selected: str) -> Markup:
    text = ENVIRONMENT.get_template("images.html").render(menu=menu, selected=selected)
    return Markup(text)  # noqa: S704  rendered by an autoescaping template


@lru_cache(maxsize=16)
def _version(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:16]
