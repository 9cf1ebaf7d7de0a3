"""A notebook that ran in an environment carries its lock and the image when a real server saves it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from strata_lab.cli.main import main
from support.index import package_index
from support.lab import Lab, prefix_stack
from support.lab_server import LabServer, lab_environment, lab_server
from support.wheels import make_wheel

IMAGE = "registry.example/lab:w_2026_01@sha256:" + "0" * 64
MANAGER = "--ServerApp.kernel_spec_manager_class=strata_lab.kernelspecs.StrataKernelSpecManager"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LabServer, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("notebooks")
    with package_index([make_wheel("lines", "1.1")]) as index:
        lab = Lab(folder / "home", folder / "cache", prefix_stack(), indexes={"main": index.simple})
        variables = {**lab_environment(lab, folder), "STRATA_IMAGE": IMAGE}
        with lab_server(folder, MANAGER, environ=variables) as server:
            yield server, variables


@pytest.fixture(scope="module")
def record(place: tuple[LabServer, dict[str, str]]) -> dict[str, Any]:
    change = {"action": "create", "environment": "demo", "requirements": ["lines"]}
    with place[0].client() as client:
        job = client.post("/jobs", json={"change": change}).json()
        with client.stream("GET", f"/jobs/{job['id']}/events") as events:
            for _line in events.iter_lines():
                pass
        made: dict[str, Any] = client.get(f"/jobs/{job['id']}").json()
    assert made["state"] == "succeeded", made
    result: dict[str, Any] = made["result"]
    return result


def saved(server: LabServer, name: str, *, ran: bool = True, **metadata: Any) -> tuple[Path, dict[str, Any]]:
    """Save a notebook as JupyterLab does, and return its path and what its metadata says on disk."""
    cell = {"cell_type": "code", "execution_count": 1 if ran else None, "metadata": {}, "outputs": [], "source": "1"}
    content = {"cells": [{"id": "a", **cell}], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    answer = httpx.put(
        f"{server.url}api/contents/{name}.ipynb",
        headers={"Authorization": f"token {server.token}"},
        json={"type": "notebook", "format": "json", "content": content},
        timeout=120,
        trust_env=False,
    )
    assert answer.is_success, answer.text
    path = server.home / f"{name}.ipynb"
    found: dict[str, Any] = json.loads(path.read_text())["metadata"]
    return path, found


KERNEL = {"name": "strata-demo", "display_name": "demo"}


def test_a_notebook_that_ran_in_an_environment_says_so_and_brings_it_back(
    place: tuple[LabServer, dict[str, str]],
    record: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server, variables = place
    path, metadata = saved(server, "ran", kernelspec=KERNEL)
    said = metadata["strata"]
    assert (said["environment"], said["image"]) == ("demo", IMAGE)
    assert [(item["name"], item["sha256"]) for item in said["locked"]] == [
        (item["name"], item["sha256"]) for item in record["locked"]
    ]
    for name, value in {**variables, "HOME": str(server.home)}.items():
        monkeypatch.setenv(name, value)
    assert main(["reproduce", str(path)]) == 0
    assert capsys.readouterr().out == "demo is exactly what the notebook ran in.\n"


@pytest.mark.parametrize(
    ("ran", "metadata"),
    [
        (False, {"kernelspec": KERNEL}),
        (True, {"kernelspec": {"name": "python3", "display_name": "Python"}}),
        (True, {"kernelspec": {"name": "strata-gone", "display_name": "gone"}}),
        (True, {}),
    ],
)
def test_any_other_notebook_is_saved_as_it_is(
    place: tuple[LabServer, dict[str, str]], record: dict[str, Any], ran: bool, metadata: dict[str, Any]
) -> None:
    assert "strata" not in saved(place[0], "other", ran=ran, **metadata)[1]


def test_a_notebook_opts_out_by_its_metadata(place: tuple[LabServer, dict[str, str]], record: dict[str, Any]) -> None:
    assert saved(place[0], "private", kernelspec=KERNEL, strata=False)[1]["strata"] is False
