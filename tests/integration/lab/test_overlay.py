"""Overlays on a prefix, a venv, a conda prefix and a stack that a script sets up; with uv and with pip."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from strata_lab.changes import Create, Install, Remove, Undo
from strata_lab.environments import State
from strata_lab.errors import Refused, Unsatisfiable
from strata_lab.plans import Consent
from support.index import PackageIndex, package_index
from support.lab import Lab, copy_prefix, prefix_stack, script_stack, venv_stack
from support.wheels import make_wheel

WHEELS = (
    make_wheel("spectra", "1.0", requires=["lines>=1", "starmath", "colours"]),
    make_wheel("lines", "1.0"),
    make_wheel("lines", "2.0"),
    make_wheel("needs-new-starmath", "1.0", requires=["starmath>=2"]),
    make_wheel("starmath", "2.0"),
    make_wheel("needs-other-colours", "1.0", requires=["colours<1"]),
)
KINDS = ("prefix", "venv", "conda", "script")


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    with package_index(WHEELS) as served:
        yield served


@pytest.fixture(params=KINDS)
def lab(request: pytest.FixtureRequest, tmp_path: Path, index: PackageIndex) -> Lab:
    return make_lab(request.param, tmp_path, index)


def make_lab(kind: str, tmp_path: Path, index: PackageIndex) -> Lab:
    home = tmp_path / "home"
    home.mkdir()
    indexes = {"main": index.simple}
    if kind == "venv":
        return Lab(home, tmp_path / "cache", venv_stack(), kind, indexes)
    if kind == "conda":
        python = copy_prefix(tmp_path / "stack")
        scripts = tmp_path / "stack" / "etc" / "conda" / "activate.d"
        scripts.mkdir(parents=True)
        (scripts / "stars.sh").write_text("export STAR_CATALOGUE=/opt/stars\n", encoding="utf-8")
        return Lab(home, tmp_path / "cache", python, kind, indexes)
    if kind == "script":
        python, script = script_stack(tmp_path / "stack")
        activation = {"script": str(script), "arguments": ["summit"]}
        return Lab(home, tmp_path / "cache", python, kind, indexes, activation)
    return Lab(home, tmp_path / "cache", prefix_stack(), kind, indexes)


def test_the_stack_is_seen_and_only_what_it_lacks_is_installed(lab: Lab) -> None:
    operations = lab.operations()
    assert {"starmath", "skyplot", "colours"} <= operations.stack.by_name.keys()
    record = operations.execute(Create(environment="mine", requirements=("spectra",)))
    assert [item.pin for item in record.locked] == ["lines==2.0", "spectra==1.0"]
    assert record.imports == ("lines", "spectra")
    assert operations.environment("mine").state is State.GOOD


def test_what_shadows_the_stack_really_does_inside_the_environment(lab: Lab) -> None:
    operations = lab.operations()
    operations.execute(Create(environment="mine"))
    change = Install(environment="mine", requirements=("needs-new-starmath",))
    plan = operations.plan(change)
    assert [(item.name, item.stack_version) for item in plan.shadowing] == [("starmath", "1.0")]
    assert [item.name for item in plan.shadowing[0].dependents] == ["skyplot"]
    record = operations.execute(change, Consent.to(plan))
    assert "starmath" in record.imports
    assert lab.stack().by_name["starmath"].version == "1.0"


def test_versions_that_no_index_knows_count_as_the_stacks(lab: Lab) -> None:
    operations = lab.operations()
    operations.execute(Create(environment="mine"))
    with pytest.raises(Unsatisfiable, match="colours"):
        operations.plan(Install(environment="mine", requirements=("needs-other-colours",)))


@pytest.mark.parametrize("kind", ["prefix", "venv"])
def test_nothing_of_the_users_own_site_is_seen(kind: str, tmp_path: Path, index: PackageIndex) -> None:
    lab = make_lab(kind, tmp_path, index)
    operations = lab.operations()
    version = f"python{operations.stack.minor}"
    planted = lab.home / ".local" / "lib" / version / "site-packages" / "starmath"
    planted.mkdir(parents=True)
    (planted / "__init__.py").write_text("raise SystemExit('planted')\n", encoding="utf-8")
    record = operations.execute(Create(environment="mine", requirements=("spectra",)))
    python = lab.layout.current("mine") / "bin" / "python"
    told = subprocess.run(
        [python, "-c", "import starmath, spectra, site; print(starmath.__version__, site.ENABLE_USER_SITE)"],
        env={"HOME": str(lab.home)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == ["1.0", "False"]
    assert record.locked


def test_pip_of_the_environment_installs_into_it_and_not_into_the_stack(tmp_path: Path, index: PackageIndex) -> None:
    lab = make_lab("prefix", tmp_path, index)
    record = lab.operations().execute(Create(environment="mine"))
    prefix = lab.layout.generation(record.generation)
    words = ["install", "-q", "--disable-pip-version-check", "--index-url", index.simple, "lines", "starmath==1.0"]
    subprocess.run([prefix / "bin" / "pip", *words], env={"HOME": str(lab.home)}, check=True, capture_output=True)
    assert list(prefix.glob("lib/python3*/site-packages/lines-2.0.dist-info"))
    assert not list(prefix.glob("lib/python3*/site-packages/starmath*"))


@pytest.mark.parametrize("kind", ["prefix", "venv"])
def test_pip_as_installer_finds_the_same_as_uv(kind: str, tmp_path: Path, index: PackageIndex) -> None:
    lab = make_lab(kind, tmp_path, index)
    operations = lab.operations(installer="pip")
    record = operations.execute(Create(environment="mine", requirements=("spectra", "lines<2")))
    assert [item.pin for item in record.locked] == ["lines==1.0", "spectra==1.0"]
    assert record.tools.keys() == {"strata", "pip"}
    assert all(item.sha256 for item in record.locked)
    plan = operations.plan(Install(environment="mine", requirements=("needs-new-starmath",)))
    assert [item.name for item in plan.shadowing] == ["starmath"]
    with pytest.raises(Unsatisfiable):
        operations.plan(Install(environment="mine", requirements=("lines>=9",)))
    operations.execute(Remove(environment="mine", names=("spectra",)))
    operations.execute(Undo(environment="mine"))


def test_pip_is_not_used_with_two_indexes_since_it_takes_the_highest_of_all(
    tmp_path: Path, index: PackageIndex
) -> None:
    lab = make_lab("prefix", tmp_path, index)
    two = Lab(lab.home, lab.cache, lab.stack_python, indexes={"a": index.simple, "b": index.simple})
    with pytest.raises(Refused, match="one index only"):
        two.operations(installer="pip").plan(Create(environment="mine", requirements=("lines",)))


def test_files_that_are_shared_with_the_cache_cannot_be_edited_in_place(tmp_path: Path, index: PackageIndex) -> None:
    lab = make_lab("prefix", tmp_path, index)
    record = lab.operations().execute(Create(environment="mine", requirements=("lines",)))
    modules = list(lab.layout.generation(record.generation).glob("lib/python3*/site-packages/lines/__init__.py"))
    assert modules
    for path in modules:
        found = os.lstat(path)
        assert found.st_nlink == 1 or not found.st_mode & 0o222
