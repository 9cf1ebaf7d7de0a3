"""Things of the user's are moved aside one by one, and put back exactly."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strata_lab.aside import Asides
from strata_lab.errors import Conflict, InvalidInput, NotFound, Refused, StrataError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def asides(home: Path) -> Asides:
    return Asides(home / ".strata/aside", home)


def test_what_is_moved_aside_is_gone_and_comes_back_as_it_was(home: Path, asides: Asides) -> None:
    (home / "a b").mkdir(mode=0o750)
    (home / "a b/file").write_text("text")
    inode = (home / "a b").stat().st_ino
    record = asides.put(home / "a b", "It was in the way.")
    assert not (home / "a b").exists()
    assert [one.reason for one in asides.all()] == ["It was in the way."]
    asides.restore(record.identifier)
    assert (home / "a b/file").read_text() == "text"
    assert (home / "a b").stat().st_ino == inode
    assert asides.all() == []
    assert list((home / ".strata/aside").iterdir()) == []


def test_a_link_is_moved_itself_not_what_it_points_to(home: Path, asides: Asides, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("stays")
    (home / "link").symlink_to(tmp_path / "elsewhere")
    (home / "dangling").symlink_to(tmp_path / "nothing")
    for name in ("link", "dangling"):
        record = asides.put(home / name, "")
        assert not os.path.lexists(home / name)
        asides.restore(record.identifier)
        assert (home / name).is_symlink()
    assert (tmp_path / "elsewhere").read_text() == "stays"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../outside", "folder-link/file", ".strata", ".strata/aside", "home-of-another/x"]
)
def test_only_what_lies_in_the_home_is_moved_and_never_stratas_own_folder(
    home: Path, asides: Asides, tmp_path: Path, name: str
) -> None:
    for path in (tmp_path / "outside", tmp_path / "file"):
        path.write_text("stays")
    (home / "folder-link").symlink_to(tmp_path)
    (home / ".strata/aside").mkdir(parents=True)
    with pytest.raises(StrataError):
        asides.put(home / name, "")
    assert (tmp_path / "file").exists()


def test_a_sibling_whose_name_begins_with_the_homes_is_outside(tmp_path: Path, asides: Asides) -> None:
    (tmp_path / "home2").mkdir()
    (tmp_path / "home2/x").write_text("")
    with pytest.raises(Refused):
        asides.put(tmp_path / "home2/x", "")


def test_what_is_there_again_is_not_overwritten(home: Path, asides: Asides) -> None:
    (home / "x").write_text("old")
    record = asides.put(home / "x", "")
    (home / "x").write_text("new")
    with pytest.raises(Conflict):
        asides.restore(record.identifier)
    assert (home / "x").read_text() == "new"
    assert len(asides.all()) == 1


def test_what_is_not_there_is_not_found(home: Path, asides: Asides) -> None:
    with pytest.raises(NotFound):
        asides.put(home / "x", "")
    with pytest.raises(NotFound):
        asides.restore("20260101T000000-00000000")
    with pytest.raises(InvalidInput):
        asides.put(Path(f"{home}/a\0b"), "")


def test_a_crash_between_record_and_move_leaves_the_thing_where_it_was(home: Path, asides: Asides) -> None:
    (home / "x").write_text("")
    record = asides.put(home / "x", "")
    (home / ".strata/aside" / record.identifier / "item").rename(home / "x")
    assert asides.all() == []


def test_a_record_that_cannot_be_read_is_passed_over(home: Path, asides: Asides) -> None:
    (home / "x").write_text("")
    record = asides.put(home / "x", "")
    for text in ("", "{}", '{"identifier": "../../x"}'):
        (home / ".strata/aside" / record.identifier / "record.json").write_text(text)
        assert asides.all() == []


@given(identifier=st.text(max_size=40))
def test_an_identifier_that_was_not_given_is_never_found(identifier: str) -> None:
    with pytest.raises(NotFound):
        Asides(Path("/nonexistent/aside"), Path("/nonexistent")).restore(identifier)
