"""Packages that exist as source only: their code is run when policy allows it and the user has agreed, not before."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from strata_lab.changes import Create, Install
from strata_lab.errors import BackendFailed, ConsentNeeded, Refused, Unsatisfiable
from strata_lab.plans import Consent
from support.index import PackageIndex, package_index
from support.lab import Lab, prefix_stack
from support.wheels import make_sdist, make_wheel

CHANGE = Install(environment="mine", requirements=("sourced",))


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "code-was-run"


@pytest.fixture
def index(marker: Path) -> Iterator[PackageIndex]:
    sdist = make_sdist("sourced", "1.0", side_effect=f"open({str(marker)!r}, 'w').close()")
    with package_index([sdist, make_wheel("mixed", "1.0"), make_sdist("mixed", "2.0")]) as served:
        yield served


@pytest.fixture
def lab(tmp_path: Path, index: PackageIndex) -> Lab:
    home = tmp_path / "home"
    home.mkdir()
    lab = Lab(home, tmp_path / "cache", prefix_stack(), indexes={"main": index.simple})
    lab.operations().execute(Create(environment="mine"))
    return lab


def test_without_the_admins_permission_nothing_is_built_whatever_the_user_agrees_to(lab: Lab, marker: Path) -> None:
    with pytest.raises((Unsatisfiable, BackendFailed, Refused)) as caught:
        lab.operations().execute(CHANGE, Consent(build=frozenset({"sourced"})))
    assert "source" in caught.value.sentence() or "wheel" in caught.value.sentence()
    assert not marker.exists()


def test_planning_runs_no_code_and_says_how_to_agree(lab: Lab, marker: Path) -> None:
    with pytest.raises((Unsatisfiable, ConsentNeeded)) as caught:
        lab.operations(allow_builds=True).execute(CHANGE)
    assert "agree" in caught.value.hint
    assert not marker.exists()


def test_with_both_it_is_built_recorded_and_need_not_be_agreed_to_again(lab: Lab, marker: Path) -> None:
    operations = lab.operations(allow_builds=True)
    record = operations.execute(CHANGE, Consent(build=frozenset({"sourced"})))
    assert marker.exists()
    assert [(item.pin, item.from_source) for item in record.locked] == [("sourced==1.0", True)]
    assert record.intent.build == ("sourced",)
    operations.execute(Install(environment="mine", requirements=("mixed",)))


def test_a_wheel_is_taken_where_there_is_one(lab: Lab) -> None:
    record = lab.operations().execute(Install(environment="mine", requirements=("mixed",)))
    assert [item.pin for item in record.locked] == ["mixed==1.0"]
