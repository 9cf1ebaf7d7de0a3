"""Safe mode ignores what is the user's for one session, and loses nothing; a full home starts a lab all the same."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from strata_lab.changes import Create
from support import activated_stacks as stacks
from support import lab_process

SETTINGS = ".jupyter/lab/user-settings/@jupyterlab/apputils-extension/themes.jupyterlab-settings"
THEME = "lab/api/settings/@jupyterlab/apputils-extension:themes"


def contents(home: Path) -> dict[str, bytes | str]:
    """Return every file and link of a home, but for what shells and npm write for themselves."""
    found: dict[str, bytes | str] = {}
    for path in sorted(home.rglob("*")):
        name = str(path.relative_to(home))
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_file() and not name.startswith((".npm/", ".bash_history")):
            found[name] = path.read_bytes()
    return found


async def test_a_safe_session_reads_nothing_of_the_users_and_loses_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    startup = home / ".ipython/profile_default/startup"
    for folder in (startup, (home / SETTINGS).parent):
        folder.mkdir(parents=True)
    (startup / "00.py").write_text("started = 1\n")
    (home / SETTINGS).write_text('{"theme": "JupyterLab Dark"}')
    (home / ".bashrc").write_text("export FROM_BASHRC=1\n")
    contract = stacks.contract(tmp_path, stacks.plain(tmp_path), "prefix")
    stacks.operations(tmp_path, home).execute(Create(environment="mine"))
    environ = {"STRATA_IMAGE_CONTRACT": str(contract)}
    with lab_process.lab(tmp_path, home, environ=environ) as lab:
        assert "JupyterLab Dark" in lab.get(THEME).json()["raw"]
        assert lab.get("api/kernelspecs").json()["kernelspecs"].keys() == {"python3", "strata-mine"}
        assert "1" in await lab.run("print(started)")
    before = contents(home)
    with lab_process.lab(tmp_path, home, environ={**environ, "STRATA_SAFE_MODE": "1"}) as lab:
        assert lab.get("lab").status_code == 200
        assert "Dark" not in lab.get(THEME).json()["raw"]
        with lab.client() as client:
            client.put(THEME, json={"raw": '{"theme": "JupyterLab Light"}'}).raise_for_status()
        assert lab.get("api/kernelspecs").json()["kernelspecs"].keys() == {"python3"}
        assert "NameError" in await lab.run("print(started)")
        assert "FROM_BASHRC" not in await lab.terminal("env")
        assert lab.get("strata/api/doctor").status_code == 200
    assert contents(home) == before


@pytest.fixture
def full_home(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "home"
    home.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k,nr_inodes=40", "strata-full", str(home)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        try:
            with (home / "fill").open("wb") as stream:
                while True:
                    stream.write(bytes(4096))
                    stream.flush()
        except OSError:
            pass
        yield home
    finally:
        subprocess.run(["umount", "-l", str(home)], check=True)


async def test_a_lab_and_a_kernel_start_in_a_full_home(tmp_path: Path, full_home: Path) -> None:
    with pytest.raises(OSError, match="space"):
        (full_home / "more").write_bytes(bytes(8192))
    contract = stacks.contract(tmp_path, stacks.plain(tmp_path), "prefix")
    with lab_process.lab(tmp_path, full_home, environ={"STRATA_IMAGE_CONTRACT": str(contract)}) as lab:
        assert lab.get("lab").status_code == 200
        assert lab.get("lab/api/settings").status_code == 200
        assert "42" in await lab.run("print(6 * 7)")
        assert "works" in await lab.terminal("echo works")
        found = lab.get("strata/api/doctor").json()["findings"]
        assert any(finding["identifier"].startswith("full-") for finding in found)
