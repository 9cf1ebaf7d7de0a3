"""The private folder: new for each start, closed to others, swept when its process has ended."""

import os
import stat
from pathlib import Path

import pytest
from strata_lab import private

NEVER_A_PROCESS = 9_999_999  # beyond the largest number that Linux gives


def test_each_start_gets_its_own_folder_that_only_its_user_may_enter(tmp_path: Path) -> None:
    environ = {private.PARENT_VARIABLE: str(tmp_path)}
    first, second = private.create(environ), private.create(environ)
    assert first != second
    for folder in (first, *(first / name for name in private.SUBFOLDERS)):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_what_an_ended_process_left_is_swept_and_a_living_one_keeps_its_folder(tmp_path: Path) -> None:
    environ = {private.PARENT_VARIABLE: str(tmp_path)}
    living, stale = private.create(environ), private.create(environ, pid=NEVER_A_PROCESS)
    (stale / "work" / "file").write_text("x")
    private.create(environ)
    assert not stale.exists()
    assert living.exists()


def test_only_folders_of_exactly_our_form_are_swept(tmp_path: Path) -> None:
    for name in ("strata-lab-notes", f"strata-lab-{os.getuid() + 1}-{NEVER_A_PROCESS}-abc", "other"):
        (tmp_path / name).mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / f"strata-lab-{os.getuid()}-{NEVER_A_PROCESS}-link").symlink_to(elsewhere)
    assert list(private.left_over(tmp_path)) == []


def test_a_parent_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        private.create({private.PARENT_VARIABLE: str(tmp_path / "missing")})


def test_a_lab_that_no_launch_started_has_no_private_folder(tmp_path: Path) -> None:
    assert private.of({}) is None
    assert private.of({private.FOLDER_VARIABLE: str(tmp_path / "gone")}) is None
    assert private.of({private.FOLDER_VARIABLE: str(tmp_path)}) == tmp_path
