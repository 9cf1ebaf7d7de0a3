"""What a script did to the variables can be kept and done again."""

from hypothesis import given
from hypothesis import strategies as st
from strata_lab.environment_change import Change, difference

NAMES = st.sampled_from(["A", "B", "PATH", "X_Y"])
VALUES = st.text(alphabet="ab:/ ", max_size=6)
ENVIRONMENTS = st.dictionaries(NAMES, VALUES, max_size=4)


@given(old=ENVIRONMENTS, new=ENVIRONMENTS)
def test_the_change_between_two_environments_makes_the_second_of_the_first(
    old: dict[str, str], new: dict[str, str]
) -> None:
    assert difference(old, new).applied(old) == new


@given(old=ENVIRONMENTS, new=ENVIRONMENTS)
def test_a_change_survives_being_written_down(old: dict[str, str], new: dict[str, str]) -> None:
    change = difference(old, new)
    assert Change.model_validate_json(change.model_dump_json()) == change


def test_a_search_path_is_extended_not_replaced() -> None:
    change = difference({"PATH": "/usr/bin"}, {"PATH": "/a:/usr/bin:/z"})
    assert change.applied({"PATH": "/mine"})["PATH"] == "/a:/mine:/z"
    assert change.applied({})["PATH"] == "/a:/z"


def test_what_the_shell_sets_for_itself_is_no_change() -> None:
    assert difference({"PWD": "/a"}, {"PWD": "/b", "SHLVL": "2", "_": "x", "OLDPWD": "/"}) == Change()
