import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strata_hub.errors import ChoiceError, ImageNotAllowed, InvalidOption, SizeNotAllowed
from strata_hub.menu import User, menu_for
from strata_hub.options import KEYS, choose
from support.hostile import HOSTILE
from support.menu_states import NOW, SCIENCE, SUMMIT, digest_of, science, state

MENU = menu_for(state(), User("alice"), NOW)
WEEKLY = f"{SCIENCE}:w_2026_22@{digest_of('w_2026_22')}"


def test_no_options_start_the_first_recommended_image_in_the_default_size() -> None:
    choice = choose(MENU, {})
    assert choice.reference == WEEKLY
    assert choice.size is not None
    assert choice.size.name == "medium"
    assert (choice.safe_mode, choice.debug, choice.intent) == (False, False, "science:recommended")


@pytest.mark.parametrize(
    ("asked", "tag"),
    [
        (WEEKLY, "w_2026_22"),
        (f"{SCIENCE}:w_2026_20", "w_2026_20"),
        (f"{SCIENCE}@{digest_of('w_2026_20')}", "w_2026_20"),
        ("science/w_2026_20", "w_2026_20"),
        (f"science/w_2026_20@{digest_of('w_2026_20')}", "w_2026_20"),
        ("science/recommended_stable", "r29_2_0"),
        (f"{SUMMIT}:w_2026_21", "w_2026_21"),
        (f"{SUMMIT}@{digest_of('summit')}", "d_2026_05_28_c0044.007"),
        ("summit:recommended", "d_2026_05_28_c0044.007"),
        ("recommended", "w_2026_22"),
        ("latest_release", "r29_2_0"),
        ("latest_weekly", "w_2026_22"),
        ("summit:latest_weekly", "w_2026_21"),
        ("latest_daily", "d_2026_05_31"),
        ("w_2026_20", "w_2026_20"),
        ("d_2026_05_28_c0044.007", "d_2026_05_28_c0044.007"),
    ],
)
def test_an_image_is_found_by_every_way_to_name_it(asked: str, tag: str) -> None:
    assert choose(MENU, {"image": asked}).image.tag == tag


@pytest.mark.parametrize("asked", [*HOSTILE, b"w_2026_22"], ids=lambda value: repr(value)[:40])
def test_anything_else_is_refused_with_a_short_printable_sentence(asked: object) -> None:
    with pytest.raises(ChoiceError) as caught:
        choose(MENU, {"image": asked})
    sentence = caught.value.sentence()
    assert len(sentence) < 400
    assert sentence.isprintable()


def test_a_member_of_the_group_gets_the_image_that_others_do_not() -> None:
    menu = menu_for(state(), User("bob", frozenset({"gpu"})), NOW)
    assert choose(menu, {"image": "science/exp_w_2026_20_gpu"}).image.tag == "exp_w_2026_20_gpu"


def test_an_image_that_was_not_examined_cannot_be_started() -> None:
    with pytest.raises(ImageNotAllowed, match="not examined yet"):
        choose(MENU, {"image": "science/d_2026_05_30"})


def test_a_tag_that_moved_is_refused_when_the_old_digest_is_asked_for() -> None:
    with pytest.raises(ImageNotAllowed, match="no longer") as caught:
        choose(MENU, {"image": f"{SCIENCE}:w_2026_22@{digest_of('w_2026_20')}"})
    assert "Weekly 2026_22" in caught.value.hint


def test_an_image_that_was_withdrawn_says_why_and_proposes_the_nearest() -> None:
    with pytest.raises(ImageNotAllowed, match="older than the support window") as caught:
        choose(MENU, {"image": "science/w_2025_01"})
    assert "Weekly 2026_18" in caught.value.hint


@pytest.mark.parametrize(
    "options",
    [
        {"Image": "w_2026_22"},
        {"image ": "w_2026_22"},
        {"profile": "x"},
        {"": ""},
        {"image": "w_2026_22", "kubespawner_override": {"image": "evil"}},
        {"safe_mode": "true"},
        {"safe_mode": 1},
        {"debug": [True]},
        {"remember": "always"},
        {"size": 3},
        {"size": ["medium"]},
        {"size": "medium\n"},
        {"x" * 100_000: 1},
    ],
    ids=lambda value: repr(value)[:40],
)
def test_unknown_keys_and_wrong_types_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InvalidOption) as caught:
        choose(MENU, options)
    assert len(caught.value.sentence()) < 400


def test_a_size_of_another_group_is_refused_and_the_open_ones_are_named() -> None:
    with pytest.raises(SizeNotAllowed, match="large") as caught:
        choose(MENU, {"size": "large"})
    assert caught.value.hint == "You may choose small, medium."


def test_nothing_recommended_means_that_nothing_starts_by_default() -> None:
    menu = menu_for(state(science(())), User("alice"), NOW)
    with pytest.raises(ImageNotAllowed):
        choose(menu, {})


def test_a_state_without_sizes_leaves_limits_to_the_spawner() -> None:
    menu = menu_for(state().model_copy(update={"sizes": ()}), User("alice"), NOW)
    assert choose(menu, {}).size is None
    with pytest.raises(SizeNotAllowed):
        choose(menu, {"size": "medium"})


def test_sizes_that_are_all_closed_to_a_user_are_no_reason_to_start_without_limits() -> None:
    closed = tuple(size.model_copy(update={"groups": ("staff",)}) for size in state().sizes)
    menu = menu_for(state().model_copy(update={"sizes": closed}), User("alice"), NOW)
    with pytest.raises(SizeNotAllowed):
        choose(menu, {})


@pytest.mark.parametrize(
    ("image", "intent"),
    [
        (WEEKLY, "science:recommended"),
        ("r29_2_0", "science/recommended_stable"),
        ("d_2026_05_31", "science:latest_daily"),
        ("summit/w_2026_21", "summit:latest_weekly"),
        ("science/w_2026_20", f"{SCIENCE}:w_2026_20@{digest_of('w_2026_20')}"),
    ],
)
def test_following_remembers_what_the_image_was_chosen_for(image: str, intent: str) -> None:
    choice = choose(MENU, {"image": image, "remember": "follow"})
    assert choice.intent == intent
    assert choose(MENU, {"image": intent}).image == choice.image


def test_without_following_exactly_this_image_is_remembered() -> None:
    assert choose(MENU, {"image": WEEKLY}).intent == WEEKLY


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([WEEKLY, "recommended"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(KEYS) | st.text(), anything, max_size=4))
def test_whatever_comes_it_is_a_choice_from_the_menu_or_a_refusal(options: dict[str, object]) -> None:
    """The gate: never an image outside the menu, never another kind of error."""
    choice = None
    with contextlib.suppress(ChoiceError):
        choice = choose(MENU, options)
    if choice is None:
        return
    assert any(choice.image is found and found.digest for _, found in MENU)
    assert choice.size in MENU.sizes
