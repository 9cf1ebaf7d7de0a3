"""The life of an environment, with real installers and a real index."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from strata_lab.changes import (
    Adopt,
    Clone,
    Create,
    Delete,
    Import,
    Install,
    Rebuild,
    Redo,
    Remove,
    Rename,
    Restore,
    Undo,
    Upgrade,
)
from strata_lab.environments import Action, State
from strata_lab.errors import (
    BackendFailed,
    Cancelled,
    Conflict,
    ConsentNeeded,
    NoSpace,
    NotFound,
    Refused,
    Unsatisfiable,
    VerificationFailed,
)
from strata_lab.operations import Operations
from strata_lab.plans import Consent, Effort
from strata_lab.progress import Entered, Phase, Progress
from support.index import PackageIndex, package_index
from support.inventory import inventory
from support.lab import Lab, prefix_stack
from support.wheels import make_wheel

WHEELS = (
    make_wheel("spectra", "1.0", requires=["lines>=1", "starmath"]),
    make_wheel("spectra", "2.0", requires=["lines>=1", "starmath", 'other; extra == "more"'], extras=["more"]),
    make_wheel("lines", "1.0"),
    make_wheel("lines", "1.1"),
    make_wheel("other", "0.5", files={"other.py": "x = 1\n"}),
    make_wheel("needs-new-starmath", "1.0", requires=["starmath>=2"]),
    make_wheel("starmath", "1.0"),
    make_wheel("starmath", "2.0"),
    make_wheel("jupyterlab", "4.0"),
    make_wheel("wants-jupyterlab", "1.0", requires=["jupyterlab"]),
    make_wheel("broken", "1.0", files={"broken/__init__.py": "import does_not_exist\n"}),
    make_wheel("crashing", "1.0", files={"crashing.py": "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"}),
    make_wheel("kubernetes", "36.0", files={"kubernetes/__init__.py": "", "kubernetes_asyncio/__init__.py": "x = 1\n"}),
    make_wheel("twin", "1.0", files={"twin.py": "", "lines/__init__.py": "stolen = True\n"}),
)


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with package_index(WHEELS) as served:
        yield served


@pytest.fixture
def lab(tmp_path: Path, index: PackageIndex) -> Lab:
    home = tmp_path / "home"
    home.mkdir()
    return Lab(home, tmp_path / "cache", prefix_stack(), indexes={"main": index.simple})


@pytest.fixture
def operations(lab: Lab) -> Operations:
    return lab.operations()


def pins(operations: Operations, name: str = "mine") -> list[str]:
    record = operations.environment(name).record
    assert record is not None
    return [item.pin for item in record.locked]


def test_only_what_the_stack_lacks_is_installed_and_recorded_with_its_hash(operations: Operations) -> None:
    operations.execute(Create(environment="mine"))
    record = operations.execute(Install(environment="mine", requirements=("Spectra",)))
    assert pins(operations) == ["lines==1.1", "spectra==2.0"]
    assert all(item.sha256 and item.url and item.size for item in record.locked)
    assert record.imports == ("lines", "spectra")
    assert record.actor.user == "ada"
    assert record.image is not None
    assert record.stack.fingerprint == operations.stack.fingerprint
    assert record.tools.keys() == {"strata", "uv"}
    assert record.intent.requirements == ("spectra",)


def test_a_plan_tells_all_and_writes_nothing(lab: Lab, operations: Operations) -> None:
    operations.execute(Create(environment="mine"))
    before = lab.everything()
    plan = operations.plan(Install(environment="mine", requirements=("spectra[more]", "skyplot")))
    assert [item.pin for item in plan.added] == ["lines==1.1", "other==0.5", "spectra==2.0"]
    assert plan.satisfied == ("skyplot 2.0",)
    assert plan.sizes.exact
    assert plan.sizes.download == sum(item.size or 0 for item in plan.added)
    assert plan.sizes.disk
    assert plan.sizes.free
    assert not plan.needs_consent
    assert lab.everything() == before


def test_shadowing_the_stack_is_told_with_who_depends_on_it_and_needs_consent(operations: Operations) -> None:
    operations.execute(Create(environment="mine"))
    change = Install(environment="mine", requirements=("needs-new-starmath",))
    plan = operations.plan(change)
    (shadow,) = plan.shadowing
    assert (shadow.name, shadow.stack_version, shadow.new_version) == ("starmath", "1.0", "2.0")
    assert [(item.name, item.satisfied) for item in shadow.dependents] == [("skyplot", False)]
    assert [item.name for item in plan.broken] == ["skyplot"]
    assert plan.conflict is not None
    assert "starmath==1.0" in plan.conflict
    assert plan.choices
    with pytest.raises(ConsentNeeded, match=r"replace the stack's 1\.0"):
        operations.execute(change)
    assert pins(operations) == []
    record = operations.execute(change, Consent.to(plan))
    assert record.intent.shadow == ("starmath",)
    assert pins(operations) == ["needs-new-starmath==1.0", "starmath==2.0"]


def test_consent_to_another_plan_is_no_consent(operations: Operations) -> None:
    operations.execute(Create(environment="mine"))
    plan = operations.plan(Install(environment="mine", requirements=("lines",)))
    with pytest.raises(ConsentNeeded, match="has changed"):
        operations.execute(Install(environment="mine", requirements=("other",)), Consent.to(plan))


def test_a_conflict_is_the_resolvers_own_sentence(operations: Operations) -> None:
    operations.execute(Create(environment="mine"))
    with pytest.raises(Unsatisfiable, match=r"only spectra<=2\.0 is available") as caught:
        operations.plan(Install(environment="mine", requirements=("spectra>=9",)))
    assert caught.value.hint


@pytest.mark.parametrize("requirement", ["jupyterlab", "JupyterLab", "Jupyter_Server", "wants-jupyterlab"])
def test_machinery_is_refused_under_any_spelling_and_as_a_dependency(operations: Operations, requirement: str) -> None:
    operations.execute(Create(environment="mine"))
    with pytest.raises(Refused, match="machinery"):
        operations.execute(Install(environment="mine", requirements=(requirement,)))
    assert pins(operations) == []


@pytest.mark.parametrize("requirement", ["kubernetes", "twin lines"])
def test_two_owners_of_one_file_are_refused_before_anything_is_built(
    lab: Lab, operations: Operations, requirement: str
) -> None:
    operations.execute(Create(environment="mine"))
    before = lab.everything()
    change = Install(environment="mine", requirements=tuple(requirement.split()))
    (clash,) = operations.plan(change).clashes
    assert set(clash.owners) in ({"kubernetes", "kubernetes-asyncio"}, {"twin", "lines"})
    with pytest.raises(Refused, match="both bring"):
        operations.execute(change)
    assert lab.everything() == before


@pytest.mark.parametrize(("requirement", "said"), [("broken", "does_not_exist"), ("crashing", "died while importing")])
def test_what_cannot_be_imported_is_not_switched_in(
    lab: Lab, operations: Operations, requirement: str, said: str
) -> None:
    operations.execute(Create(environment="mine"))
    before = lab.everything()
    with pytest.raises(VerificationFailed, match=said):
        operations.execute(Install(environment="mine", requirements=(requirement,)))
    assert lab.everything() == before


def test_upgrade_moves_what_is_named_and_nothing_else(index: PackageIndex, operations: Operations) -> None:
    operations.execute(Create(environment="mine", requirements=("spectra==1.0", "lines==1.0")))
    operations.execute(Install(environment="mine", requirements=("spectra", "lines")))
    assert pins(operations) == ["lines==1.0", "spectra==1.0"]
    operations.execute(Upgrade(environment="mine", names=("lines",)))
    assert pins(operations) == ["lines==1.1", "spectra==1.0"]
    operations.execute(Upgrade(environment="mine"))
    assert pins(operations) == ["lines==1.1", "spectra==2.0"]
    with pytest.raises(NotFound):
        operations.execute(Upgrade(environment="mine", names=("colours",)))


def test_remove_takes_what_only_it_needed(operations: Operations) -> None:
    operations.execute(Create(environment="mine", requirements=("spectra", "other")))
    with pytest.raises(Refused, match="was not asked for"):
        operations.execute(Remove(environment="mine", names=("lines",)))
    operations.execute(Remove(environment="mine", names=("Spectra",)))
    assert pins(operations) == ["other==0.5"]


def test_undo_and_redo_are_switches_and_are_recorded(operations: Operations) -> None:
    operations.execute(Create(environment="mine"))
    operations.execute(Install(environment="mine", requirements=("lines",)))
    operations.execute(Install(environment="mine", requirements=("other",)))
    assert operations.plan(Undo(environment="mine")).effort is Effort.SWITCH
    assert operations.plan(Undo(environment="mine")).removed == ("other",)
    operations.execute(Undo(environment="mine"))
    operations.execute(Undo(environment="mine"))
    assert pins(operations) == []
    with pytest.raises(Conflict, match="nothing to undo"):
        operations.execute(Undo(environment="mine"))
    operations.execute(Redo(environment="mine"))
    operations.execute(Redo(environment="mine"))
    assert pins(operations) == ["lines==1.1", "other==0.5"]
    with pytest.raises(Conflict, match="nothing to redo"):
        operations.execute(Redo(environment="mine"))
    said = [event.action for event in operations.history("mine")]
    assert said == [Action.CREATE, Action.INSTALL, Action.INSTALL, *[Action.UNDO] * 2, *[Action.REDO] * 2]


def test_a_new_change_after_an_undo_ends_the_redo(operations: Operations) -> None:
    operations.execute(Create(environment="mine"))
    operations.execute(Install(environment="mine", requirements=("lines",)))
    operations.execute(Undo(environment="mine"))
    operations.execute(Install(environment="mine", requirements=("other",)))
    assert not operations.environment("mine").can_redo
    operations.execute(Undo(environment="mine"))
    operations.execute(Redo(environment="mine"))
    assert pins(operations) == ["other==0.5"]


def test_rename_clone_delete_and_restore(operations: Operations) -> None:
    operations.execute(Create(environment="mine", requirements=("lines",)))
    operations.execute(Rename(environment="mine", new_name="yours"))
    operations.execute(Clone(environment="yours", new_name="theirs"))
    assert pins(operations, "theirs") == ["lines==1.1"]
    assert [status.name for status in operations.environments()] == ["theirs", "yours"]
    operations.execute(Delete(environment="yours"))
    assert [item.name for item in operations.binned()] == ["yours"]
    operations.sweep()
    operations.execute(Restore(environment="yours"))
    assert operations.environment("yours").state is State.GOOD
    assert operations.history("yours")[-1].action is Action.RESTORE
    with pytest.raises(Conflict):
        operations.execute(Rename(environment="yours", new_name="theirs"))
    with pytest.raises(NotFound):
        operations.execute(Restore(environment="nobody"))


def test_what_was_installed_by_hand_can_be_adopted(lab: Lab, operations: Operations) -> None:
    record = operations.execute(Create(environment="mine", requirements=("other",)))
    prefix = lab.layout.generation(record.generation)
    work = operations._work(lambda _: None, lambda: False)
    words = ["install", "-q", "--disable-pip-version-check", "--index-url", lab.indexes["main"], "lines<1.1"]
    assert work.run([prefix / "bin" / "pip", *words], timeout=120).code == 0
    plan = operations.plan(Adopt(environment="mine"))
    assert [item.pin for item in plan.added] == ["lines==1.0"]
    adopted = operations.execute(Adopt(environment="mine"), Consent.to(plan))
    assert adopted.intent.requirements == ("other", "lines==1.0")
    assert pins(operations) == ["lines==1.0", "other==0.5"]
    assert all(item.sha256 for item in adopted.locked)
    operations.execute(Undo(environment="mine"))


@pytest.mark.parametrize("form", ["requirements", "pylock", "environment-yml"])
def test_what_is_exported_can_be_imported(operations: Operations, form: str) -> None:
    operations.execute(Create(environment="mine", requirements=("spectra==1.0",)))
    text = operations.export("mine", form)
    operations.execute(Import.model_validate({"environment": "again", "format": form, "text": text}))
    assert pins(operations, "again") == pins(operations, "mine")


def test_a_file_whose_hash_is_not_the_indexs_is_not_installed(operations: Operations) -> None:
    operations.execute(Create(environment="mine", requirements=("lines",)))
    text = (
        operations.export("mine", "pylock")
        .replace("sha256 = ", "sha256 = ")
        .replace(
            str(operations.environment("mine").record.locked[0].sha256),  # type: ignore[union-attr]
            "0" * 64,
        )
    )
    with pytest.raises(BackendFailed, match="hash"):
        operations.execute(Import(environment="again", format="pylock", text=text))
    assert [status.name for status in operations.environments()] == ["mine"]


def test_a_released_file_that_was_replaced_is_noticed_on_rebuild(index: PackageIndex, lab: Lab) -> None:
    lab.operations().execute(Create(environment="mine", requirements=("lines",)))
    replaced = make_wheel("lines", "1.1", files={"lines/__init__.py": "evil = True\n"})
    index.add(replaced)
    other = Lab(lab.home, lab.cache.with_name("other-cache"), lab.stack_python, indexes=lab.indexes)
    with pytest.raises(BackendFailed):
        other.operations().execute(Rebuild(environment="mine"))
    with pytest.raises(BackendFailed, match="other bytes"):
        other.operations().execute(Install(environment="mine", requirements=("other",)))
    assert pins(lab.operations()) == ["lines==1.1"]


@pytest.mark.parametrize("phase", [Phase.RESOLVING, Phase.BUILDING, Phase.VERIFYING])
def test_cancelling_leaves_nothing(lab: Lab, operations: Operations, phase: Phase) -> None:
    operations.execute(Create(environment="mine"))
    before, entered = lab.everything(), set[Phase]()

    def report(event: Progress) -> None:
        if isinstance(event, Entered):
            entered.add(event.phase)

    with pytest.raises(Cancelled):
        operations.execute(
            Install(environment="mine", requirements=("spectra",)), report=report, cancelled=lambda: phase in entered
        )
    assert lab.everything() == before


def test_more_than_the_quota_holds_is_refused_before_it_is_fetched(lab: Lab) -> None:
    lab.operations().execute(Create(environment="mine"))
    with pytest.raises(NoSpace, match="are free"):
        lab.operations(quota=1000).execute(Install(environment="mine", requirements=("spectra",)))


def test_stack_and_machinery_are_untouched_by_all_of_it(lab: Lab, operations: Operations) -> None:
    stack = prefix_stack().parent.parent
    before = inventory(stack)
    operations.execute(Create(environment="mine", requirements=("spectra", "other")))
    plan = operations.plan(Install(environment="mine", requirements=("starmath>=2",)))
    operations.execute(Install(environment="mine", requirements=("starmath>=2",)), Consent.to(plan))
    operations.execute(Remove(environment="mine", names=("other",)))
    operations.execute(Undo(environment="mine"))
    assert inventory(stack) == before


def test_the_engine_leaves_nothing_but_environments_and_generations(lab: Lab, operations: Operations) -> None:
    operations.execute(Create(environment="mine", requirements=("lines",)))
    operations.execute(Install(environment="mine", requirements=("other",)))
    tops = {Path(path).parts[1] for path in lab.everything() if len(Path(path).parts) > 1}
    assert tops == {"environments", "generations", "locks"}
    assert not list(lab.layout.locks.iterdir())
    assert len(list(lab.layout.generations.iterdir())) == 2
