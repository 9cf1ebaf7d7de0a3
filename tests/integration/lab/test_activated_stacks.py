"""Stacks that need activation: a conda prefix with activate scripts, and one that a script makes of 150 folders."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from strata_lab import activation, image_contract
from strata_lab.changes import Create, Install
from strata_lab.plans import Consent
from support import activated_stacks as stacks
from support import lab_process
from support.index import PackageIndex, package_index
from support.lab_process import Lab
from support.wheels import make_wheel


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    wheels = [make_wheel("product007", "2.0", files={"product007/__init__.py": 'VERSION = "2.0"\n'})]
    with package_index([*wheels, make_wheel("skyplot", "1.0", requires=["product007"])]) as served:
        yield served


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory, index: PackageIndex) -> Path:
    folder = tmp_path_factory.mktemp("scripted")
    python, script = stacks.with_products(folder)
    given = {"script": str(script), "arguments": ["summit"], "user_setup": "~/.user_setups"}
    stacks.contract(folder, python, "script", index=index.simple, activation=given)
    return folder


@pytest.fixture(scope="module")
def lab(scripted: Path) -> Iterator[Lab]:
    (scripted / "planted").mkdir()
    (scripted / "planted/product007.py").write_text("VERSION = 'planted'\n")
    environ = {"STRATA_IMAGE_CONTRACT": str(scripted / "image.json"), "PYTHONPATH": str(scripted / "planted")}
    with lab_process.lab(scripted, environ=environ) as running:
        yield running


IMPORTS = "import os, sys, product007, product149; print(product007.VERSION, os.environ['STACK_SITE'], sys.prefix)"


async def test_the_stacks_kernel_is_activated_and_knows_nothing_of_the_users_pythonpath(
    lab: Lab, scripted: Path
) -> None:
    assert (await lab.run(IMPORTS)).split() == ["1.0", "summit", str(scripted / "stack")]


async def test_the_inventory_plan_and_kernel_of_an_environment_are_true_inside_activation(
    lab: Lab, scripted: Path
) -> None:
    engine = stacks.operations(scripted, lab.home)
    assert len([name for name in engine.stack.by_name if name.startswith("product")]) == stacks.PRODUCTS
    plan = engine.plan(Create(environment="mine", requirements=("skyplot",)))
    assert [item.name for item in plan.added] == ["skyplot"]
    engine.execute(Create(environment="mine", requirements=("skyplot",)))
    assert (await lab.run(IMPORTS, kernel="strata-mine")).split()[0] == "1.0"
    shadowing = Install(environment="mine", requirements=("product007==2.0",))
    plan = engine.plan(shadowing)
    assert [item.name for item in plan.shadowing] == ["product007"]
    engine.execute(shadowing, Consent.to(plan))
    shown = await lab.run(
        f"{IMPORTS}; import importlib.metadata as m; print(m.version('product007'))", kernel="strata-mine"
    )
    assert shown.split()[0] == "2.0"
    assert shown.split()[-1] == "2.0"
    assert (await lab.run(IMPORTS)).split()[0] == "1.0"


async def test_the_users_set_up_script_runs_in_the_kernel_and_its_messages_are_shown(lab: Lab) -> None:
    script = lab.home / ".user_setups"
    script.write_text("setup mine\necho 'no such product: other' >&2\n")
    try:
        shown = await lab.run("import os, product007; print(os.environ['SETUP_mine'], product007.VERSION)")
        assert "yes 1.0" in shown
        assert "Your set-up script said:\nno such product: other" in shown
        script.write_text("echo 'fatal' >&2\nexit 1\n")
        shown = await lab.run(IMPORTS)
        assert "1.0 summit" in shown
        assert ".user_setups was left out, because it called exit." in shown
    finally:
        script.unlink()


async def test_a_conda_prefix_is_activated_by_its_scripts(tmp_path: Path) -> None:
    python = stacks.with_activate_script(tmp_path)
    contract = stacks.contract(tmp_path, python, "conda")
    stacks.operations(tmp_path, tmp_path / "home").execute(Create(environment="mine"))
    with lab_process.lab(tmp_path, environ={"STRATA_IMAGE_CONTRACT": str(contract)}) as lab:
        for kernel in ("python3", "strata-mine"):
            code = "import os, sys; print(os.environ['PROJ_DATA'], os.environ['PATH'], os.environ.get('WRONG'))"
            proj, path, wrong = (await lab.run(code, kernel=kernel)).split()
            assert proj == str(tmp_path / "stack/share/proj")
            assert str(tmp_path / "stack/extra") in path.split(":")
            assert wrong == "None"


def test_activation_is_captured_once_and_the_capture_is_what_sourcing_does(scripted: Path, tmp_path: Path) -> None:
    contract = image_contract.load(scripted / "image.json")
    environ = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    replayed = [activation.for_kernel(contract, environ) for _ in range(2)]
    (tmp_path / ".user_setups").write_text("export OWN=1\n")
    sourced = activation.for_kernel(contract, environ)
    assert [one.sourced for one in replayed] == [False, False]
    assert sourced.sourced
    shell = {"OWN", "PWD", "OLDPWD", "SHLVL", "_"}
    wanted = {name: value for name, value in sourced.environ.items() if name not in shell}
    assert {name: value for name, value in replayed[1].environ.items() if name not in shell} == wanted
