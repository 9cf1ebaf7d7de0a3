from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from strata_lab import housekeeping, lease
from strata_lab.environments import Action, Event
from strata_lab.errors import BackendFailed, Busy, Conflict, NotFound
from strata_lab.guard import Policy
from strata_lab.layout import Layout
from strata_lab.store import Store, remove_tree
from support.records import ACTOR, make_record


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(Layout(tmp_path / "home", tmp_path / "cache"))


def made(store: Store, name: str = "mine", *, switch: bool = True, note: bool = True, **fields: object) -> str:
    """Make one generation the way an operation does, and return its identifier."""
    with lease.held(store.layout.locks, name, "test") as held:
        folder = store.begin(held)
        (folder / "file").write_text("contents")
        record = make_record(environment=name, generation=folder.name, **fields)
        store.complete(record)
        if switch:
            store.switch(name, folder.name, held)
        if switch and note:
            store.note(name, Event(action=record.action, generation=folder.name, actor=ACTOR, when=record.created))
    return folder.name


def test_an_environment_is_there_when_it_is_switched_in_and_not_before(store: Store) -> None:
    made(store, switch=False)
    assert store.names() == []
    with pytest.raises(NotFound):
        store.current("mine")
    second = made(store)
    assert store.names() == ["mine"]
    assert store.current("mine") == second
    assert store.record(second).generation == second


def test_generations_are_never_named_twice(store: Store) -> None:
    assert made(store) != made(store)


def test_who_lost_the_lease_cannot_switch(store: Store) -> None:
    first = made(store)
    mine = lease.acquire(store.layout.locks, "mine", "test")
    folder = store.begin(mine)
    store.complete(make_record(generation=folder.name))
    remove_tree(mine.folder)
    with pytest.raises(Busy):
        store.switch("mine", folder.name, mine)
    assert store.current("mine") == first


def test_a_torn_line_of_history_is_left_out_and_followed_by_whole_ones(store: Store) -> None:
    made(store)
    path = store.layout.history("mine")
    path.write_bytes(path.read_bytes() + b'{"action": "ins')
    second = made(store)
    assert [event.generation for event in store.history("mine")][-1] == second
    assert len(store.history("mine")) == 2


def test_a_name_in_the_way_is_a_conflict(store: Store) -> None:
    made(store, "one")
    made(store, "two")
    with lease.held(store.layout.locks, "two", "rename") as held, pytest.raises(Conflict):
        store.move(store.layout.environment("one"), store.layout.environment("two"), held)


def test_a_record_that_cannot_be_read_is_not_found(store: Store) -> None:
    identifier = made(store)
    (store.layout.generation(identifier) / "record.json").write_text("{")
    with pytest.raises(NotFound):
        store.record(identifier)


def test_system_errors_become_sentences(store: Store) -> None:
    store.layout.root.mkdir(parents=True)
    store.layout.environments.write_text("in the way")
    with pytest.raises(BackendFailed):
        store.names()


def test_removal_follows_no_link_and_takes_what_is_read_only(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("x")
    tree = tmp_path / "tree"
    (tree / "closed").mkdir(parents=True)
    (tree / "link").symlink_to(precious)
    (tree / "closed" / "file").write_text("x")
    (tree / "closed").chmod(0o500)
    assert remove_tree(tree)
    assert (precious / "file").exists()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    assert remove_tree(tmp_path / "dangling")


def sweep(store: Store, *, days: int = 0, keep: int = 5) -> housekeeping.Swept:
    now = datetime.now(UTC) + timedelta(days=days)
    return housekeeping.sweep(store, Policy(keep_generations=keep), ACTOR, now)


def test_what_was_never_switched_in_is_swept_and_what_is_named_stays(store: Store) -> None:
    first, orphan, second = made(store), made(store, switch=False), made(store)
    half = store.layout.generations / "20240101T000000-0123456789ab"
    half.mkdir()
    swept = sweep(store)
    assert set(swept.generations) == {orphan, half.name}
    assert {path.name for path in store.layout.generations.iterdir()} == {first, second}


def test_what_a_living_operation_builds_is_not_swept(store: Store) -> None:
    with lease.held(store.layout.locks, "mine", "install") as held:
        folder = store.begin(held)
        assert sweep(store).generations == ()
        assert folder.exists()


def test_only_the_latest_generations_can_be_gone_back_to(store: Store) -> None:
    made_ones = [made(store, intent={"requirements": (f"p{number}",)}) for number in range(5)]
    sweep(store, keep=2)
    assert {path.name for path in store.layout.generations.iterdir()} == set(made_ones[-2:])


def test_the_realisation_of_yesterdays_stack_is_kept(store: Store) -> None:
    old = made(store, stack="old")
    others = [made(store, stack="new") for _ in range(4)]
    sweep(store, keep=2)
    assert {path.name for path in store.layout.generations.iterdir()} == {old, *others[-2:]}


def test_the_bin_is_emptied_when_its_time_is_over(store: Store) -> None:
    identifier = made(store)
    with lease.held(store.layout.locks, "mine", "delete") as held:
        entry = housekeeping.bin_entry("mine", held.tag)
        store.move(store.layout.environment("mine"), store.layout.bin / entry, held)
    assert [item.name for item in housekeeping.binned(store.layout)] == ["mine"]
    sweep(store, days=29)
    assert store.layout.generation(identifier).exists()
    assert sweep(store, days=31).binned == (entry,)
    assert not store.layout.generation(identifier).exists()


def test_the_line_that_a_killed_operation_did_not_write_is_written(store: Store) -> None:
    made(store)
    second = made(store, note=False, action=Action.INSTALL)
    sweep(store)
    assert [(event.action, event.generation) for event in store.history("mine")][-1] == (Action.INSTALL, second)
    sweep(store)
    assert len(store.history("mine")) == 2


def test_temporary_pointers_and_folders_are_swept(store: Store) -> None:
    made(store)
    (store.layout.environment("mine") / ".current.0123456789ab").symlink_to("nowhere")
    (store.layout.environments / ".new.0123456789ab").mkdir()
    sweep(store)
    assert [path.name for path in store.layout.environments.iterdir()] == ["mine"]
    assert {path.name for path in store.layout.environment("mine").iterdir()} == {"current", "history.jsonl"}


def test_a_sweep_of_nothing_makes_nothing(store: Store) -> None:
    assert sweep(store) == housekeeping.Swept()
    assert not store.layout.root.exists()
