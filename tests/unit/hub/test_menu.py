from datetime import timedelta

from strata_hub.menu import User, menu_for, named_groups
from support.menu_states import NOW, entry, science, state

ALICE = User("alice")


def test_sections_come_in_the_order_of_the_form() -> None:
    menu = menu_for(state(), ALICE, NOW)
    assert [section.name for section in menu.payloads[0].sections] == ["recommended", "release", "weekly", "daily"]


def test_recommended_images_come_by_rank_whatever_the_order_of_the_state() -> None:
    images = tuple(reversed(science().images))
    menu = menu_for(state(science(images)), ALICE, NOW)
    assert [found.tag for found in menu.payloads[0].recommended] == ["w_2026_22", "r29_2_0"]


def test_an_image_of_a_group_is_in_the_menu_of_its_members_only() -> None:
    assert "exp_w_2026_20_gpu" not in menu_for(state(), ALICE, NOW).payloads[0].by_tag
    member = User("bob", frozenset({"gpu"}))
    assert "exp_w_2026_20_gpu" in menu_for(state(), member, NOW).payloads[0].by_tag


def test_an_admin_without_the_group_does_not_get_the_image() -> None:
    menu = menu_for(state(), User("root", admin=True), NOW)
    assert "exp_w_2026_20_gpu" not in menu.payloads[0].by_tag


def test_only_an_admin_is_told_what_is_wrong_with_the_list() -> None:
    assert menu_for(state(), ALICE, NOW).payloads[0].problems == ()
    assert menu_for(state(), User("root", admin=True), NOW).payloads[0].problems


def test_a_size_of_a_group_is_for_its_members() -> None:
    assert [size.name for size in menu_for(state(), ALICE, NOW).sizes] == ["small", "medium"]
    staff = menu_for(state(), User("bob", frozenset({"staff"})), NOW)
    assert [size.name for size in staff.sizes] == ["small", "medium", "large"]


def test_the_age_of_a_list_is_given_once_it_is_older_than_tolerated() -> None:
    assert menu_for(state(), ALICE, NOW).payloads[0].age is None
    later = menu_for(state(), ALICE, NOW + timedelta(hours=5))
    assert later.payloads[0].age == timedelta(hours=5, minutes=2)


def test_the_default_is_the_first_recommended_image_that_can_be_started() -> None:
    menu = menu_for(state(), ALICE, NOW)
    assert menu.default is not None
    assert menu.default[1].tag == "w_2026_22"
    unexamined = tuple(
        image.model_copy(update={"digest": None}) if image.tag == "w_2026_22" else image for image in science().images
    )
    menu = menu_for(state(science(unexamined)), ALICE, NOW)
    assert menu.default is not None
    assert menu.default[1].tag == "r29_2_0"


def test_a_tag_of_one_image_wins_over_the_same_name_as_alias_of_another() -> None:
    first, second = entry("w_2026_22", names=("w_2026_21",)), entry("w_2026_21")
    menu = menu_for(state(science((first, second))), ALICE, NOW)
    assert menu.payloads[0].by_tag["w_2026_21"] == second


def test_the_groups_that_matter_are_those_that_the_state_names() -> None:
    assert named_groups(state()) == {"gpu", "staff"}


def test_an_image_stands_where_the_user_s_groups_put_it() -> None:
    pinned = entry("w_2026_01", group_sections={"commissioning": "recommended"})
    document = state(science((*science().images, pinned)))
    assert "commissioning" in named_groups(document)
    member = menu_for(document, User("bob", frozenset({"commissioning"})), NOW).payloads[0]
    assert [found.tag for found in member.recommended] == ["w_2026_22", "r29_2_0", "w_2026_01"]
    assert pinned not in menu_for(document, ALICE, NOW).payloads[0].recommended
