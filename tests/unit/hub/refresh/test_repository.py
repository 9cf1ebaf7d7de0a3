import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from strata_hub.config import RefreshConfig
from strata_hub.errors import RegistryNotFound, RegistryUnavailable, StoreError
from strata_hub.refresh.knowledge import Knowledge
from strata_hub.refresh.repository import RepositoryRefresh, Source
from strata_hub.store import CatalogueStore, StoreWorker, open_store
from strata_hub.tags import scheme
from support.scripted_client import ScriptedClient
from support.stores import AT, PLATFORM, REPOSITORY, digest_of

WEEKLIES = {f"w_2026_{week:02}": f"image {week}" for week in range(1, 21)}


@dataclass
class Bench:
    """A refresh, its registry, its clock, and how often it published."""

    refresh: RepositoryRefresh
    client: ScriptedClient
    clock: list[datetime]
    wanted: list[str]
    published: list[datetime] = field(default_factory=list)

    def later(self, **amount: float) -> None:
        self.clock[0] += timedelta(**amount)


def bench(client: ScriptedClient, store: StoreWorker, **settings: object) -> Bench:
    clock, wanted = [AT], []
    source = Source(
        REPOSITORY,
        "lab/science",
        PLATFORM,
        client,
        store,
        RefreshConfig.model_validate({"recheck_interval": None, **settings}),
    )
    made = Bench(None, client, clock, wanted)  # type: ignore[arg-type]  # completed below

    async def changed() -> None:
        made.published.append(clock[0])

    made.refresh = RepositoryRefresh(
        source, Knowledge(scheme("rubin")), lambda _: wanted, changed, now=lambda: clock[0], chance=random.Random(1)
    )
    return made


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[StoreWorker]:
    worker = StoreWorker(lambda: open_store(f"sqlite:///{tmp_path}/c.sqlite"))
    yield worker
    await worker.close()


@pytest.fixture
def seen(store: StoreWorker) -> Bench:
    return bench(ScriptedClient({**WEEKLIES, "recommended": "image 20"}), store, batch=8)


async def test_a_first_poll_costs_the_list_the_moving_tags_and_what_is_wanted(seen: Bench) -> None:
    seen.wanted[:] = ["w_2026_20", "w_2026_19"]
    assert await seen.refresh.poll()
    assert seen.client.requests == 1 + 1 + 2 * 2
    assert len(seen.published) == 1


async def test_a_few_new_tags_are_asked_about_without_asking_the_policy(store: StoreWorker) -> None:
    seen = bench(ScriptedClient(WEEKLIES), store, batch=20)
    await seen.refresh.poll()
    assert sorted(seen.client.examined) == sorted(WEEKLIES)


async def test_nothing_is_asked_while_nothing_changes_but_the_list(seen: Bench) -> None:
    seen.wanted[:] = ["w_2026_20"]
    await seen.refresh.poll()
    before = seen.client.requests
    for _ in range(10):
        seen.later(seconds=5)
        await seen.refresh.poll()
    assert seen.client.requests == before + 10
    assert len(seen.published) == 1


async def test_moving_tags_are_asked_about_at_their_own_interval(seen: Bench) -> None:
    seen.wanted[:] = ["w_2026_20"]
    await seen.refresh.poll()
    seen.client.push("recommended", "image 19")
    seen.later(seconds=61)
    await seen.refresh.poll()
    assert seen.client.heads == ["recommended", "recommended"]
    assert seen.refresh.knowledge.records["recommended"].digest == digest_of("image 19")
    assert len(seen.published) == 2


async def test_the_rest_is_examined_newest_first_in_batches(store: StoreWorker) -> None:
    seen = bench(ScriptedClient(WEEKLIES), store, batch=8)
    await seen.refresh.poll()
    assert await seen.refresh.examine_rest()
    assert seen.client.examined == sorted(WEEKLIES, reverse=True)[:8]
    assert await seen.refresh.examine_rest()
    assert not await seen.refresh.examine_rest()
    assert sorted(seen.client.examined) == sorted(WEEKLIES)
    assert len(seen.published) == 2


async def test_one_bad_tag_never_fails_a_scan(seen: Bench) -> None:
    seen.client.bad = {"w_2026_05": RegistryNotFound("no such manifest")}
    await seen.refresh.poll()
    while await seen.refresh.examine_rest():
        pass
    assert seen.refresh.knowledge.error is None
    assert len(seen.refresh.knowledge.metadata) == 19
    assert any("w_2026_05" in problem for problem in seen.refresh.knowledge.problems())


async def test_a_registry_that_fails_keeps_the_list_and_its_age(seen: Bench) -> None:
    await seen.refresh.poll()
    seen.client.trouble = RegistryUnavailable("down")
    seen.later(seconds=5)
    assert not await seen.refresh.poll()
    knowledge = seen.refresh.knowledge
    assert knowledge.listed_at == AT
    assert len(knowledge.records) == 21
    assert knowledge.error is not None
    assert (knowledge.error.code, knowledge.error.since) == ("registry.unavailable", AT + timedelta(seconds=5))
    assert not await seen.refresh.examine_rest()
    seen.client.trouble = None
    assert await seen.refresh.poll()
    assert knowledge.error is None
    assert len(seen.published) == 3


async def test_a_registry_that_fails_from_the_start_is_published_once(seen: Bench) -> None:
    seen.client.trouble = RegistryUnavailable("down")
    assert not await seen.refresh.poll()
    assert not await seen.refresh.poll()
    assert len(seen.published) == 1
    assert seen.refresh.knowledge.listed_at is None


async def test_a_list_that_shrinks_is_an_error_until_it_is_confirmed(seen: Bench) -> None:
    await seen.refresh.poll()
    seen.client.images = {"w_2026_20": "image 20"}
    seen.later(seconds=5)
    assert not await seen.refresh.poll()
    assert seen.refresh.knowledge.error is not None
    assert seen.refresh.knowledge.error.code == "registry.shrunk"
    assert len(seen.refresh.knowledge.records) == 21
    assert await seen.refresh.poll()
    assert len(seen.refresh.knowledge.records) == 1
    assert seen.refresh.knowledge.error is None


async def test_a_notified_tag_costs_two_requests_and_is_published(seen: Bench) -> None:
    await seen.refresh.poll()
    before = seen.client.requests
    seen.client.push("d_2026_06_01", "daily")
    await seen.refresh.look_at({"d_2026_06_01"})
    assert seen.client.requests == before + 2
    assert seen.refresh.knowledge.records["d_2026_06_01"].digest == digest_of("daily")
    assert len(seen.published) == 2


async def test_a_notified_tag_that_is_not_there_changes_nothing(seen: Bench) -> None:
    await seen.refresh.poll()
    await seen.refresh.look_at({"d_2026_06_01"})
    assert "d_2026_06_01" not in seen.refresh.knowledge.records
    assert len(seen.published) == 1


async def test_a_push_during_a_list_is_not_lost_by_it(seen: Bench) -> None:
    await seen.refresh.poll()
    asked: list[bool] = []

    def push() -> None:
        seen.client.push("d_2026_06_01", "daily")
        seen.later(seconds=1)
        seen.refresh.knowledge.checked("d_2026_06_01", digest_of("daily"), None, seen.clock[0])
        asked.append(True)

    seen.client.before_list = push
    await seen.refresh.poll()
    assert asked
    assert "d_2026_06_01" in seen.refresh.knowledge.records


async def test_a_slow_recheck_finds_a_tag_that_was_pushed_again(store: StoreWorker) -> None:
    seen = bench(ScriptedClient(WEEKLIES), store, recheck_interval=600, moving_interval=60)
    await seen.refresh.poll()
    while await seen.refresh.examine_rest():
        pass
    seen.client.push("w_2026_03", "another image")
    rounds = 0
    while not seen.refresh.knowledge.repushes:
        seen.later(seconds=60)
        await seen.refresh.poll()
        rounds += 1
        assert rounds < 200
    assert len(seen.client.heads) <= 2 * rounds + 2
    assert seen.refresh.knowledge.repushes[0].tag == "w_2026_03"


async def test_what_was_learnt_is_there_after_a_restart_without_a_request(seen: Bench, store: StoreWorker) -> None:
    await seen.refresh.poll()
    while await seen.refresh.examine_rest():
        pass
    again = bench(ScriptedClient(seen.client.images), store)
    await again.refresh.poll()
    assert not await again.refresh.examine_rest()
    assert again.client.requests == 1 + 1
    assert again.refresh.knowledge.metadata == seen.refresh.knowledge.metadata


async def test_a_store_that_fails_costs_no_list_and_is_written_when_it_is_back(tmp_path: Path) -> None:
    working: list[bool] = []

    def opener() -> CatalogueStore:
        if not working:
            raise StoreError("The database is away.")
        return open_store(f"sqlite:///{tmp_path}/c.sqlite")

    worker = StoreWorker(opener)
    seen = bench(ScriptedClient(WEEKLIES), worker)
    assert await seen.refresh.poll()
    assert len(seen.published) == 1
    working.append(True)
    seen.later(seconds=31)
    assert await seen.refresh.poll()
    known = await worker.run(CatalogueStore.load, REPOSITORY, PLATFORM)
    assert set(known.tags) == set(WEEKLIES)
    await worker.close()
