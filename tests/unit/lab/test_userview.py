"""Kernels and terminals get the user's own environment back."""

from hypothesis import given
from hypothesis import strategies as st
from strata_lab import userview

NAMES = st.text(alphabet="ABCDEFG_", min_size=1, max_size=4)
ENVIRONMENTS = st.dictionaries(NAMES, st.text(max_size=5), max_size=6)


@given(before=ENVIRONMENTS, after=ENVIRONMENTS)
def test_restoring_undoes_every_change_that_was_noted(before: dict[str, str], after: dict[str, str]) -> None:
    server = {**after, userview.CHANGES_VARIABLE: userview.changes(before, after)}
    assert userview.restored(server) == {**before, **userview.USER_DEFENCES}


def test_variables_set_after_the_launch_are_kept() -> None:
    server = {"A": "2", "B": "new", userview.CHANGES_VARIABLE: userview.changes({"A": "1"}, {"A": "2"})}
    assert userview.restored(server) == {"A": "1", "B": "new", **userview.USER_DEFENCES}


def test_a_note_that_cannot_be_read_counts_as_no_changes() -> None:
    for text in ("", "{", "[]", '{"A": 1}', "null"):
        assert userview.restored({"A": "1", userview.CHANGES_VARIABLE: text}) == {"A": "1", **userview.USER_DEFENCES}


def test_a_kernel_does_not_get_what_changes_the_imports_of_python() -> None:
    environ = {"PYTHONPATH": "/planted", "PYTHONHOME": "/x", "PYTHONHASHSEED": "1"}
    assert userview.for_kernel(environ) == {"PYTHONHASHSEED": "1", **userview.USER_DEFENCES}


def test_folders_are_put_first_once_and_others_left_out() -> None:
    environ = {"PATH": "/usr/bin:/opt/machinery/bin:/stack/bin::/bin"}
    path = userview.with_path(environ, first=["/shims", "/stack/bin"], without=["/opt/machinery/bin"])["PATH"]
    assert path == "/shims:/stack/bin:/usr/bin:/bin"
