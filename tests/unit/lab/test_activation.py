"""Activation: captured once, replayed after; the user's own script runs after it and cannot stop a kernel."""

import os
from pathlib import Path
from typing import Any

import pytest
from strata_lab import activation
from strata_lab.errors import StackUnusable
from strata_lab.image_contract import ImageContract


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def environ(tmp_path: Path, home: Path) -> dict[str, str]:
    return {
        "HOME": str(home),
        "PATH": "/mine:/usr/bin:/bin",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PYTHONPATH": "/planted",
    }


def contract(tmp_path: Path, kind: str = "script", **activation_keys: Any) -> ImageContract:
    stack: dict[str, Any] = {"title": "Survey", "kind": kind, "python": str(tmp_path / "stack/bin/python")}
    if activation_keys:
        stack["activation"] = activation_keys
    return ImageContract.model_validate(
        {"contract": 1, "machinery": {"prefix": str(tmp_path / "machinery")}, "stack": stack}
    )


def counting(tmp_path: Path, text: str = "") -> Path:
    """Return a script that notes each time it runs."""
    script = tmp_path / "setup.sh"
    script.write_text(f'echo run >> {tmp_path}/runs\nexport PYTHONPATH="$1${{PYTHONPATH:+:$PYTHONPATH}}"\n{text}\n')
    return script


def runs(tmp_path: Path) -> int:
    return len((tmp_path / "runs").read_text().splitlines()) if (tmp_path / "runs").exists() else 0


def test_a_plain_prefix_needs_none(tmp_path: Path, environ: dict[str, str]) -> None:
    plain = contract(tmp_path, "prefix")
    assert activation.environment(plain, environ) == {}
    found = activation.for_kernel(plain, environ).environ
    assert found["PATH"].split(":")[:2] == [str(tmp_path / "stack/bin"), "/mine"]
    assert "PYTHONPATH" not in found


def test_a_script_runs_once_for_an_image_and_its_effect_is_replayed(tmp_path: Path, environ: dict[str, str]) -> None:
    stack = contract(tmp_path, script=str(counting(tmp_path)), arguments=["/products"])
    for _ in range(3):
        assert activation.for_kernel(stack, environ).environ["PYTHONPATH"] == "/products"
    assert runs(tmp_path) == 1
    activation.for_kernel(stack, {**environ, "STRATA_IMAGE_DIGEST": "sha256:other"})
    assert runs(tmp_path) == 2


def test_the_inventory_sees_activation_without_anything_of_the_users(tmp_path: Path, environ: dict[str, str]) -> None:
    stack = contract(tmp_path, script=str(counting(tmp_path)), arguments=["/products"], user_setup="~/.user_setups")
    Path(environ["HOME"], ".user_setups").write_text("export PYTHONPATH=/home/mine\n")
    found = activation.environment(stack, environ)
    assert found["PYTHONPATH"] == "/products"
    assert "/mine" not in found["PATH"].split(os.pathsep)


def test_condas_scripts_are_sourced_in_order_with_the_prefix_set(tmp_path: Path, environ: dict[str, str]) -> None:
    folder = tmp_path / "stack/etc/conda/activate.d"
    folder.mkdir(parents=True)
    (folder / "20.sh").write_text('export LAST="$FIRST"\n')
    (folder / "10.sh").write_text('export FIRST="$CONDA_PREFIX"\n')
    (folder / "30.csh").write_text("exit 1\n")
    found = activation.for_kernel(contract(tmp_path, "conda"), environ).environ
    assert found["LAST"] == str(tmp_path / "stack")


def test_the_users_script_runs_after_the_images_in_the_same_shell(tmp_path: Path, environ: dict[str, str]) -> None:
    script = counting(tmp_path, "setup() { export SETUP=$1; }")
    stack = contract(tmp_path, script=str(script), user_setup="~/.user_setups")
    Path(environ["HOME"], ".user_setups").write_text("setup mine\necho careful >&2\n")
    found = activation.for_kernel(stack, environ)
    assert found.environ["SETUP"] == "mine"
    assert found.report == "careful"
    assert found.sourced


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n  # but comments\n"])
def test_a_users_script_without_a_command_costs_nothing(tmp_path: Path, environ: dict[str, str], text: str) -> None:
    stack = contract(tmp_path, script=str(counting(tmp_path)), user_setup="~/.user_setups")
    Path(environ["HOME"], ".user_setups").write_text(text)
    assert not activation.for_kernel(stack, environ).sourced


def test_a_users_script_that_ends_the_shell_is_left_out_and_named(tmp_path: Path, environ: dict[str, str]) -> None:
    stack = contract(tmp_path, script=str(counting(tmp_path)), arguments=["/products"], user_setup="~/.user_setups")
    Path(environ["HOME"], ".user_setups").write_text("echo broken >&2\nexit 1\n")
    found = activation.for_kernel(stack, environ)
    assert found.environ["PYTHONPATH"] == "/products"
    assert ".user_setups was left out, because it called exit." in found.report
    assert "broken" in found.report


def test_safe_mode_never_runs_the_users_script(tmp_path: Path, environ: dict[str, str]) -> None:
    stack = contract(tmp_path, script=str(counting(tmp_path)), user_setup="~/.user_setups")
    Path(environ["HOME"], ".user_setups").write_text("exit 1\n")
    found = activation.for_kernel(stack, {**environ, "STRATA_SAFE_MODE": "1"})
    assert not found.sourced
    assert found.report == ""


def test_a_script_of_the_image_that_fails_is_an_error_that_names_it(tmp_path: Path, environ: dict[str, str]) -> None:
    stack = contract(tmp_path, script=str(counting(tmp_path, "echo no such product >&2; exit 1")))
    with pytest.raises(StackUnusable, match=r"setup\.sh failed \(no such product\)"):
        activation.for_kernel(stack, environ)


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path: Path, environ: dict[str, str]) -> None:
    stack = contract(tmp_path, script=str(counting(tmp_path)), arguments=["/products"])
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert activation.for_kernel(stack, environ).environ["PYTHONPATH"] == "/products"
