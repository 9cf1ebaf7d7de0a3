from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strata_hub.errors import InvalidOption, StateUnavailable
from strata_hub.forms import (
    ENVIRONMENT,
    Page,
    options_from_form,
    options_from_query,
    render,
    render_hits,
    render_problem,
)
from strata_hub.menu import Menu, User, menu_for
from strata_hub.offers import offer_for
from strata_hub.options import choose
from strata_hub.search import search
from strata_hub.state import Recommendation
from strata_hub.tags import TagKind
from support.menu_states import NOW, entry, large_state, science, state

PAGE = Page("/hub/", "alice")
MENU = menu_for(state(), User("alice"), NOW)


class Inputs(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag in ("input", "script"):
            self.found.append(dict(attrs))

    def named(self, name: str) -> Iterator[dict[str, str | None]]:
        return (attrs for attrs in self.found if attrs.get("name") == name)

    def checked(self, name: str) -> list[str | None]:
        return [attrs["value"] for attrs in self.named(name) if "checked" in attrs]


def form(menu: Menu = MENU, stored: dict[str, object] | None = None) -> str:
    return render(menu, offer_for(menu, stored or {}), PAGE)


def test_exactly_one_image_and_one_size_are_selected() -> None:
    inputs = Inputs(form())
    assert [value and value.partition(":")[2][:9] for value in inputs.checked("image")] == ["w_2026_22"]
    assert inputs.checked("size") == ["medium"]


def test_with_a_last_choice_that_one_is_selected_and_no_other() -> None:
    inputs = Inputs(form(stored={"image": "science/w_2026_20", "size": "small"}))
    assert len(inputs.checked("image")) == 1
    assert "w_2026_20@" in str(inputs.checked("image")[0])
    assert inputs.checked("size") == ["small"]


def test_every_value_that_the_form_posts_passes_the_gate_and_is_what_was_shown() -> None:
    for attrs in Inputs(form()).named("image"):
        if "disabled" not in attrs and attrs["value"] != "typed":
            assert choose(MENU, {"image": attrs["value"]}).reference == attrs["value"]


def test_an_image_that_was_not_examined_cannot_be_selected() -> None:
    [attrs] = [attrs for attrs in Inputs(form()).named("image") if "d_2026_05_30" in str(attrs["value"])]
    assert "disabled" in attrs


def test_ids_are_unique() -> None:
    html = form(stored={"image": "science/w_2026_20"}) + render_hits(MENU, search(MENU, ""))
    ids = [attrs["id"] for attrs in Inputs(html).found if attrs.get("id")]
    assert len(ids) == len(set(ids))


def test_ten_thousand_images_do_not_make_the_page_longer() -> None:
    few, many = (form(menu_for(large_state(count), User("alice"), NOW)) for count in (50, 10_000))
    assert abs(len(few) - len(many)) < 100


def test_an_old_list_says_how_old_it_is() -> None:
    html = form(menu_for(state(), User("alice"), NOW + timedelta(hours=5)))
    assert "This list is 5 hours old" in html


def test_problems_are_shown_to_admins() -> None:
    assert "w_2020_01" not in form()
    assert "w_2020_01" in form(menu_for(state(), User("root", admin=True), NOW))


def test_without_a_list_the_form_is_a_sentence() -> None:
    html = render_problem(StateUnavailable("There is no <list>.", hint="Wait."))
    assert "There is no &lt;list&gt;. Wait." in html
    assert "<input" not in html


PAYLOADS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "{{ 1234567 * 7 }}",
    "{% include 'form.html' %}",
    "</label></div></form><form action=//evil>",
    "javascript:alert(1)",
    "\u202egnp",
]


@pytest.mark.parametrize("text", PAYLOADS)
def test_text_of_a_registry_stays_text(text: str) -> None:
    hostile = entry(
        text,
        TagKind.UNRECOGNISED,
        display=text,
        note=text,
        stack=text,
        cycle=text,
        names=(text,),
        section="recommended",
        recommendation=Recommendation(title=text, note=text, alias=text, rank=1),
    )
    menu = menu_for(state(science((hostile,))), User("alice"), NOW)
    html = form(menu) + render_hits(menu, search(menu, "")) + render_problem(StateUnavailable(text, hint=text))
    parsed = Inputs(html)
    assert parsed.tags <= Inputs(form()).tags | {"code"}
    assert [attrs["src"] for attrs in parsed.found if "src" in attrs] == [PAGE.asset("form.js")]
    assert str(1234567 * 7) not in html


def test_the_templates_escape_and_miss_nothing() -> None:
    assert ENVIRONMENT.autoescape is True
    assert ENVIRONMENT.undefined.__name__ == "StrictUndefined"


def test_a_submitted_form_becomes_options() -> None:
    fields = {
        "image": ["x"],
        "typed": [""],
        "size": ["small"],
        "safe_mode": ["on"],
        "remember": ["follow"],
        "_xsrf": ["t"],
    }
    assert options_from_form(fields) == {"image": "x", "size": "small", "safe_mode": True, "remember": "follow"}


def test_a_typed_tag_counts_where_it_was_chosen_or_nothing_else_was() -> None:
    assert options_from_form({"image": ["typed"], "typed": [" w_2026_20 "]}) == {"image": "w_2026_20"}
    assert options_from_form({"typed": ["w_2026_20"]}) == {"image": "w_2026_20"}
    with pytest.raises(InvalidOption, match="typed"):
        options_from_form({"image": ["other"], "typed": ["w_2026_20"]})


def test_a_field_that_is_there_twice_is_refused() -> None:
    with pytest.raises(InvalidOption):
        options_from_form({"image": ["a", "b"]})
    with pytest.raises(InvalidOption):
        options_from_query({"size": []})


def test_an_upload_is_refused_before_the_hub_keeps_it() -> None:
    with pytest.raises(InvalidOption, match="image_file"):
        options_from_form({"image_file": [object()]})


def test_a_link_may_say_safe_mode_with_1() -> None:
    assert options_from_query({"image": ["x"], "safe_mode": ["1"], "debug": ["0"]}) == {
        "image": "x",
        "safe_mode": True,
        "debug": False,
    }


@given(st.dictionaries(st.text(), st.lists(st.text() | st.binary(), max_size=3), max_size=5))
def test_any_form_is_read_or_refused(fields: dict[str, list[str | bytes]]) -> None:
    """A form is third-party text: the only error is the one with a sentence."""
    try:
        assert isinstance(options_from_form(fields), dict)
    except InvalidOption as refusal:
        assert refusal.sentence()  # noqa: PT017  either way is right
