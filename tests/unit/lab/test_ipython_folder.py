"""A kernel's IPython keeps off the home, and leaves out start-up files that stop it."""

from pathlib import Path

import pytest
from strata_lab import ipython_folder
from strata_lab.kernels import STARTING


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    startup = tmp_path / "home/.ipython/profile_default/startup"
    startup.mkdir(parents=True)
    (startup / "00-mine.py").write_text("x = 1\n")
    (startup / "README").write_text("")
    (startup.parent / "ipython_config.py").write_text("")
    return {"HOME": str(tmp_path / "home")}


def links(folder: Path) -> set[str]:
    return {path.name for path in (folder / "profile_default").glob("**/*") if path.is_symlink()}


def test_the_users_files_are_read_from_where_they_are(tmp_path: Path, environ: dict[str, str]) -> None:
    assert ipython_folder.prepare(tmp_path / "k/1", environ, safe=False) == []
    assert links(tmp_path / "k/1") == {"00-mine.py", "ipython_config.py"}


def test_a_start_that_did_not_get_through_leaves_them_out_in_every_kernel_until_they_change(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    for _ in range(2):
        said = ipython_folder.prepare(tmp_path / "k/1", environ, safe=False)
    assert "00-mine.py" in said[0]
    assert links(tmp_path / "k/1") == set()
    assert ipython_folder.prepare(tmp_path / "k/2", environ, safe=False) == said
    Path(environ["HOME"], ".ipython/profile_default/startup/00-mine.py").write_text("x = 'mended'\n")
    assert ipython_folder.prepare(tmp_path / "k/3", environ, safe=False) == []
    assert "00-mine.py" in links(tmp_path / "k/3")


def test_a_start_that_got_through_keeps_them(tmp_path: Path, environ: dict[str, str]) -> None:
    ipython_folder.prepare(tmp_path / "k/1", environ, safe=False)
    (tmp_path / "k/1" / STARTING).unlink()
    assert ipython_folder.prepare(tmp_path / "k/1", environ, safe=False) == []
    assert "00-mine.py" in links(tmp_path / "k/1")


def test_safe_mode_and_an_empty_home_have_none(tmp_path: Path, environ: dict[str, str]) -> None:
    assert ipython_folder.prepare(tmp_path / "k/1", environ, safe=True) == []
    assert ipython_folder.prepare(tmp_path / "k/2", {"HOME": str(tmp_path / "none")}, safe=False) == []
    assert links(tmp_path / "k/1") | links(tmp_path / "k/2") == set()
