"""The store on a real PostgreSQL."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import create_engine, make_url, text
from strata_hub.errors import StoreError
from strata_hub.state import ImageEntry
from strata_hub.store import Changes, Checked, Repush, open_store
from strata_hub.store.schema import metadata as tables
from strata_hub.store.upgrade import upgrade
from support import postgresql
from support.service_process import Service, serving
from support.sites import Site
from support.stores import AT, PLATFORM, REPOSITORY, image_metadata

pytestmark = pytest.mark.skipif(bool(postgresql.why_not()), reason=postgresql.why_not() or "there")
PASSWORD = SecretStr(postgresql.PASSWORD)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql.server() as url:
        yield url


@pytest.fixture
def url(server: str, request: pytest.FixtureRequest) -> str:
    """A database of the test's own."""
    name = f"t{abs(hash(request.node.nodeid))}"
    address = make_url(server).set(drivername="postgresql+psycopg", password=postgresql.PASSWORD)
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    engine.dispose()
    return server.rpartition("/")[0] + f"/{name}"


def facts(count: int, image: str = "image", *, seconds: float = 0) -> Changes:
    at = AT + timedelta(seconds=seconds)
    images = {f"t{number}": image_metadata(f"{image} {number}") for number in range(count)}
    return Changes(
        listed_at=at,
        tags=frozenset(images),
        checked={name: Checked(metadata.digest, at) for name, metadata in images.items()},
        metadata={metadata.digest: metadata for metadata in images.values()},
    )


def test_what_was_saved_is_loaded(url: str) -> None:
    store = open_store(url, PASSWORD)
    changes = facts(700)
    changes.repushes = [Repush("t1", "sha256:old", "sha256:new", AT)]
    store.save(REPOSITORY, PLATFORM, changes)
    store.save(REPOSITORY, PLATFORM, changes)
    known = store.load(REPOSITORY, PLATFORM)
    assert (known.listed_at, known.tags, known.metadata) == (changes.listed_at, changes.checked, changes.metadata)
    assert known.repushes == changes.repushes
    store.save(REPOSITORY, PLATFORM, Changes(listed_at=AT + timedelta(seconds=1), tags=frozenset({"t1", "t701"})))
    assert set(store.load(REPOSITORY, PLATFORM).tags) == {"t1", "t701"}
    store.close()


@pytest.mark.parametrize("way", ["created", "migrated"])
def test_a_new_database_and_a_migrated_one_have_the_declared_tables(url: str, way: str) -> None:
    address = make_url(url).set(drivername="postgresql+psycopg", password=postgresql.PASSWORD)
    engine = create_engine(address)
    if way == "created":
        open_store(url, PASSWORD).close()
    else:
        upgrade(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables) == []
    engine.dispose()


def test_services_that_start_and_write_at_once_do_no_harm(url: str) -> None:
    failures: list[BaseException] = []
    together = threading.Barrier(4)

    def write(number: int) -> None:
        try:
            together.wait()
            store = open_store(url, PASSWORD)
            for second in range(5):
                store.save(REPOSITORY, PLATFORM, facts(300, f"image {second % 2}", seconds=second + number / 10))
                store.load(REPOSITORY, PLATFORM)
            store.close()
        except BaseException as error:  # noqa: BLE001 - reported below, in the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    store = open_store(url, PASSWORD)
    known = store.load(REPOSITORY, PLATFORM)
    store.close()
    newest = facts(300, "image 0", seconds=4.3)
    assert known.listed_at == newest.listed_at
    assert known.tags == newest.checked


def test_a_wrong_password_is_a_sentence_without_it(url: str) -> None:
    with pytest.raises(StoreError, match="cannot be used") as caught:
        open_store(url, SecretStr("wrong-password"))
    assert "wrong-password" not in caught.value.sentence()


def test_a_connection_that_was_cut_is_made_again(url: str, server: str) -> None:
    store = open_store(url, PASSWORD)
    store.save(REPOSITORY, PLATFORM, facts(3))
    _cut_connections(server)
    store.save(REPOSITORY, PLATFORM, facts(4, seconds=1))
    assert len(store.load(REPOSITORY, PLATFORM).tags) == 4
    store.close()


def test_two_services_on_one_database_publish_the_same(url: str, site: Site) -> None:
    (site.folder / "password").write_text(postgresql.PASSWORD)
    database = {"url": url, "password": {"file": str(site.folder / "password")}}
    config = site.config(database=database, publish={"file": str(site.folder / "state.json")})
    with serving(config, site.folder / "log1") as first, serving(config, site.folder / "log2") as second:
        for service in (first, second):
            service.wait_for(lambda service=service: service.startable() == set(site.tags))
        assert _images(first) == _images(second)
        assert first.stop() == 0
        assert second.stop() == 0
        for service in (first, second):
            assert {entry["level"] for entry in service.logged()} == {"info"}
            assert postgresql.PASSWORD not in service.log.read_text()
    store = open_store(url, PASSWORD)
    known = store.load(f"{site.registry.host}/lab/science", PLATFORM)
    store.close()
    assert set(known.tags) == set(site.tags)
    assert {checked.digest for checked in known.tags.values() if checked} == {
        built.digest for built in site.tags.values()
    }


def _images(service: Service) -> tuple[ImageEntry, ...]:
    payload = service.payload()
    return payload.images if payload is not None else ()


def _cut_connections(server: str) -> None:
    address = make_url(server).set(drivername="postgresql+psycopg", password=postgresql.PASSWORD)
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        others = "pid <> pg_backend_pid() AND datname IS NOT NULL"
        connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"))
    engine.dispose()
