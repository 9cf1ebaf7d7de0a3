"""Conda environments through the one function that executes, with a real Python from a real channel."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from strata_lab.changes import Clone, Create, Delete, Import, Install, Rebuild, Redo, Remove, Restore, Undo, Upgrade
from strata_lab.environments import Kind, State
from strata_lab.errors import Cancelled, InvalidInput, Refused, Unsatisfiable, VerificationFailed
from strata_lab.kernel_catalogue import environment_kernel
from strata_lab.kernels import Kernel
from strata_lab.operations import Operations
from strata_lab.progress import Entered, Phase, Progress
from support.channel import Channel, module, python
from support.inventory import inventory
from support.lab import Lab, prefix_stack

APP = "def main(): print('hi')\n"


@dataclass
class Place:
    """A lab with a channel."""

    lab: Lab
    channel: str

    @property
    def operations(self) -> Operations:
        """The engine, as a new process would have it."""
        return self.lab.operations(channels=(self.channel,))

    def python(self, name: str) -> Path:
        """The interpreter of an environment."""
        return self.lab.layout.current(name) / "bin/python"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A channel that no test changes, and a cache beside it."""
    folder = tmp_path_factory.mktemp("conda")
    Channel(folder / "channel").add(
        python(folder),
        module("tinylib", "1.0"),
        module("tinylib", "2.0"),
        module("tinyapp", "1.0", depends=["tinylib >=1"], entry_points=("tinyapp = tinyapp:main",), text=APP),
        module("tinynew", "1.0", depends=["tinylib >=2"]),
        module("broken", "1.0", text="import nothing_of_this_name\n"),
        module("jupyterlab", "4.0"),
        module("ipykernel", "7.0"),
    )
    return folder


@pytest.fixture
def place(shared: Path, tmp_path: Path) -> Place:
    (tmp_path / "home").mkdir()
    return Place(Lab(tmp_path / "home", shared / "cache", prefix_stack()), (shared / "channel").as_uri())


def says(python: Path, code: str) -> str:
    return subprocess.run([python, "-IB", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


VERSION = "import tinylib; print(tinylib.__version__)"


def test_the_life_of_a_conda_environment(place: Place) -> None:
    stack = inventory(prefix_stack().parents[1])
    operations = place.operations
    first = operations.execute(Create(environment="demo", kind=Kind.CONDA, requirements=("tinylib=1.0",)))
    assert {item.name for item in first.locked} == {"python", "ipykernel", "tinylib"}
    assert all(item.sha256 and item.url and item.build for item in first.locked)
    assert "tinylib" in first.imports
    assert says(place.python("demo"), VERSION) == "1.0"
    second = operations.execute(Install(environment="demo", requirements=("tinyapp",)))
    assert says(place.python("demo"), VERSION) == "1.0"
    assert (
        subprocess.run([place.python("demo").with_name("tinyapp")], capture_output=True, check=True).stdout == b"hi\n"
    )
    operations.execute(Undo(environment="demo"))
    assert not place.python("demo").with_name("tinyapp").exists()
    operations.execute(Redo(environment="demo"))
    operations.execute(Install(environment="demo", requirements=("tinylib",)))
    operations.execute(Upgrade(environment="demo", names=("tinylib",)))
    assert says(place.python("demo"), VERSION) == "2.0"
    operations.execute(Remove(environment="demo", names=("tinyapp",)))
    assert "tinyapp" not in {item.name for item in place.operations.environment("demo").record.locked}
    operations.execute(Clone(environment="demo", new_name="copy"))
    assert says(place.python("copy"), VERSION) == "2.0"
    again = operations.execute(Rebuild(environment="copy"))
    assert again.lock_hash == place.operations.environment("demo").record.lock_hash
    operations.execute(Delete(environment="demo"))
    operations.execute(Restore(environment="demo"))
    assert [status.state for status in place.operations.environments()] == [State.GOOD, State.GOOD]
    assert second.actor.user == "ada"
    assert inventory(prefix_stack().parents[1]) == stack


def test_a_plan_is_made_without_writing_and_counts_bytes(place: Place) -> None:
    before = inventory(place.lab.home)
    plan = place.operations.plan(Create(environment="demo", kind=Kind.CONDA, requirements=("tinyapp",)))
    assert {item.name for item in plan.added} == {"python", "ipykernel", "tinyapp", "tinylib"}
    assert plan.shadowing == ()
    assert plan.sizes.download == sum(item.size or 0 for item in plan.added)
    assert inventory(place.lab.home) == before


def test_a_kernel_stands_for_it(place: Place) -> None:
    place.operations.execute(Create(environment="demo", kind=Kind.CONDA, requirements=("tinylib",)))
    own = Kernel("python3", "Science", prefix_stack())
    kernel = environment_kernel(place.operations.environment("demo"), place.lab.layout, own)
    assert (kernel.reason, kernel.own_prefix) == ("", True)
    assert kernel.python == place.python("demo")


def test_a_conflict_is_told_and_changes_nothing(place: Place) -> None:
    place.operations.execute(Create(environment="demo", kind=Kind.CONDA, requirements=("tinylib=1.0",)))
    before = inventory(place.lab.layout.environments)
    with pytest.raises(Unsatisfiable, match="tinynew"):
        place.operations.execute(Install(environment="demo", requirements=("tinynew", "tinylib=1.0")))
    assert inventory(place.lab.layout.environments) == before


def test_a_package_that_cannot_be_imported_is_not_switched_in(place: Place) -> None:
    place.operations.execute(Create(environment="demo", kind=Kind.CONDA, requirements=("tinylib",)))
    before = place.operations.environment("demo").live
    with pytest.raises(VerificationFailed, match="broken cannot be imported"):
        place.operations.execute(Install(environment="demo", requirements=("broken",)))
    assert place.operations.environment("demo").live == before


def test_the_machinery_is_refused(place: Place) -> None:
    with pytest.raises(Refused, match="jupyterlab"):
        place.operations.execute(Create(environment="demo", kind=Kind.CONDA, requirements=("jupyterlab",)))


@pytest.mark.parametrize("phase", [Phase.RESOLVING, Phase.BUILDING, Phase.VERIFYING])
def test_cancelling_leaves_nothing_and_a_retry_succeeds(place: Place, phase: Phase) -> None:
    reached: list[Phase] = []

    def report(event: Progress) -> None:
        if isinstance(event, Entered):
            reached.append(event.phase)

    create = Create(environment="demo", kind=Kind.CONDA, requirements=("tinyapp",))
    with pytest.raises(Cancelled):
        place.operations.execute(create, report=report, cancelled=lambda: phase in reached)
    assert place.operations.environments() == []
    place.operations.execute(create)
    place.operations.sweep()
    assert len(list(place.lab.layout.generations.iterdir())) == 1


def test_it_travels_as_a_lock_that_py_rattler_reads_and_as_environment_yml(place: Place) -> None:
    operations = place.operations
    made = operations.execute(Create(environment="demo", kind=Kind.CONDA, requirements=("tinyapp", "tinylib=1.0")))
    lock = operations.export("demo", "rattler-lock")
    path = place.lab.home.with_name("rattler.lock")
    path.write_text(lock)
    program = (
        "import json, os, sys; from pathlib import Path; from rattler import LockFile;"
        "found = LockFile.from_path(Path(sys.argv[1])).default_environment();"
        "records = found.conda_repodata_records_for_platform(found.platforms()[0]);"
        "told = sorted(f'{r.name.source} {r.version} {r.sha256.hex()}' for r in records);"
        "print(json.dumps(told), flush=True); os._exit(0)"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == sorted(f"{item.name} {item.version} {item.sha256}" for item in made.locked)
    copy = operations.execute(Import(environment="copy", format="rattler-lock", text=lock))
    assert copy.locked == made.locked
    text = operations.export("demo", "environment-yml")
    other = operations.execute(Import(environment="other", format="environment-yml", text=text))
    assert {item.pin for item in other.locked} == {item.pin for item in made.locked}


@pytest.mark.parametrize(
    "text", ["", "[]", "version: 99", "version: 6", "a: &a [*a]", "version: 6\nenvironments: {}\npackages: []"]
)
def test_what_is_no_lock_is_a_sentence(place: Place, text: str) -> None:
    with pytest.raises(InvalidInput):
        place.operations.execute(Import(environment="copy", format="rattler-lock", text=text))
