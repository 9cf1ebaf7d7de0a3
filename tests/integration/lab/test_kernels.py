"""Kernels of a real lab: the stack's, those of environments, what they see, and what must be restarted."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from strata_lab.changes import Create, Delete, Install
from strata_lab.operations import Operations
from support import activated_stacks as stacks
from support import lab_process
from support.index import PackageIndex, package_index
from support.lab_process import Lab
from support.wheels import make_wheel

TITLE = "Survey stack 2026.47"


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    wheels = [make_wheel(name, version) for name in ("starmath", "skyplot", "colours") for version in ("1.0", "2.0")]
    with package_index(wheels) as served:
        yield served


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, index: PackageIndex) -> Path:
    place = tmp_path_factory.mktemp("kernels")
    stacks.contract(place, stacks.plain(place), "prefix", index=index.simple)
    return place


@pytest.fixture(scope="module")
def lab(folder: Path) -> Iterator[Lab]:
    with lab_process.lab(folder, environ={"STRATA_IMAGE_CONTRACT": str(folder / "image.json")}) as running:
        yield running


@pytest.fixture(scope="module")
def engine(folder: Path, lab: Lab) -> Operations:
    return stacks.operations(folder, lab.home)


def titles(lab: Lab) -> dict[str, str]:
    specs = lab.get("api/kernelspecs").json()["kernelspecs"]
    return {name: spec["spec"]["display_name"] for name, spec in specs.items()}


async def test_a_kernel_is_there_the_moment_its_environment_is_and_gone_when_it_is_deleted(
    lab: Lab, engine: Operations
) -> None:
    assert titles(lab) == {"python3": TITLE}
    engine.execute(Create(environment="brief", requirements=("starmath==1.0",)))
    assert titles(lab) == {"python3": TITLE, "strata-brief": f"brief — {TITLE}"}
    shown = await lab.run("import starmath, sys; print(starmath.__version__, sys.prefix)", kernel="strata-brief")
    assert shown.split() == ["1.0", f"{lab.home}/.strata/environments/brief/current"]
    engine.execute(Delete(environment="brief"))
    assert titles(lab) == {"python3": TITLE}
    assert lab.start_kernel("strata-brief").status_code in {404, 500}


async def test_the_stacks_kernel_sees_the_stack_and_not_the_machinery(lab: Lab) -> None:
    shown = await lab.run("import importlib.util as u; print(u.find_spec('jupyterlab'), u.find_spec('strata_lab'))")
    assert shown.split() == ["None", "None"]


async def test_an_environment_that_cannot_be_used_is_shown_and_says_why_when_it_is_started(
    lab: Lab, engine: Operations
) -> None:
    record = engine.execute(Create(environment="torn"))
    interpreter = engine.layout.generation(record.generation) / "bin/python"
    interpreter.unlink()
    interpreter.symlink_to("/nonexistent/python")
    answer = lab.start_kernel("strata-torn")
    assert answer.status_code == 409
    message = answer.json()["message"]
    assert message.endswith(".")
    assert "Traceback" not in message
    with lab.client() as client:
        session = {"path": "x.ipynb", "type": "notebook", "name": "x", "kernel": {"name": "strata-torn"}}
        assert message in client.post("api/sessions", json=session).json()["message"]


async def test_pip_in_a_notebook_lands_in_the_default_environment_and_is_usable_at_once(lab: Lab) -> None:
    kernel = lab.start_kernel().json()["id"]
    assert "ModuleNotFoundError" in await lab.run("import skyplot", kernel_id=kernel)
    shown = await lab.run("%pip install skyplot==1.0", kernel_id=kernel)
    assert "Adds to default: skyplot 1.0." in shown
    assert "1.0" in await lab.run("import skyplot; print(skyplot.__version__)", kernel_id=kernel)
    assert "strata-default" in titles(lab)
    shown = await lab.run("%pip install skyplot==2.0", kernel="strata-default")
    assert "Changes skyplot from 1.0 to 2.0." in shown
    assert "2.0" in await lab.run("%pip list", kernel="strata-default")


async def test_pip_in_a_notebook_names_what_was_imported_before_it_changed(lab: Lab, engine: Operations) -> None:
    engine.execute(Create(environment="moving", requirements=("colours==1.0",)))
    kernel = lab.start_kernel("strata-moving").json()["id"]
    await lab.run("import colours", kernel_id=kernel)
    shown = await lab.run("%pip install colours==2.0 starmath==1.0", kernel_id=kernel)
    assert "Restart the kernel to use the new colours." in shown
    assert "1.0" in await lab.run("import starmath; print(starmath.__version__)", kernel_id=kernel)


async def test_pip_in_a_terminal_installs_and_tells_apart_what_has_no_place(lab: Lab, engine: Operations) -> None:
    shown = await lab.terminal("pip install starmath==2.0 && pip show starmath; pip install --target=/x starmath")
    assert "Done: default is at" in shown
    assert "Version: 2.0" in shown
    assert "ERROR: pip's --target has no place here" in shown
    assert not list(lab.home.glob(".local/lib/*"))
    assert "starmath 2.0" in " ".join(
        f"{item.name} {item.version}" for item in engine.store.record(engine.store.current("default")).locked
    )


def until(state: str, lab: Lab, *kernels: str) -> None:
    for kernel in kernels:
        while lab.get(f"api/kernels/{kernel}").json()["execution_state"] != state:
            time.sleep(0.1)


async def test_exactly_the_kernels_that_imported_what_changed_are_told_to_restart(lab: Lab, engine: Operations) -> None:
    first = engine.execute(Create(environment="advised", requirements=("colours==1.0", "starmath==1.0")))
    kernels = {name: lab.start_kernel("strata-advised").json()["id"] for name in ("user", "other", "busy")}
    await lab.run("import colours", kernel_id=kernels["user"])
    await lab.run("import starmath", kernel_id=kernels["other"])
    stop = lab.home / "stop"
    waiting = f"import colours, pathlib, time\nwhile not pathlib.Path({str(stop)!r}).exists(): time.sleep(0.05)"
    working = asyncio.create_task(lab.run(waiting, kernel_id=kernels["busy"]))
    try:
        await asyncio.to_thread(until, "busy", lab, kernels["busy"])
        await asyncio.to_thread(until, "idle", lab, kernels["user"], kernels["other"])
        engine.execute(Install(environment="advised", requirements=("colours==2.0",)))
        path = f"strata/api/environments/advised/advice?since={first.generation}"
        advice = await asyncio.to_thread(lambda: lab.get(path).json()["advice"])
    finally:
        stop.touch()
        await working
    assert {one["kernel"]: one["answer"] for one in advice} == {
        kernels["user"]: "restart",
        kernels["other"]: "current",
        kernels["busy"]: "busy",
    }
    (told,) = [one for one in advice if one["answer"] == "restart"]
    assert told["modules"] == ["colours"]
    assert told["sentence"] == "Restart it to use the new colours."
