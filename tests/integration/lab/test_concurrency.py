"""Several operations at once, in processes of their own, on one home."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from strata_lab.changes import Create, Install
from strata_lab.environments import State
from support.index import PackageIndex, package_index
from support.lab import Lab, prefix_stack
from support.waiting import eventually
from support.wheels import make_wheel

WHEELS = tuple(make_wheel(f"package{number}", "1.0") for number in range(8))
PROGRAM = """
import json, sys
from pathlib import Path
from support.lab import Lab
from strata_lab.changes import parse_change
told = json.loads(sys.argv[1])
lab = Lab(Path(told["home"]), Path(told["cache"]), Path(told["python"]), indexes={"main": told["index"]})
operations = lab.operations(lock_wait=240)
print("ready", flush=True)
for change in told["changes"]:
    print(operations.execute(parse_change(change)).generation, flush=True)
"""


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with package_index(WHEELS) as served:
        yield served


@pytest.fixture
def lab(tmp_path: Path, index: PackageIndex) -> Lab:
    home = tmp_path / "home"
    home.mkdir()
    return Lab(home, tmp_path / "cache", prefix_stack(), indexes={"main": index.simple})


def start(lab: Lab, *changes: dict[str, object], cache: Path | None = None) -> "subprocess.Popen[str]":
    told = {
        "home": str(lab.home),
        "cache": str(cache or lab.cache),
        "python": str(lab.stack_python),
        "index": lab.indexes["main"],
        "changes": changes,
    }
    root = Path(__file__).parents[3]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{root / 'tests'}:{root / 'docker' / 'demo'}"}
    command = [sys.executable, "-c", PROGRAM, json.dumps(told)]
    return subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def install(number: int) -> dict[str, object]:
    return {"action": "install", "environment": "mine", "requirements": [f"package{number}"]}


def test_of_four_installs_into_one_environment_none_is_lost(lab: Lab, tmp_path: Path) -> None:
    lab.operations().execute(Create(environment="mine"))
    # Two pods share the home, not the cache.
    running = [start(lab, install(number), cache=tmp_path / f"cache{number % 2}") for number in range(4)]
    ends = [process.communicate(timeout=280) for process in running]
    assert [process.returncode for process in running] == [0] * 4, ends
    operations = lab.operations()
    record = operations.environment("mine").record
    assert record is not None
    assert [item.name for item in record.locked] == [f"package{number}" for number in range(4)]
    assert record.serial == 5
    assert len(operations.history("mine")) == 5
    assert not list(lab.layout.locks.iterdir())


def test_environments_of_different_names_do_not_wait_for_each_other(lab: Lab) -> None:
    running = [start(lab, {"action": "create", "environment": f"env{number}"}) for number in range(3)]
    ends = [process.communicate(timeout=280) for process in running]
    assert [process.returncode for process in running] == [0] * 3, ends
    assert [status.state for status in lab.operations().environments()] == [State.GOOD] * 3


def test_a_killed_operation_leaves_the_old_environment_and_the_next_one_clears_up(
    lab: Lab, index: PackageIndex
) -> None:
    first = lab.operations().execute(Create(environment="mine", requirements=("package0",)))
    before = lab.everything()
    for wheel in WHEELS[1:4]:
        index.files.pop(wheel.filename)
        slow = make_wheel(wheel.name, "1.0", files={f"{wheel.name}.py": "import time\ntime.sleep(600)\n"})
        index.add(slow)
        process = start(lab, {"action": "install", "environment": "mine", "requirements": [wheel.name]})
        eventually(lambda: len(list(lab.layout.generations.iterdir())) > 1, within=120)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
        operations = lab.operations()
        assert operations.environment("mine").state is State.GOOD
        assert operations.store.current("mine") == first.generation
        operations.sweep()
        assert lab.everything() == before
    lab.operations().execute(Install(environment="mine", requirements=("package5",)))
