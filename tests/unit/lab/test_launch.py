"""What the server of a lab is started with."""

import json
import os
import sys
from pathlib import Path

import pytest
from strata_lab import launch, private, userview


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return private.create({private.PARENT_VARIABLE: str(tmp_path)})


def test_the_server_runs_isolated_with_an_absolute_interpreter(home: Path, folder: Path) -> None:
    prepared = launch.prepare({"HOME": str(home)}, ["--port=1"], folder, working=home)
    assert prepared.command == (sys.executable, "-I", "-m", "jupyterlab", "--no-browser", "--port=1")
    assert prepared.folder.is_relative_to(folder)


def test_under_a_hub_it_is_the_hubs_single_user_server_with_the_hubs_variables(home: Path, folder: Path) -> None:
    hub = {"JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:1/user/a/", "JUPYTERHUB_API_TOKEN": "t", "JUPYTERHUB_USER": "a"}
    prepared = launch.prepare({"HOME": str(home), **hub}, [], folder, working=home)
    assert prepared.command == (sys.executable, "-I", "-m", "jupyterhub.singleuser")
    assert hub.items() <= prepared.environ.items()


@pytest.mark.parametrize("name", ["PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "JUPYTERLAB_DIR", "JUPYTER_NO_CONFIG"])
def test_what_changes_imports_or_hides_the_machinery_does_not_reach_the_server(
    home: Path, folder: Path, name: str
) -> None:
    after = launch.server_environment({"HOME": str(home), name: "/x"}, folder, safe=False)
    assert name not in after
    assert userview.restored(after)[name] == "/x"


@pytest.mark.parametrize("name", ["JUPYTER_PATH", "JUPYTER_CONFIG_PATH", "LD_LIBRARY_PATH", "TMPDIR"])
def test_search_paths_lose_what_lies_in_the_home_and_keep_the_images_folders(
    home: Path, folder: Path, name: str
) -> None:
    value = os.pathsep.join([str(home / "x"), "/opt/image", "relative", str(home)])
    after = launch.server_environment({"HOME": str(home), name: value}, folder, safe=False)
    assert after[name] == "/opt/image"
    assert name not in launch.server_environment({"HOME": str(home), name: str(home / "x")}, folder, safe=False)


def test_a_link_into_the_home_counts_as_the_home_and_a_sibling_does_not(home: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(home)
    (tmp_path / "home-of-another").mkdir()
    parts = [str(tmp_path / "link"), str(tmp_path / "home-of-another")]
    assert launch.outside(os.pathsep.join(parts), home) == [str(tmp_path / "home-of-another")]


def test_a_configuration_folder_of_the_image_is_still_read(home: Path, folder: Path) -> None:
    after = launch.server_environment({"HOME": str(home), "JUPYTER_CONFIG_DIR": "/opt/conf"}, folder, safe=False)
    assert after["JUPYTER_CONFIG_PATH"] == "/opt/conf"
    assert after["JUPYTER_CONFIG_DIR"] == str(folder / "config")


def test_programs_of_the_home_come_last(home: Path, folder: Path) -> None:
    path = os.pathsep.join([str(home / "bin"), "/usr/bin", "."])
    after = launch.server_environment({"HOME": str(home), "PATH": path}, folder, safe=False)
    assert after["PATH"].split(os.pathsep) == [str(Path(sys.executable).parent), "/usr/bin", str(home / "bin")]


def test_settings_stay_in_the_home_but_safe_mode_reads_none(home: Path, folder: Path) -> None:
    environ = {"HOME": str(home)}
    usual = launch.server_environment(environ, folder, safe=False)
    assert usual["JUPYTERLAB_SETTINGS_DIR"] == str(home / ".jupyter/lab/user-settings")
    safe = launch.server_environment(environ, folder, safe=True)
    assert Path(safe["JUPYTERLAB_SETTINGS_DIR"]).is_relative_to(folder)
    assert Path(safe["JUPYTERLAB_WORKSPACES_DIR"]).is_relative_to(folder)


def test_the_file_browser_shows_the_folder_that_the_lab_was_started_in_unless_the_hub_names_one(
    home: Path, folder: Path
) -> None:
    launch.prepare({"HOME": str(home)}, [], folder, working=home)
    written = json.loads((folder / "config/jupyter_server_config.json").read_text())
    assert written["ServerApp"]["root_dir"] == str(home)
    launch.prepare({"HOME": str(home), "JUPYTERHUB_ROOT_DIR": "/data"}, [], folder, working=home)
    assert "root_dir" not in json.loads((folder / "config/jupyter_server_config.json").read_text())["ServerApp"]


def test_where_no_folder_can_be_made_the_reason_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(private.PARENT_VARIABLE, str(tmp_path / "missing"))
    assert launch.main([]) == 1
    assert capsys.readouterr().err.startswith("The lab cannot start: ")
