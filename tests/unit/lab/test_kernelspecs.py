"""Kernel specifications come from what is there."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import NoSuchKernel
from strata_lab.environments import State, Status
from strata_lab.kernel_catalogue import KernelCatalogue, environment_kernel
from strata_lab.kernels import Kernel
from strata_lab.kernelspecs import StrataKernelSpecManager, startable
from strata_lab.layout import Layout

OWN = Kernel("python3", "Survey", Path("/stack/bin/python"))


class Found(KernelCatalogue):
    """A catalogue of given kernels."""

    given: dict[str, Kernel]

    def kernels(self) -> dict[str, Kernel]:
        return self.given


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    (tmp_path / "image.json").write_text(
        json.dumps(
            {
                "contract": 1,
                "machinery": {"prefix": sys.prefix},
                "stack": {"title": "Survey", "kind": "prefix", "python": "/stack/bin/python"},
            }
        )
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    return {"STRATA_IMAGE_CONTRACT": str(tmp_path / "image.json"), "HOME": str(tmp_path)}


def manager(environ: dict[str, str], *found: Kernel) -> StrataKernelSpecManager:
    catalogue = Found(environ)
    catalogue.given = {kernel.name: kernel for kernel in found}
    return StrataKernelSpecManager(catalogue=catalogue, kernel_dirs=[])


def user_kernel(home: Path, name: str, **content: Any) -> Path:
    folder = home / ".local/share/jupyter/kernels" / name
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps(content))
    return folder


def test_the_machinerys_own_kernel_is_not_offered(environ: dict[str, str]) -> None:
    specs = manager(environ, OWN).get_all_specs()
    assert list(specs) == ["python3"]
    assert specs["python3"]["spec"]["argv"][0] == "/stack/bin/python"
    assert specs["python3"]["spec"]["display_name"] == "Survey"


def test_a_kernel_that_is_gone_is_not_found(environ: dict[str, str]) -> None:
    with pytest.raises(NoSuchKernel):
        manager(environ, OWN).get_kernel_spec("strata-gone")


def test_without_a_contract_it_is_jupyters_own_manager(tmp_path: Path) -> None:
    catalogue = KernelCatalogue({"STRATA_IMAGE_CONTRACT": str(tmp_path / "none")})
    assert StrataKernelSpecManager(catalogue=catalogue, kernel_dirs=[]).find_kernel_specs().keys() == {"python3"}


def test_kernels_that_the_user_made_stay_when_they_can_start(environ: dict[str, str], tmp_path: Path) -> None:
    user_kernel(tmp_path, "good", argv=[sys.executable, "-f"], display_name="Mine", language="python")
    user_kernel(tmp_path, "stale", argv=["/gone/bin/python"], display_name="Stale", language="python")
    user_kernel(tmp_path, "python3", argv=[sys.executable], display_name="Planted", language="python")
    specs = manager(environ, OWN).get_all_specs()
    assert specs.keys() == {"python3", "good"}
    assert specs["python3"]["spec"]["display_name"] == "Survey"


def test_safe_mode_offers_none_of_the_users(environ: dict[str, str], tmp_path: Path) -> None:
    user_kernel(tmp_path, "good", argv=[sys.executable], display_name="Mine", language="python")
    assert manager({**environ, "STRATA_SAFE_MODE": "1"}, OWN).get_all_specs().keys() == {"python3"}


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"argv": []}', '{"argv": [1], "display_name": "x"}', '{"argv": "x", "display_name": "x"}'],
)
def test_a_specification_that_is_none_is_passed_over(tmp_path: Path, content: str) -> None:
    (tmp_path / "kernel.json").write_text(content)
    assert not startable(tmp_path)
    assert not startable(tmp_path / "missing")


def test_an_environment_that_does_not_fit_is_shown_with_its_reason(tmp_path: Path) -> None:
    layout = Layout(root=tmp_path, cache=tmp_path)
    status = Status(name="mine", state=State.REBUILD, reasons=("It was made for Python 3.10.",), record=None, live=None)
    kernel = environment_kernel(status, layout, OWN)
    assert kernel.title == "mine — Survey"
    assert kernel.reason == "It was made for Python 3.10."


def test_a_kernel_follows_the_switch_unless_an_earlier_realisation_is_the_one_that_fits(tmp_path: Path) -> None:
    layout = Layout(root=tmp_path, cache=tmp_path)
    layout.environment("mine").mkdir(parents=True)
    layout.current("mine").symlink_to("../../generations/20260101T000000-aaaaaaaaaaaa")

    def python(live: str) -> Path:
        status = Status(name="mine", state=State.GOOD, record=None, live=live)
        return environment_kernel(status, layout, OWN).python

    assert python("20260101T000000-aaaaaaaaaaaa") == layout.current("mine") / "bin/python"
    assert python("20250101T000000-bbbbbbbbbbbb") == layout.generation("20250101T000000-bbbbbbbbbbbb") / "bin/python"


def test_an_overlay_of_a_stack_without_ipykernel_cannot_start_either(tmp_path: Path) -> None:
    layout = Layout(root=tmp_path, cache=tmp_path)
    own = Kernel("python3", "Survey", Path("/stack/bin/python"), reason="Survey has no ipykernel.")
    status = Status(name="mine", state=State.GOOD, record=None, live="20260101T000000-aaaaaaaaaaaa")
    assert environment_kernel(status, layout, own).reason == "Survey has no ipykernel."
