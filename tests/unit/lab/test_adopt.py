from pathlib import Path

from strata_lab import adopt
from strata_lab.drift import drift
from strata_lab.environments import Locked
from support.records import locked, make_record

RECORD = make_record(
    intent={"requirements": ["a>=1", "b"]}, locked=[locked("a==1"), locked("b==1"), locked("needed==1")]
)


def found(*pins: str) -> list[Locked]:
    return [Locked(name=name, version=version) for name, _, version in (pin.partition("==") for pin in pins)]


def test_what_was_asked_for_by_hand_becomes_a_requirement_and_what_it_needed_does_not() -> None:
    aim = adopt.adopted(RECORD, found("a==1", "b==1", "needed==1", "new==3", "helper==1"), frozenset({"new", "a"}))
    assert aim.intent.requirements == ("a>=1", "b", "new==3")
    assert {item.pin for item in aim.preferred} == {"a==1", "b==1", "needed==1", "new==3", "helper==1"}


def test_what_was_removed_by_hand_is_no_longer_asked_for() -> None:
    aim = adopt.adopted(RECORD, found("a==1", "needed==1"), frozenset())
    assert aim.intent.requirements == ("a>=1",)


def test_another_version_is_kept_by_the_lock_where_the_requirement_allows_it_and_by_a_pin_where_not() -> None:
    assert adopt.adopted(RECORD, found("a==2", "b==1"), frozenset({"a"})).intent.requirements == ("a>=1", "b")
    assert adopt.adopted(RECORD, found("a==0.5", "b==1"), frozenset({"a"})).intent.requirements == ("a==0.5", "b")


def test_what_did_not_change_keeps_its_hash() -> None:
    aim = adopt.adopted(RECORD, found("a==1", "b==2"), frozenset())
    assert [(item.name, bool(item.sha256)) for item in aim.preferred] == [("a", True), ("b", False)]


def test_drift_is_told_from_names_alone(tmp_path: Path) -> None:
    site = tmp_path / "lib" / "python3.11" / "site-packages"
    for entry in ("a-1", "b-2", "New_One-3", "bad name-"):
        (site / f"{entry}.dist-info").mkdir(parents=True)
    told = drift(RECORD, tmp_path)
    assert (told.added, told.changed, told.gone) == (("new-one 3",), ("b 2",), ("needed",))
    assert told.any
    assert not drift(make_record(), tmp_path / "none").any


def test_names_that_were_asked_for_are_read_from_the_installers_mark(tmp_path: Path) -> None:
    info = tmp_path / "lib" / "python3.11" / "site-packages" / "Sky_Plot-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "REQUESTED").touch()
    assert adopt.asked_by_name(tmp_path) == {"sky-plot"}
