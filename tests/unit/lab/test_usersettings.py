"""Settings of JupyterLab that cannot be read are moved aside; the others stay."""

from pathlib import Path

import pytest
from strata_lab.aside import Asides
from strata_lab.usersettings import repair, unreadable


def settings(home: Path, text: str, name: str = "user-settings/@x/y/plugin.jupyterlab-settings") -> Path:
    path = home / ".jupyter/lab" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("text", ["", "{}", '{"a": 1}', "{\n// mine\n'a': 1,\n}"])
def test_what_jupyterlab_reads_stays(tmp_path: Path, text: str) -> None:
    settings(tmp_path, text)
    assert unreadable(tmp_path / ".jupyter/lab") == []


@pytest.mark.parametrize("text", ["{", "[]", "null", "{a: }", "\0"])
def test_what_it_cannot_read_is_found(tmp_path: Path, text: str) -> None:
    path = settings(tmp_path, text)
    assert unreadable(tmp_path / ".jupyter/lab") == [path]


def test_a_workspace_is_plain_json(tmp_path: Path) -> None:
    for text in ("", "{\n// no\n}"):
        path = settings(tmp_path, text, "workspaces/default.jupyterlab-workspace")
        assert unreadable(tmp_path / ".jupyter/lab") == [path]


def test_repairing_moves_aside_exactly_those_and_says_so(tmp_path: Path) -> None:
    bad, good = settings(tmp_path, "{"), settings(tmp_path, "{}", "user-settings/@x/y/other.jupyterlab-settings")
    asides = Asides(tmp_path / ".strata/aside", tmp_path)
    (said,) = repair(unreadable(tmp_path / ".jupyter/lab"), asides)
    assert "moved aside" in said
    assert not bad.exists()
    assert good.exists()
    asides.restore(asides.all()[0].identifier)
    assert bad.read_text() == "{"


def test_a_home_without_settings_is_in_order(tmp_path: Path) -> None:
    assert unreadable(tmp_path / ".jupyter/lab") == []
