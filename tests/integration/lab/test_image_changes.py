"""Yesterday's environment in today's image: good, to be rebuilt, or impossible, and back again."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from strata_lab.changes import Create, Delete, Install, Rebuild, Undo
from strata_lab.environments import Action, State
from strata_lab.errors import Unsatisfiable
from strata_lab.operations import Operations
from support.index import PackageIndex, package_index
from support.lab import Lab, copy_prefix, install_into_stack
from support.wheels import make_wheel

WHEELS = (
    make_wheel("spectra", "1.0", requires=["lines>=1", "starmath<2"]),
    make_wheel("spectra", "2.0", requires=["lines>=1", "starmath>=2"]),
    make_wheel("lines", "1.0"),
    make_wheel("tied", "1.0", requires=["starmath<2"]),
)


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with package_index(WHEELS) as served:
        yield served


@pytest.fixture
def stack_folder(tmp_path: Path) -> Path:
    copy_prefix(tmp_path / "stack")
    return tmp_path / "stack"


@pytest.fixture
def lab(tmp_path: Path, stack_folder: Path, index: PackageIndex) -> Lab:
    home = tmp_path / "home"
    home.mkdir()
    return Lab(home, tmp_path / "cache", stack_folder / "bin" / "python", indexes={"main": index.simple})


def swap(stack: Path, other: Path) -> None:
    """Put another image's stack in the place of this one, and this one aside."""
    aside = stack.with_name("aside")
    stack.rename(aside)
    other.rename(stack)
    aside.rename(other)


@pytest.fixture
def tomorrow(tmp_path: Path, stack_folder: Path) -> Path:
    """A stack whose starmath is 2.0."""
    other = tmp_path / "tomorrow"
    install_into_stack(copy_prefix(other), make_wheel("starmath", "2.0"))
    return other


def pins(operations: Operations) -> list[str]:
    live = operations.environment("mine").live
    return [item.pin for item in operations.store.record(live).locked] if live else []


def test_an_environment_that_still_fits_another_stack_is_good(lab: Lab, stack_folder: Path) -> None:
    lab.operations().execute(Create(environment="mine", requirements=("lines",)))
    install_into_stack(lab.stack_python, make_wheel("unrelated", "1.0"))
    assert lab.operations().environment("mine").state is State.GOOD


def test_one_that_does_not_says_why_and_is_rebuilt_beside_the_old_one(
    lab: Lab, stack_folder: Path, tomorrow: Path
) -> None:
    first = lab.operations().execute(Create(environment="mine", requirements=("spectra",)))
    swap(stack_folder, tomorrow)
    operations = lab.operations()
    status = operations.environment("mine")
    assert status.state is State.REBUILD
    assert status.live is None
    assert status.reasons == ("spectra 1.0 needs starmath<2; the stack now has 2.0.",)
    plan = operations.plan(Rebuild(environment="mine"))
    assert [(item.name, item.old, item.new) for item in plan.upgraded] == [("spectra", "1.0", "2.0")]
    second = operations.execute(Rebuild(environment="mine"))
    assert second.action is Action.REBUILD
    assert pins(operations) == ["lines==1.0", "spectra==2.0"]
    assert lab.layout.generation(first.generation).is_dir()


def test_going_back_to_yesterdays_image_brings_yesterdays_realisation_back(
    lab: Lab, stack_folder: Path, tomorrow: Path
) -> None:
    lab.operations().execute(Create(environment="mine", requirements=("spectra",)))
    swap(stack_folder, tomorrow)
    lab.operations().execute(Rebuild(environment="mine"))
    swap(stack_folder, tomorrow)
    operations = lab.operations()
    assert operations.environment("mine").state is State.GOOD
    assert pins(operations) == ["lines==1.0", "spectra==1.0"]
    operations.sweep()
    assert pins(operations) == ["lines==1.0", "spectra==1.0"]
    swap(stack_folder, tomorrow)
    assert pins(lab.operations()) == ["lines==1.0", "spectra==2.0"]


def test_a_change_after_going_back_starts_from_yesterdays_realisation(
    lab: Lab, stack_folder: Path, tomorrow: Path
) -> None:
    lab.operations().execute(Create(environment="mine", requirements=("spectra",)))
    swap(stack_folder, tomorrow)
    lab.operations().execute(Rebuild(environment="mine"))
    swap(stack_folder, tomorrow)
    lab.operations().execute(Install(environment="mine", requirements=("tied",)))
    assert pins(lab.operations()) == ["lines==1.0", "spectra==1.0", "tied==1.0"]
    lab.operations().execute(Undo(environment="mine"))
    assert pins(lab.operations()) == ["lines==1.0", "spectra==1.0"]


def test_a_rebuild_that_nothing_satisfies_says_what_is_missing_from_then_on(
    lab: Lab, stack_folder: Path, tomorrow: Path
) -> None:
    lab.operations().execute(Create(environment="mine", requirements=("tied",)))
    swap(stack_folder, tomorrow)
    assert lab.operations().environment("mine").state is State.REBUILD
    with pytest.raises(Unsatisfiable):
        lab.operations().execute(Rebuild(environment="mine"))
    status = lab.operations().environment("mine")
    assert status.state is State.IMPOSSIBLE
    assert "tied" in status.reasons[0]


def test_the_lock_is_used_without_asking_an_index_where_it_fits(
    lab: Lab, stack_folder: Path, index: PackageIndex
) -> None:
    lab.operations().execute(Create(environment="mine", requirements=("lines",)))
    install_into_stack(lab.stack_python, make_wheel("unrelated", "1.0"))
    index.asked.clear()
    index.add(make_wheel("lines", "3.0"))
    lab.operations().execute(Rebuild(environment="mine"))
    assert pins(lab.operations()) == ["lines==1.0"]
    assert not [path for path in index.asked if path.startswith("/simple")]


def test_what_the_stack_now_brings_itself_is_told(lab: Lab, stack_folder: Path) -> None:
    lab.operations().execute(Create(environment="mine", requirements=("lines",)))
    install_into_stack(lab.stack_python, make_wheel("lines", "2.0"))
    operations = lab.operations()
    assert operations.environment("mine").reasons == ("The stack now has lines 2.0 itself; the environment has 1.0.",)
    operations.execute(Rebuild(environment="mine"))
    assert pins(operations) == []
    assert operations.environment("mine").state is State.GOOD


def test_without_its_interpreter_nothing_can_be_rebuilt(lab: Lab, stack_folder: Path, tmp_path: Path) -> None:
    operations = lab.operations()
    operations.execute(Create(environment="mine"))
    shutil.rmtree(stack_folder / "bin")
    status = operations.environment("mine")
    assert status.state is State.IMPOSSIBLE
    assert "interpreter" in status.reasons[0]


def test_a_record_that_is_gone_makes_the_environment_broken_and_it_can_be_deleted(lab: Lab) -> None:
    operations = lab.operations()
    record = operations.execute(Create(environment="mine"))
    (lab.layout.generation(record.generation) / "record.json").write_text("{", encoding="utf-8")
    assert operations.environment("mine").state is State.BROKEN
    operations.execute(Delete(environment="mine"))
    assert operations.environments() == []
