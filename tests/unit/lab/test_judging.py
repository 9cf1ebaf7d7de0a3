import pytest
from strata_lab import guard, intents, judging
from strata_lab.changes import Create, Install, Remove, Upgrade
from strata_lab.environments import Action, Kind
from strata_lab.errors import ConsentNeeded, NoSpace, NotFound, Refused
from strata_lab.guard import Policy
from strata_lab.plans import Clash, Consent, Effort, Plan, Shadowing, Sizes
from support.records import locked, make_record, make_stack

MACHINERY = Policy().machinery


def test_what_a_stack_depends_on_is_found_under_any_spelling_and_only_where_its_marker_holds() -> None:
    stack = make_stack(
        ["star-math==1.0", "sky==2.0", "old==1.0", "extra==1.0"],
        {
            "sky": ("Star_Math<2",),
            "old": ('star.math>=9; python_version < "3"',),
            "extra": ('star-math>=9; extra == "all"', "not a requirement !"),
        },
    )
    (shadow,) = judging.shadowing([locked("star-math==2.0"), locked("sky-new==1.0")], stack)
    assert [(item.name, item.satisfied) for item in shadow.dependents] == [("sky", False)]
    (broken,) = judging.broken([locked("star-math==2.0")], stack)
    assert (broken.name, broken.missing, broken.found) == ("sky", "star-math", "2.0")


def test_the_same_version_shadows_nothing() -> None:
    assert judging.shadowing([locked("a==1.0")], make_stack(["a==1.0"])) == []


def test_needs_are_met_by_the_environment_first_and_by_the_stack_then() -> None:
    stack = make_stack(["a==1.0", "b==1.0"])
    assert judging.unmet([locked("x==1", "a>=2", "b>=1"), locked("a==2.0")], stack) == []
    (missing,) = judging.unmet([locked("x==1", "c>=1")], stack)
    assert (missing.missing, missing.found) == ("c", None)


def test_a_version_that_nobody_understands_counts_as_met() -> None:
    assert judging.unmet([locked("x==1", "a>=2")], make_stack(["a==weird_1"])) == []


def test_plans_compare_with_what_was_there() -> None:
    before = make_record(locked=[locked("a==1"), locked("b==1"), locked("c==1")])
    added, changed, gone = judging.compared(before, [locked("a==1"), locked("b==2"), locked("d==1")])
    assert [item.name for item in added] == ["d"]
    assert [(item.name, item.old, item.new) for item in changed] == [("b", "1", "2")]
    assert gone == ["c"]


def plan(**fields: object) -> Plan:
    told = {"environment": "mine", "action": Action.INSTALL, "effort": Effort.BUILD}
    return Plan.model_validate(told | fields)


SHADOW = Shadowing(name="numpy", stack_version="1", new_version="2")


def test_a_harmless_plan_passes() -> None:
    guard.judge(plan(added=[locked("a==1")]), Consent(), Policy())


@pytest.mark.parametrize("name", sorted(MACHINERY))
def test_no_consent_lets_machinery_in(name: str) -> None:
    proposed = plan(resolved=[locked(f"{name}==1")])
    with pytest.raises(Refused, match="machinery"):
        guard.judge(proposed, Consent.to(proposed), Policy())


def test_no_consent_lets_clashing_files_in() -> None:
    proposed = plan(clashes=[Clash(owners=("a", "b"), paths=("x.py",), count=1)])
    with pytest.raises(Refused, match="a and b both bring"):
        guard.judge(proposed, Consent.to(proposed), Policy())


def test_shadowing_needs_consent_to_each_name() -> None:
    proposed = plan(shadowing=[SHADOW])
    with pytest.raises(ConsentNeeded):
        guard.judge(proposed, Consent(), Policy())
    with pytest.raises(ConsentNeeded):
        guard.judge(proposed, Consent(shadow=frozenset({"scipy"})), Policy())
    guard.judge(proposed, Consent(shadow=frozenset({"numpy"})), Policy())
    guard.judge(plan(shadowing=[SHADOW], intent={"shadow": ["numpy"]}), Consent(), Policy())


def test_building_needs_policy_and_consent() -> None:
    proposed = plan(builds=["a"])
    with pytest.raises(Refused):
        guard.judge(proposed, Consent.to(proposed), Policy())
    with pytest.raises(ConsentNeeded):
        guard.judge(proposed, Consent(), Policy(allow_builds=True))
    guard.judge(proposed, Consent.to(proposed), Policy(allow_builds=True))


def test_what_does_not_fit_is_no_space() -> None:
    with pytest.raises(NoSpace, match=r"2\.0 MB and 1\.0 MB"):
        guard.judge(plan(sizes=Sizes(disk=2_000_000, free=1_000_000)), Consent(), Policy())


def test_consent_to_a_plan_is_void_for_another() -> None:
    one, other = plan(added=[locked("a==1")]), plan(added=[locked("a==2")])
    assert one.digest != other.digest
    with pytest.raises(ConsentNeeded, match="changed"):
        guard.judge(other, Consent.to(one), Policy())
    assert plan(sizes=Sizes(free=1)).digest == plan(sizes=Sizes(free=2)).digest


def test_an_install_merges_and_a_remove_takes_away() -> None:
    before = make_record(
        intent={"requirements": ["a>1", "b"], "shadow": ["b"]}, locked=[locked("a==2"), locked("c==1")]
    )
    after = intents.aim(Install(environment="mine", requirements=("A<9", "d")), before, MACHINERY)
    assert after.intent.requirements == ("a<9", "b", "d")
    assert after.preferred == before.locked
    less = intents.aim(Remove(environment="mine", names=("B",)), before, MACHINERY)
    assert (less.intent.requirements, less.intent.shadow) == (("a>1",), ())
    with pytest.raises(Refused, match="not asked for"):
        intents.aim(Remove(environment="mine", names=("c",)), before, MACHINERY)
    with pytest.raises(NotFound):
        intents.aim(Remove(environment="mine", names=("z",)), before, MACHINERY)


def test_an_upgrade_names_what_may_move() -> None:
    before = make_record(intent={"requirements": ["a"]}, locked=[locked("a==2"), locked("c==1")])
    assert intents.aim(Upgrade(environment="mine"), before, MACHINERY).upgrade == {"a", "c"}
    assert intents.aim(Upgrade(environment="mine", names=("C",)), before, MACHINERY).upgrade == {"c"}


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("name", ["jupyterlab", "JupyterLab", "jupyter_server"])
def test_machinery_is_refused_before_anything_is_resolved(kind: Kind, name: str) -> None:
    if kind is Kind.CONDA:
        name = name.replace("_", "-")
    with pytest.raises(Refused, match="machinery"):
        intents.aim(Create(environment="mine", kind=kind, requirements=(name,)), None, MACHINERY)


def test_an_overlay_has_no_python_of_its_own() -> None:
    with pytest.raises(Refused):
        intents.aim(Create(environment="mine", python="3.12"), None, MACHINERY)
