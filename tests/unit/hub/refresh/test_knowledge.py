from datetime import timedelta

import pytest
from strata_hub.errors import RegistryNotFound
from strata_hub.refresh.knowledge import Knowledge, Listing
from strata_hub.store import Checked, Known
from strata_hub.tags import scheme
from support.stores import AT, digest_of, image_metadata

MINUTE = timedelta(minutes=1)
WEEKLIES = [f"w_2026_{week:02}" for week in range(1, 21)]


@pytest.fixture
def knowledge() -> Knowledge:
    knowledge = Knowledge(scheme("rubin"))
    assert knowledge.listed(WEEKLIES, AT) is Listing.CHANGED
    return knowledge


def test_an_equal_list_changes_its_age_and_nothing_else(knowledge: Knowledge) -> None:
    knowledge.take_unsaved()
    assert knowledge.listed(WEEKLIES, AT + MINUTE) is Listing.UNCHANGED
    assert knowledge.listed_at == AT + MINUTE
    assert not knowledge.unsaved


def test_new_tags_come_and_deleted_ones_go(knowledge: Knowledge) -> None:
    assert knowledge.listed([*WEEKLIES[1:], "d_2026_06_01"], AT + MINUTE) is Listing.CHANGED
    assert "d_2026_06_01" in knowledge.records
    assert WEEKLIES[0] not in knowledge.records
    assert knowledge.unsaved.tags == frozenset(knowledge.records)


@pytest.mark.parametrize("rest", [[], WEEKLIES[:9]])
def test_a_list_that_shrank_is_believed_when_a_second_one_agrees(knowledge: Knowledge, rest: list[str]) -> None:
    assert knowledge.listed(rest, AT + MINUTE) is Listing.SUSPICIOUS
    assert len(knowledge.records) == 20
    assert knowledge.listed_at == AT
    assert knowledge.listed(rest, AT + 2 * MINUTE) is Listing.CHANGED
    assert set(knowledge.records) == set(rest)


def test_two_short_lists_that_contradict_each_other_are_not_believed(knowledge: Knowledge) -> None:
    for minute, rest in enumerate([WEEKLIES[:5], WEEKLIES[10:15], WEEKLIES[5:9]], 1):
        assert knowledge.listed(rest, AT + minute * MINUTE) is Listing.SUSPICIOUS
    assert len(knowledge.records) == 20


def test_a_full_list_ends_the_suspicion(knowledge: Knowledge) -> None:
    knowledge.listed([], AT + MINUTE)
    assert knowledge.listed(WEEKLIES, AT + 2 * MINUTE) is Listing.UNCHANGED
    assert knowledge.listed([], AT + 3 * MINUTE) is Listing.SUSPICIOUS


def test_a_half_is_not_suspicious(knowledge: Knowledge) -> None:
    assert knowledge.listed(WEEKLIES[:10], AT + MINUTE) is Listing.CHANGED
    assert len(knowledge.records) == 10


def test_a_tag_examined_while_the_list_was_on_its_way_stays(knowledge: Knowledge) -> None:
    knowledge.checked("d_2026_06_01", digest_of("d"), image_metadata("d"), AT + 2 * MINUTE)
    knowledge.listed(WEEKLIES, AT + MINUTE)
    assert "d_2026_06_01" in knowledge.records
    knowledge.listed(WEEKLIES, AT + 3 * MINUTE)
    assert "d_2026_06_01" not in knowledge.records


def test_a_fixed_tag_that_names_another_image_is_reported(knowledge: Knowledge) -> None:
    assert knowledge.checked(WEEKLIES[0], digest_of("a"), image_metadata("a"), AT)
    assert not knowledge.checked(WEEKLIES[0], digest_of("a"), image_metadata("a"), AT + MINUTE)
    assert knowledge.problems() == ()
    assert knowledge.checked(WEEKLIES[0], digest_of("b"), image_metadata("b"), AT + 2 * MINUTE)
    (problem,) = knowledge.problems()
    assert "was pushed again" in problem
    assert digest_of("a") in problem
    assert knowledge.unsaved.repushes == knowledge.repushes


def test_an_alias_may_move_without_a_word(knowledge: Knowledge) -> None:
    knowledge.checked("recommended", digest_of("a"), None, AT)
    assert knowledge.checked("recommended", digest_of("b"), None, AT + MINUTE)
    assert knowledge.problems() == ()


def test_a_tag_that_fails_is_left_alone_longer_each_time(knowledge: Knowledge) -> None:
    name, now = WEEKLIES[0], AT
    for pause in (1, 2, 4, 8, 16, 32, 60, 60):
        knowledge.failed(name, RegistryNotFound("gone"), now)
        assert name not in set(knowledge.unexamined([name], now + (pause - 0.1) * MINUTE))
        now += pause * MINUTE
        assert name in set(knowledge.unexamined([name], now))
    assert knowledge.problems() == (f"The tag {name} cannot be examined: gone",)
    knowledge.checked(name, digest_of("a"), image_metadata("a"), now)
    assert knowledge.problems() == ()


def test_many_problems_are_counted(knowledge: Knowledge) -> None:
    for number in range(50):
        knowledge.failed(f"t{number}", RegistryNotFound("gone"), AT)
    assert len(knowledge.problems()) == 21
    assert knowledge.problems()[-1] == "30 more tags cannot be examined."


def test_trouble_keeps_the_time_of_its_first_failure(knowledge: Knowledge) -> None:
    assert knowledge.trouble("registry.unavailable", "down", AT)
    assert not knowledge.trouble("registry.unavailable", "still down", AT + MINUTE)
    assert knowledge.error is not None
    assert (knowledge.error.since, knowledge.error.message) == (AT, "still down")
    assert knowledge.recovered()
    assert not knowledge.recovered()


def test_what_cannot_be_written_is_kept_and_what_came_later_is_newer(knowledge: Knowledge) -> None:
    knowledge.checked("recommended", "old", None, AT)
    changes = knowledge.take_unsaved()
    knowledge.checked("recommended", "new", None, AT + MINUTE)
    knowledge.give_back(changes)
    assert knowledge.unsaved.checked["recommended"] == Checked("new", AT + MINUTE)
    assert knowledge.unsaved.tags == frozenset(WEEKLIES)


def test_what_a_process_learnt_itself_is_newer_than_what_it_recalls() -> None:
    knowledge = Knowledge(scheme("rubin"))
    knowledge.listed(["a"], AT + MINUTE)
    knowledge.recall(Known(AT, {"a": None, "b": None}, {digest_of("a"): image_metadata("a")}, []))
    assert set(knowledge.records) == {"a"}
    assert digest_of("a") in knowledge.metadata
