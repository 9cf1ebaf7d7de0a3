import pytest
from strata_hub.menu import User, menu_for
from strata_hub.search import search
from support.menu_states import NOW, large_state, state

MENU = menu_for(state(), User("alice"), NOW)


def tags(query: str) -> list[str]:
    return [entry.tag for _, entry in search(MENU, query).found]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("w_2026_20", ["w_2026_20"]),
        ("W_2026_20", ["w_2026_20"]),
        ("weekly 2026_20", ["w_2026_20"]),
        ("2026_20 weekly", ["w_2026_20"]),
        ("recommended_stable", []),
        ("recommended_c0044", ["d_2026_05_28_c0044.007"]),
        ("cycle 0044 build 007 daily", ["d_2026_05_28_c0044.007"]),
        ("v29.2.0", ["r29_2_0"]),
        ("telescope weekly", ["w_2026_21"]),
        ("no such thing", []),
        ("<script>", []),
    ],
)
def test_every_word_has_to_occur_somewhere_in_what_names_an_image(query: str, expected: list[str]) -> None:
    assert tags(query) == expected


def test_an_image_of_another_group_is_not_found() -> None:
    assert tags("exp_w_2026_20_gpu") == []
    assert "exp_w_2026_20_gpu" in [
        entry.tag for _, entry in search(menu_for(state(), User("b", frozenset({"gpu"})), NOW), "exp_w").found
    ]


def test_the_exact_name_goes_first_then_what_begins_with_it() -> None:
    assert tags("latest_weekly") == ["w_2026_22"]
    assert tags("w_2026_21")[0] == "w_2026_21"


def test_results_come_in_pages_that_together_hold_everything_once() -> None:
    menu = menu_for(large_state(100), User("alice"), NOW)
    seen: list[str] = []
    start: int | None = 0
    while start is not None:
        hits = search(menu, "", start)
        assert hits.total == 100
        seen += [entry.tag for _, entry in hits.found]
        start = hits.next_start
    assert seen == [entry.tag for _, entry in menu]


def test_a_start_beyond_the_end_gives_an_empty_last_page() -> None:
    hits = search(MENU, "", 10_000)
    assert (hits.found, hits.next_start) == ((), None)
    assert search(MENU, "", -5).start == 0


def test_a_query_of_a_megabyte_is_cut() -> None:
    assert search(MENU, "w" * 1_000_000).total == 0
