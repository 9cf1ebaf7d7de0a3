"""The commands that come first on PATH."""

import stat
import subprocess
import sys
from pathlib import Path

from strata_lab import commands
from strata_lab.image_contract import ImageContract
from strata_lab.protection import limits


def test_a_command_runs_isolated_in_the_machinerys_python(tmp_path: Path) -> None:
    commands.write(tmp_path, sys.executable)
    assert {path.name for path in tmp_path.iterdir()} == set(commands.COMMANDS)
    assert stat.S_IMODE((tmp_path / "pip").stat().st_mode) == 0o700
    (tmp_path / "planted").mkdir()
    (tmp_path / "planted/argparse.py").write_text("raise SystemExit(9)")
    done = subprocess.run(
        [tmp_path / "pip", "install"],
        env={"PYTHONPATH": str(tmp_path / "planted"), "STRATA_IMAGE_CONTRACT": "/nonexistent"},
        cwd=tmp_path / "planted",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("ERROR: The image contract /nonexistent cannot be read")


def test_an_image_with_one_python_says_what_it_cannot_protect() -> None:
    def contract(prefix: str) -> ImageContract:
        stack = {"title": "S", "kind": "prefix", "python": "/opt/stack/bin/python"}
        return ImageContract.model_validate({"contract": 1, "machinery": {"prefix": prefix}, "stack": stack})

    assert limits(contract("/opt/machinery")) == ()
    assert len(limits(contract("/opt/stack"))) == 3
    assert len(limits(None)) == 1
