"""The shell that a terminal gets."""

import os
import subprocess
from pathlib import Path

import pytest
from strata_lab import private, terminal, userview


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return private.create({private.PARENT_VARIABLE: str(tmp_path)})


def test_the_users_shell_is_taken_and_one_that_cannot_run_is_not(tmp_path: Path) -> None:
    assert terminal.shell_of({"SHELL": "/bin/sh"}) == "/bin/sh"
    for shell in ("/nonexistent/fish", "relative", "/usr/sbin/nologin", ""):
        assert os.access(terminal.shell_of({"SHELL": shell}), os.X_OK)


def test_login_files_are_read_and_cannot_put_themselves_before_the_commands_of_strata(
    tmp_path: Path, folder: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".profile").write_text("export PATH=/planted:$PATH MINE=yes\n")
    environ = {"HOME": str(home), private.FOLDER_VARIABLE: str(folder), "PATH": "/usr/bin:/bin"}
    command, after = terminal.prepare(environ, "/bin/bash")
    done = subprocess.run(
        [*command, "-c", f"source {command[2]}; echo $MINE $PATH"],
        env=after,
        capture_output=True,
        text=True,
        check=True,
    )
    mine, path = done.stdout.split()
    assert mine == "yes"
    assert path.split(":")[0] == str(folder / "bin")
    assert "/planted" in path.split(":")


def test_safe_mode_reads_no_file_of_the_user(folder: Path) -> None:
    environ = {"STRATA_SAFE_MODE": "1", private.FOLDER_VARIABLE: str(folder)}
    assert terminal.prepare(environ, "/bin/bash")[0] == ["/bin/bash", "--noprofile", "--norc", "-i"]


def test_service_paths_do_not_reach_the_shell(folder: Path) -> None:
    server = {"JUPYTER_DATA_DIR": str(folder / "data"), private.FOLDER_VARIABLE: str(folder), "HOME": "/h"}
    environ = {**server, userview.CHANGES_VARIABLE: userview.changes({"HOME": "/h"}, server)}
    _, after = terminal.prepare(environ, "/bin/bash")
    assert str(folder / "data") not in after.values()
    assert "JUPYTER_DATA_DIR" not in after


def test_a_plain_shell_finds_the_commands_of_strata_after_a_profile_that_sets_its_path_anew(
    tmp_path: Path, folder: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".profile").write_text("export PATH=/planted:/usr/bin:/bin\n")
    (home / "own").write_text("export MINE=yes\n")
    environ = {
        "HOME": str(home),
        "ENV": str(home / "own"),
        private.FOLDER_VARIABLE: str(folder),
        "PATH": "/usr/bin:/bin",
    }
    command, after = terminal.prepare(environ, "/bin/sh")
    typed = 'echo "$MINE $PATH $ENV"\n'
    done = subprocess.run(command, input=typed, env=after, capture_output=True, text=True, check=True, cwd=home)
    mine, path, own = done.stdout.split()
    assert (mine, own) == ("yes", str(home / "own"))
    assert path.split(":")[0] == str(folder / "bin")
    assert "/planted" in path.split(":")
