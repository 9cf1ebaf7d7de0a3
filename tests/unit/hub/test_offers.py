import pytest
from strata_hub.menu import User, menu_for
from strata_hub.offers import offer_for
from strata_hub.options import choose
from support.menu_states import NOW, SCIENCE, digest_of, science, state

MENU = menu_for(state(), User("alice"), NOW)


def test_the_first_form_offers_the_default_without_a_word() -> None:
    offer = offer_for(MENU, {})
    assert offer.entry is not None
    assert (offer.entry.tag, offer.size, offer.title, offer.notices) == ("w_2026_22", "medium", "", ())


def test_a_followed_weekly_is_offered_as_what_it_means_now() -> None:
    offer = offer_for(MENU, {"image": "summit:latest_weekly", "size": "small", "remember": "follow"})
    assert offer.entry is not None
    assert (offer.entry.tag, offer.size) == ("w_2026_21", "small")
    assert offer.explanation == "You follow the latest weekly: now Weekly 2026_21."


def test_a_followed_alias_says_under_which_title() -> None:
    offer = offer_for(MENU, {"image": "science/recommended_stable", "remember": "follow"})
    assert offer.explanation == "You follow “Stable release”: now Release r29.2.0."


def test_an_exact_image_is_offered_again_with_its_options() -> None:
    image = f"{SCIENCE}:w_2026_20@{digest_of('w_2026_20')}"
    offer = offer_for(MENU, {"image": image, "safe_mode": True, "remember": "exact"})
    assert offer.entry is not None
    assert (offer.title, offer.entry.tag, offer.safe_mode, offer.remember) == (
        "Your last choice",
        "w_2026_20",
        True,
        "exact",
    )


@pytest.mark.parametrize(
    ("tag", "nearest"), [("w_2025_01", "w_2026_18"), ("w_2030_01", "w_2026_22"), ("r28_0_0", "r29_1_1")]
)
def test_an_image_that_is_gone_is_named_and_the_nearest_proposed(tag: str, nearest: str) -> None:
    offer = offer_for(MENU, {"image": f"{SCIENCE}:{tag}@{digest_of(tag)}", "size": "small"})
    assert offer.entry is not None
    assert (offer.title, offer.entry.tag) == ("Instead of your last choice", nearest)
    assert tag in offer.notices[0]


def test_a_withdrawn_image_is_said_to_be_withdrawn_and_why() -> None:
    offer = offer_for(MENU, {"image": "science/w_2025_01"})
    assert "older than the support window" in offer.notices[0]


def test_a_size_that_is_gone_leaves_the_image() -> None:
    offer = offer_for(MENU, {"image": "science/w_2026_20", "size": "large"})
    assert offer.entry is not None
    assert (offer.entry.tag, offer.size) == ("w_2026_20", "medium")
    assert "large" in offer.notices[0]


@pytest.mark.parametrize(
    "stored",
    [{"image": [1, 2]}, {"profile": "old"}, {"image": "a\nb"}, {"size": {}}, {"image": None, "size": "x" * 999}],
)
def test_stored_options_that_mean_nothing_are_mentioned_and_the_default_offered(stored: dict[str, object]) -> None:
    offer = offer_for(MENU, stored)
    assert offer.entry is not None
    assert offer.entry.tag == "w_2026_22"
    assert len(offer.notices) == 1


def test_a_link_is_offered_and_asks() -> None:
    linked = choose(MENU, {"image": "science/w_2026_20", "size": "small"})
    offer = offer_for(MENU, {"image": "science/w_2026_19"}, linked)
    assert offer.entry is not None
    assert (offer.asks, offer.entry.tag, offer.size) == (True, "w_2026_20", "small")


def test_an_empty_menu_offers_nothing() -> None:
    offer = offer_for(menu_for(state(science(())), User("alice"), NOW), {"image": "science/w_2026_20"})
    assert offer.entry is None
