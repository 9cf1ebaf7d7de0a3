"""The spawn form: a menu as HTML, and what a submitted form means."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from .errors import InvalidOption, StrataError
from .menu import Menu

ENVIRONMENT = Environment(
    loader=PackageLoader("strata_hub"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
TYPED = "typed"
"""Value of the radio button beside the field in which a tag is typed."""


def render(menu: Menu) -> str:
    """Return the form of `menu` as HTML."""
    return ENVIRONMENT.get_template("form.html").render(menu=menu)


def render_problem(error: StrataError) -> str:
    """Return what stands in place of the form where there is nothing to choose from."""
    return ENVIRONMENT.get_template("problem.html").render(error=error)


def options_from_form(form: Mapping[str, list[Any]]) -> dict[str, object]:
    """Return the options that a submitted form means; the gate checks them.

    Raises
    ------
    InvalidOption
        If a field is there twice, or a tag is typed while another image is chosen.
    """
    options: dict[str, object] = {}
    for key, values in form.items():
        if len(values) != 1:
            raise InvalidOption(f"The form holds {len(values)} values for one field.")
        if key != "_xsrf":
            options[key] = values[0]
    typed = str(options.pop(TYPED, "")).strip()
    if options.get("image") == TYPED:
        options["image"] = typed
    elif typed and "image" in options:
        raise InvalidOption(
            "A tag is typed, and another image is chosen.", hint="Choose the typed one, or empty the field."
        )
    elif typed:
        options["image"] = typed
    for key in ("safe_mode", "debug"):
        if options.get(key) == "on":
            options[key] = True
    return options
