"""The kernels of a lab are looked up again exactly when an environment was switched."""

import json
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
from strata_lab import kernel_catalogue
from strata_lab.environments import State, Status
from strata_lab.errors import StackUnusable
from strata_lab.kernel_catalogue import KernelCatalogue
from strata_lab.layout import Layout

GENERATION = "20260101T000000-aaaaaaaaaaaa"


class Engine:
    """Counts how often it is asked, and knows one environment for each folder."""

    asked = 0

    def __init__(self, layout: Layout, _stack: object) -> None:
        self._layout = layout

    def environments(self) -> list[Status]:
        Engine.asked += 1
        names = sorted(path.name for path in self._layout.environments.iterdir())
        return [Status(name=name, state=State.GOOD, record=None, live=GENERATION) for name in names]


class Described:
    """A stack."""

    by_name: ClassVar[dict[str, Any]] = {"ipykernel": object()}


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    stack = {"title": "Survey", "kind": "prefix", "python": sys.executable}
    document = {"contract": 1, "machinery": {"prefix": "/opt/machinery"}, "stack": stack}
    (tmp_path / "image.json").write_text(json.dumps(document))
    monkeypatch.setattr(kernel_catalogue, "describe", lambda *_, **__: Described())
    Engine.asked = 0
    (tmp_path / ".strata/environments").mkdir(parents=True)
    return {"HOME": str(tmp_path), "STRATA_IMAGE_CONTRACT": str(tmp_path / "image.json")}


def switch(home: str, name: str, generation: str) -> None:
    folder = Path(home, ".strata/environments", name)
    folder.mkdir(exist_ok=True)
    (folder / "next").symlink_to(f"../../generations/{generation}")
    (folder / "next").rename(folder / "current")


def test_nothing_is_asked_again_until_something_was_switched(environ: dict[str, str]) -> None:
    catalogue = KernelCatalogue(environ, Engine)  # type: ignore[arg-type]  # has what is used of it
    assert list(catalogue.kernels()) == ["python3"]
    switch(environ["HOME"], "mine", GENERATION)
    assert list(catalogue.kernels()) == ["python3", "strata-mine"]
    assert list(catalogue.kernels()) == ["python3", "strata-mine"]
    assert Engine.asked == 2
    switch(environ["HOME"], "mine", "20260102T000000-bbbbbbbbbbbb")
    catalogue.kernels()
    assert Engine.asked == 3


def test_safe_mode_does_not_look_at_environments(environ: dict[str, str]) -> None:
    switch(environ["HOME"], "mine", GENERATION)
    catalogue = KernelCatalogue({**environ, "STRATA_SAFE_MODE": "1"}, Engine)  # type: ignore[arg-type]  # as above
    assert list(catalogue.kernels()) == ["python3"]
    assert Engine.asked == 0


def test_whatever_is_wrong_with_the_environments_the_stacks_kernel_is_there(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> list[Status]:
        raise RuntimeError("no")

    monkeypatch.setattr(Engine, "environments", broken)
    catalogue = KernelCatalogue(environ, Engine)  # type: ignore[arg-type]  # as above
    assert catalogue.kernels()["python3"].reason == ""


def test_a_stack_that_cannot_be_used_says_why(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def unusable(*_: object, **__: object) -> None:
        raise StackUnusable("The interpreter is gone.")

    monkeypatch.setattr(kernel_catalogue, "describe", unusable)
    assert KernelCatalogue(environ).kernels()["python3"].reason == "The interpreter is gone."


def test_a_stack_without_ipykernel_says_so(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Described, "by_name", {})
    found = KernelCatalogue(environ, Engine).kernels()  # type: ignore[arg-type]  # as above
    assert found["python3"].reason.startswith("Survey has no ipykernel")


def test_a_contract_that_cannot_be_read_leaves_the_machinerys_kernel_and_a_sentence(environ: dict[str, str]) -> None:
    Path(environ["STRATA_IMAGE_CONTRACT"]).write_text("{")
    catalogue = KernelCatalogue(environ)
    assert catalogue.contract is None
    assert catalogue.kernels() == {}
    assert "is not JSON" in catalogue.problem
