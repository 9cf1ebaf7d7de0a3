"""What a conda package may do to a prefix, by example and by property."""

import os
import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strata_lab.backends.conda_checks import Archive, archive_problem, clashes, record_problem

CHANNEL = "https://conda.example/science"
SITE = "lib/python3.11/site-packages"
GOOD = {
    "name": "tinylib",
    "version": "1!2.0+local",
    "build": "py311h123_0",
    "subdir": "noarch",
    "url": f"{CHANNEL}/noarch/tinylib-1!2.0+local-py311h123_0.conda",
    "sha256": "a" * 64,
}
PARTS = st.sampled_from(["..", ".", "", "a", "b", "site-packages", "\\", "/", "x\0y", "~", "é"])


def _problem(**changes: str) -> str | None:
    return record_problem(GOOD | changes, [CHANNEL + "/"], ["noarch", "linux-64"])


def test_an_honest_record_passes() -> None:
    assert _problem() is None


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../x"},
        {"name": "tinylib\n"},
        {"name": "-x"},
        {"version": "1/2"},
        {"build": "..\\x"},
        {"build": "a..b"},
        {"subdir": "../noarch"},
        {"subdir": "win-64"},
        {"sha256": ""},
        {"sha256": "A" * 64},
        {"url": f"{CHANNEL}.evil/noarch/tinylib-1!2.0+local-py311h123_0.conda"},
        {"url": f"{CHANNEL}/noarch/../noarch/tinylib-1!2.0+local-py311h123_0.conda"},
        {"url": f"{CHANNEL}/noarch/tinylib-1!2.0+local-py311h123_0.conda?x"},
        {"url": "file:///etc/passwd"},
        {"url": f"{CHANNEL}/noarch/other-1!2.0+local-py311h123_0.conda"},
    ],
    ids=str,
)
def test_a_record_that_lies_is_refused(changes: dict[str, str]) -> None:
    assert _problem(**changes)


@given(st.lists(PARTS, min_size=1, max_size=6).map("/".join))
def test_a_path_that_passes_lies_below_the_prefix(path: str) -> None:
    """Rule: an accepted path, joined to a prefix and normalised, is below that prefix and unchanged."""
    archive = Archive("a", "1", "0", files={path: ""})
    if archive_problem(archive) is None:
        joined = posixpath.normpath(f"/prefix/{path}")
        assert joined == f"/prefix/{path}"
        assert "\0" not in path


@given(
    st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4).map("/".join),
    st.lists(PARTS, min_size=1, max_size=6).map("/".join),
)
def test_a_link_that_passes_stays_below_the_prefix(path: str, target: str) -> None:
    """Rule: an accepted link, resolved where it lies, is below the prefix."""
    archive = Archive("a", "1", "0", links={path: target})
    if archive_problem(archive) is None:
        resolved = posixpath.normpath(posixpath.join("/prefix", posixpath.dirname(path), target))
        assert os.path.commonpath([resolved, "/prefix"]) == "/prefix"


@pytest.mark.parametrize("target", ["/etc/passwd", "../x", "../../x", "a/../../x", "", "a/.."])
def test_a_link_at_the_top_that_climbs_is_refused(target: str) -> None:
    assert archive_problem(Archive("a", "1", "0", links={"out": target}))


def test_a_library_link_beside_its_file_is_fine() -> None:
    links = {"lib/libx.so": "libx.so.1", "lib/cmake/x": "../../share/x", "bin/x": "../lib/x/bin/x"}
    assert archive_problem(Archive("a", "1", "0", links=links)) is None


@pytest.mark.parametrize("command", ["../x", "/x", "a/b", "", "a b", "-x", "x\n", "a;b"])
def test_a_command_that_is_no_name_is_refused(command: str) -> None:
    assert archive_problem(Archive("a", "1", "0", commands=(command,)))


def test_two_packages_with_one_module_are_named_with_the_number_of_files() -> None:
    files = {f"{SITE}/kubernetes_asyncio/m{n}.py": str(n) for n in range(3)}
    first = Archive("kubernetes_asyncio", "32", "0", files=files)
    second = Archive(
        "kubernetes",
        "36",
        "0",
        noarch_python=True,
        files={f"site-packages/kubernetes_asyncio/m{n}.py": "x" for n in range(3)},
    )
    bad, _ = clashes([first, second], SITE)
    assert bad == [f"kubernetes_asyncio and kubernetes both bring {SITE}/kubernetes_asyncio/m0.py (3 files in all)."]


def test_a_command_in_the_place_of_the_interpreter_is_a_clash() -> None:
    python = Archive("python", "3.11.7", "0", files={"bin/python": "1"})
    bad, _ = clashes([python, Archive("evil", "1", "0", commands=("python",))], SITE)
    assert bad == ["python and evil both bring bin/python (1 files in all)."]


def test_equal_files_and_stray_test_folders_are_no_reason_to_refuse() -> None:
    first = Archive(
        "a", "1", "0", files={f"{SITE}/tests/__init__.py": "1", "share/licence": "x", f"{SITE}/n/__init__.py": "s"}
    )
    second = Archive(
        "b", "1", "0", files={f"{SITE}/tests/__init__.py": "2", "share/licence": "y", f"{SITE}/n/__init__.py": "s"}
    )
    bad, notes = clashes([first, second], SITE)
    assert bad == []
    assert len(notes) == 1


def test_a_path_through_another_packages_link_is_refused() -> None:
    first = Archive("a", "1", "0", links={"data": "share"})
    second = Archive("b", "1", "0", files={"data/deep/x": "1"})
    bad, _ = clashes([first, second], SITE)
    assert bad == ["b would write data/deep/x through the link data of a."]
