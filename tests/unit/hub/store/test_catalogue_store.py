import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from strata_hub.catalogue import ImageMetadata
from strata_hub.errors import StoreError
from strata_hub.store import CatalogueStore, Changes, Checked, Repush, StoreWorker, open_store
from support.stores import AT, PLATFORM, REPOSITORY, image_metadata


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CatalogueStore]:
    store = open_store(f"sqlite:///{tmp_path}/catalogue.sqlite")
    yield store
    store.close()


def listing(*tags: str, at: datetime = AT) -> Changes:
    return Changes(listed_at=at, tags=frozenset(tags))


def test_an_unknown_repository_is_empty(store: CatalogueStore) -> None:
    known = store.load(REPOSITORY, PLATFORM)
    assert (known.listed_at, known.tags, known.metadata, known.repushes) == (None, {}, {}, [])


def test_what_was_saved_is_loaded(store: CatalogueStore) -> None:
    metadata = image_metadata("a")
    changes = listing("w_2026_22", "recommended", "new")
    changes.checked = {name: Checked(metadata.digest, AT) for name in ("w_2026_22", "recommended")}
    changes.metadata = {metadata.digest: metadata}
    changes.repushes = [Repush("w_2026_22", "sha256:old", metadata.digest, AT)]
    store.save(REPOSITORY, PLATFORM, changes)
    known = store.load(REPOSITORY, PLATFORM)
    assert known.listed_at == AT
    assert known.tags == {**changes.checked, "new": None}
    assert known.metadata == changes.metadata
    assert known.repushes == changes.repushes


def test_a_tag_that_left_the_list_is_gone_and_its_metadata_stays(store: CatalogueStore) -> None:
    metadata = image_metadata("a")
    changes = listing("a", "b")
    changes.checked, changes.metadata = {"a": Checked(metadata.digest, AT)}, {metadata.digest: metadata}
    store.save(REPOSITORY, PLATFORM, changes)
    store.save(REPOSITORY, PLATFORM, listing("b", at=AT + timedelta(seconds=1)))
    assert set(store.load(REPOSITORY, PLATFORM).tags) == {"b"}
    assert store.metadata([metadata.digest, "sha256:unknown"], PLATFORM) == {metadata.digest: metadata}


def test_older_facts_never_replace_newer_ones(store: CatalogueStore) -> None:
    later = AT + timedelta(seconds=1)
    store.save(
        REPOSITORY, PLATFORM, Changes(listed_at=later, tags=frozenset({"a"}), checked={"a": Checked("new", later)})
    )
    store.save(REPOSITORY, PLATFORM, Changes(listed_at=AT, tags=frozenset({"b"}), checked={"a": Checked("old", AT)}))
    known = store.load(REPOSITORY, PLATFORM)
    assert known.listed_at == later
    assert known.tags == {"a": Checked("new", later)}


def test_metadata_belong_to_a_platform(store: CatalogueStore) -> None:
    metadata = image_metadata("index")
    changes = listing("a")
    changes.checked, changes.metadata = {"a": Checked(metadata.digest, AT)}, {metadata.digest: metadata}
    store.save(REPOSITORY, "linux/arm64", changes)
    assert store.load(REPOSITORY, PLATFORM).metadata == {}
    assert store.load(REPOSITORY, "linux/arm64").metadata == {metadata.digest: metadata}


def test_ten_thousand_tags_are_one_transaction(store: CatalogueStore) -> None:
    images = {f"t{number}": image_metadata(str(number)) for number in range(3000)}
    changes = listing(*images)
    changes.checked = {name: Checked(metadata.digest, AT) for name, metadata in images.items()}
    changes.metadata = {metadata.digest: metadata for metadata in images.values()}
    store.save(REPOSITORY, PLATFORM, changes)
    known = store.load(REPOSITORY, PLATFORM)
    assert len(known.tags) == len(known.metadata) == 3000


def test_a_time_keeps_its_instant_whatever_its_zone(store: CatalogueStore) -> None:
    store.save(REPOSITORY, PLATFORM, listing("a", at=datetime.fromisoformat("2026-06-01T14:00:00.25+02:00")))
    assert store.load(REPOSITORY, PLATFORM).listed_at == datetime(2026, 6, 1, 12, 0, 0, 250000, UTC)


@pytest.mark.parametrize("way", ["created", "migrated"])
def test_a_new_database_and_a_migrated_one_have_the_declared_tables(tmp_path: Path, way: str) -> None:
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415 - only this test needs alembic
    from alembic.migration import MigrationContext  # noqa: PLC0415 - as above
    from strata_hub.store.schema import HEAD, metadata  # noqa: PLC0415 - as above
    from strata_hub.store.upgrade import upgrade  # noqa: PLC0415 - as above

    engine = create_engine(f"sqlite:///{tmp_path}/c.sqlite")
    if way == "created":
        open_store(f"sqlite:///{tmp_path}/c.sqlite").close()
    else:
        upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == HEAD
    engine.dispose()


@pytest.mark.parametrize("content", [b"this is no database at all, " * 100, b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_damaged_file_is_set_aside_and_begun_afresh(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.sqlite"
    path.write_bytes(content)
    store = open_store(f"sqlite:///{path}")
    store.save(REPOSITORY, PLATFORM, listing("a"))
    store.close()
    (aside,) = tmp_path.glob("c.sqlite.damaged-*")
    assert aside.read_bytes() == content


def test_a_locked_file_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.sqlite"
    open_store(f"sqlite:///{path}").close()
    monkeypatch.setattr("strata_hub.store.engine.BUSY", 0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(StoreError, match="is locked by another process") as caught:
            open_store(f"sqlite:///{path}").save(REPOSITORY, PLATFORM, listing("a"))
    finally:
        other.close()
    assert "Stop the other process" in caught.value.hint
    assert path.exists()


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    open_store(f"sqlite:///{path}").close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreError, match="a newer strata-hub"):
        open_store(f"sqlite:///{path}")


def test_a_path_that_cannot_hold_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be used"):
        open_store(f"sqlite:///{tmp_path}/file/c.sqlite")


def test_the_password_is_never_shown(tmp_path: Path) -> None:
    from pydantic import SecretStr  # noqa: PLC0415 - only this test needs it

    with pytest.raises(StoreError) as caught:
        open_store("postgresql://me@127.0.0.1:1/none", SecretStr("hunter2"))
    assert "hunter2" not in caught.value.sentence()
    assert "127.0.0.1:1" in str(caught.value)


async def test_a_store_that_comes_back_later_is_used_then(tmp_path: Path) -> None:
    blocker = tmp_path / "folder"
    blocker.touch()
    worker = StoreWorker(lambda: open_store(f"sqlite:///{blocker}/c.sqlite"))
    with pytest.raises(StoreError):
        await worker.run(CatalogueStore.load, REPOSITORY, PLATFORM)
    blocker.unlink()
    assert (await worker.run(CatalogueStore.load, REPOSITORY, PLATFORM)).tags == {}
    await worker.close()


def test_metadata_without_a_date_are_kept(store: CatalogueStore) -> None:
    metadata = ImageMetadata("sha256:x", "type", None, {}, runnable=False, reason="a chart", children=("sha256:y",))
    changes = Changes(checked={"a": Checked("sha256:x", AT)}, metadata={"sha256:x": metadata})
    store.save(REPOSITORY, PLATFORM, changes)
    assert store.load(REPOSITORY, PLATFORM).metadata == {"sha256:x": metadata}
