"""Scripts are sourced one after the other in one shell."""

import os
from pathlib import Path

import pytest
from strata_lab import sourcing
from strata_lab.errors import StackUnusable
from strata_lab.sourcing import Script, source

ENVIRON = {"PATH": os.defpath, "GIVEN": "1"}


def script(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_script_gets_its_arguments_and_the_next_one_its_functions(tmp_path: Path) -> None:
    first = script(tmp_path / "a b.sh", 'setup() { export MADE="$1"; }\nexport ARGUMENTS="$*"\necho hello\n')
    second = script(tmp_path / "second", "setup $GIVEN\n")
    done = source([Script(first, ("x y", "$HOME")), Script(second)], ENVIRON, timeout=60)
    assert [phase.get("MADE") for phase in done.phases] == [None, "1"]
    assert done.phases[0]["ARGUMENTS"] == "x y $HOME"
    assert done.complaints == "hello\n"


@pytest.mark.parametrize("value", ["two\nlines", "a=b", "é", "", "'\"$`\\"])
def test_values_of_any_form_are_read_back(tmp_path: Path, value: str) -> None:
    file = script(tmp_path / "s.sh", 'export VALUE="$GIVEN"\n')
    assert source([Script(file)], {**ENVIRON, "GIVEN": value}, timeout=60).phases[0]["VALUE"] == value


def test_a_script_that_ends_the_shell_ends_all_but_what_went_before_counts(tmp_path: Path) -> None:
    good, bad = script(tmp_path / "a", "export A=1\n"), script(tmp_path / "b", "echo no >&2; exit 3\n")
    done = source([Script(good), Script(bad), Script(good)], ENVIRON, timeout=60)
    assert [phase["A"] for phase in done.phases] == ["1"]
    assert done.complaints == "no\n"
    assert not done.timed_out


def test_a_script_that_hangs_is_stopped_with_all_that_it_started(tmp_path: Path) -> None:
    done = source([Script(script(tmp_path / "s", "sleep 1000 & sleep 1000\n"))], ENVIRON, timeout=0.2)
    assert done.timed_out
    assert done.phases == ()


def test_an_image_without_bash_is_said_to_be_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sourcing.shutil, "which", lambda *_, **__: None)
    with pytest.raises(StackUnusable, match="needs bash"):
        source([Script(tmp_path)], ENVIRON, timeout=60)
