"""Nothing that a user does stops the server from starting or JupyterLab from loading.

One lab is started in a home in which everything that is known to break a server was planted; the machinery is a plain
prefix, which reads ``~/.local`` unless it is told not to. Vectors are also planted before an unprotected start, to show
that they do harm.
"""

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import activated_stacks as stacks
from support import lab_process
from support.lab_process import Lab, Process

VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
BROKEN = "raise ImportError('planted')\n"
MISSING_CLASS = json.dumps({"ServerApp": {"contents_manager_class": "no_such.Class"}})
SETTINGS = ".jupyter/lab/user-settings/@jupyterlab/apputils-extension/themes.jupyterlab-settings"
VECTORS: dict[str, dict[str, str]] = {
    "user-site": {f".local/lib/{VERSION}/site-packages/tornado/__init__.py": BROKEN},
    "usercustomize": {f".local/lib/{VERSION}/site-packages/usercustomize.py": "import os\nos._exit(1)\n"},
    "pth": {f".local/lib/{VERSION}/site-packages/evil.pth": "import os; os._exit(7)\n"},
    "pythonpath": {"modules/tornado/__init__.py": BROKEN},
    "working-directory": {"random.py": BROKEN, "tornado.py": BROKEN},
    "configuration": {".jupyter/jupyter_server_config.json": MISSING_CLASS},
    "configuration-in-local": {".local/etc/jupyter/jupyter_server_config.json": MISSING_CLASS},
    "configuration-that-raises": {".jupyter/jupyter_server_config.py": BROKEN, ".jupyter/jupyter_config.json": "{"},
    "configuration-in-working-directory": {"jupyter_server_config.json": MISSING_CLASS},
    "page-configuration": {
        ".jupyter/labconfig/page_config.json": json.dumps(
            {"disabledExtensions": {"@jupyterlab/application-extension": True, "@jupyterlab/apputils-extension": True}}
        )
    },
    "corrupt-extension": {".local/share/jupyter/labextensions/broken/package.json": "{ no"},
    "extension": {
        ".local/share/jupyter/labextensions/planted/package.json": json.dumps(
            {
                "name": "planted",
                "version": "1.0.0",
                "jupyterlab": {"_build": {"load": "static/x.js", "extension": "./x"}},
            }
        ),
        ".local/share/jupyter/labextensions/planted/x.js": "throw 1",
    },
    "stale-kernel": {
        ".local/share/jupyter/kernels/python3/kernel.json": json.dumps(
            {"argv": ["/gone/bin/python", "-f", "{connection_file}"], "display_name": "Gone", "language": "python"}
        )
    },
    "corrupt-kernel": {".local/share/jupyter/kernels/corrupt/kernel.json": "{ no"},
    "path": {
        ".local/bin/jupyter-server": "#!/bin/sh\nexit 9\n",
        ".local/bin/python": "#!/bin/sh\nexit 9\n",
        ".local/bin/bash": "#!/bin/sh\nexit 9\n",
    },
    "ipython-start-up": {".ipython/profile_default/startup/00-end.py": "import os\nos._exit(3)\n"},
    "settings": {SETTINGS: "{ no"},
    "workspace": {".jupyter/lab/workspaces/default-37a8.jupyterlab-workspace": "{ no"},
}


def plant(home: Path, *names: str) -> None:
    for name in names:
        for place, text in VECTORS[name].items():
            path = home / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755)


def variables(home: Path) -> dict[str, str]:
    """Return what a profile of the user's could have set."""
    return {
        "PYTHONPATH": str(home / "modules"),
        "PATH": f"{home}/.local/bin:{os.environ['PATH']}",
        "JUPYTER_PATH": f"{home}/.local/share/jupyter",
        "JUPYTER_CONFIG_PATH": f"{home}/.jupyter",
        "PYTHONSTARTUP": "/nonexistent",
        "TMPDIR": str(home / "no-such-folder"),
    }


@pytest.fixture(scope="module")
def machinery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stacks.machinery(tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def attacked(machinery: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("attacked")
    home = folder / "home"
    home.mkdir()
    plant(home, *VECTORS)
    contract = stacks.contract(folder, stacks.plain(folder), "prefix")
    environ = {**variables(home), "STRATA_IMAGE_CONTRACT": str(contract)}
    command = (str(machinery), *lab_process.LAUNCH[1:])
    with lab_process.lab(folder, home, environ=environ, command=command) as lab:
        yield lab


def page_configuration(lab: Lab) -> dict[str, Any]:
    page = lab.get("lab")
    assert page.status_code == 200, page.text
    found = re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page.text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_the_page_of_jupyterlab_loads_and_none_of_its_parts_is_switched_off(attacked: Lab) -> None:
    configuration = page_configuration(attacked)
    # The image may switch parts off; the user's file names these two.
    planted = {"@jupyterlab/application-extension", "@jupyterlab/apputils-extension"}
    assert planted.isdisjoint(configuration["disabledExtensions"])
    assert "planted" not in json.dumps(configuration["federated_extensions"])


def test_the_page_asks_for_settings_and_workspaces_and_gets_them(attacked: Lab) -> None:
    assert attacked.get("lab/api/settings").status_code == 200
    assert attacked.get("lab/api/settings/@jupyterlab/apputils-extension:themes").status_code == 200
    assert attacked.get("lab/api/workspaces").status_code == 200


def test_the_settings_that_could_not_be_read_can_be_put_back(attacked: Lab) -> None:
    records = list(attacked.home.glob(".strata/aside/*/record.json"))
    assert any(SETTINGS in path.read_text() for path in records)


def test_the_machinery_cannot_be_changed_from_the_page(attacked: Lab) -> None:
    assert page_configuration(attacked)["extensionManager"]["can_install"] is False


def test_the_stacks_kernel_is_offered_and_no_dead_or_corrupt_one(attacked: Lab) -> None:
    specs = attacked.get("api/kernelspecs").json()["kernelspecs"]
    assert specs.keys() == {"python3"}
    assert specs["python3"]["spec"]["display_name"] == "Survey stack 2026.47"


async def test_a_kernel_starts_although_the_first_try_ended_in_the_users_start_up_file(attacked: Lab) -> None:
    shown = await attacked.run("import sys, tornado; print(sys.prefix, tornado.__name__)")
    assert "stack tornado" in shown
    assert "00-end.py" in shown


async def test_service_paths_do_not_leak_into_kernels(attacked: Lab) -> None:
    shown = await attacked.run("import json, os; print(json.dumps(dict(os.environ)))")
    environ = json.loads(shown[shown.index("{") :].splitlines()[0])
    leaked = {name for name in environ if name.startswith(("JUPYTER_", "JUPYTERLAB_")) or name == "IPYTHONDIR"}
    assert leaked <= {"JUPYTER_PATH", "JUPYTER_CONFIG_PATH"}
    assert environ["JUPYTER_PATH"] == f"{attacked.home}/.local/share/jupyter"
    assert "PYTHONPATH" not in environ


async def test_service_paths_do_not_leak_into_terminals(attacked: Lab) -> None:
    shown = await attacked.terminal("env; pwd; command -v pip")
    environ = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    assert {name for name in environ if name.startswith("JUPYTER")} == {
        "JUPYTER_CONFIG_PATH",
        "JUPYTER_PATH",
        "JUPYTER_SERVER_ROOT",
        "JUPYTER_SERVER_URL",
    }
    assert environ["PYTHONPATH"] == f"{attacked.home}/modules"
    assert f"\n{attacked.home}\n" in shown
    assert re.search(r"\n\S+/strata-lab-\S+/bin/pip\n", shown)


def test_nothing_but_what_the_user_asked_for_is_written_into_the_home(attacked: Lab) -> None:
    planted = {name for files in VECTORS.values() for name in files}
    found = {str(path.relative_to(attacked.home)) for path in attacked.home.rglob("*") if path.is_file()}
    assert {name for name in found - planted if not name.startswith((".strata/aside/", ".npm/"))} == set()


CONTROLS = ("user-site", "usercustomize", "pth", "working-directory", "configuration", "configuration-in-local")


def unprotected(folder: Path, machinery: Path, *vectors: str) -> "tuple[Process, str | None, str]":
    home = folder / "home"
    home.mkdir()
    plant(home, *vectors)
    environ = {"PYTHONPATH": str(home / "modules")} if "pythonpath" in vectors else {}
    command = (str(machinery), *lab_process.UNPROTECTED[1:])
    process, token, log = lab_process.start(folder, home, command=command, environ=environ)
    try:
        url = lab_process.url_of(process, [home], log)
    except BaseException:
        lab_process.stop(process)
        raise
    return process, url, token


@pytest.mark.parametrize("vector", [*CONTROLS, "pythonpath"])
def test_the_vector_stops_a_server_that_is_started_without_defence(
    machinery: Path, tmp_path: Path, vector: str
) -> None:
    process, url, _ = unprotected(tmp_path, machinery, vector)
    try:
        assert url is None
        assert process.returncode != 0
    finally:
        lab_process.stop(process)


def test_the_other_vectors_harm_a_server_that_is_started_without_defence(machinery: Path, tmp_path: Path) -> None:
    vectors = ("page-configuration", "corrupt-extension", "stale-kernel", "settings")
    process, url, token = unprotected(tmp_path, machinery, *vectors)
    try:
        assert url is not None
        lab = Lab(url, token, tmp_path / "home", tmp_path, process)
        assert lab.get("lab").status_code == 500
        assert lab.get("lab/api/settings").status_code == 500
        assert lab.start_kernel().status_code == 500
        (lab.home / ".local/share/jupyter/labextensions/broken/package.json").unlink()
        assert "@jupyterlab/application-extension" in json.dumps(page_configuration(lab)["disabledExtensions"])
    finally:
        lab_process.stop(process)
