"""What registries say about being asked too much or too fast, and how long anything may take."""

import asyncio
from typing import Any

import pytest
from strata_hub.errors import RegistryLimited, RegistryUnavailable
from strata_hub.registry import Examined, RegistryClient, RegistrySettings
from support import fault_responses as fault

NAME = "lab/science"
TAG = "w_2026_05"
HEAD = f"HEAD /v2/{NAME}/manifests/{TAG}"


async def head(ask: Any, **settings: Any) -> str:
    async with ask.client(**settings) as client:
        return await client.head(NAME, TAG)


@pytest.mark.parametrize(
    ("field", "least", "most"),
    [
        ("7", 7, 8),
        ("0", 1, 2),
        ("86400", 300, 301),
        ("9" * 400, 300, 301),
        ("-5", 1, 2),
        ("1.16676ms", 1, 2),
        ("soon", 1, 2),
        ("Tue, 03 Nov 2026 00:00:42 GMT", 42, 43),
        ("Tue, 03 Nov 2020 00:00:42 GMT", 1, 2),
        ("Fri, 03 Nov 2090 00:00:42 GMT", 300, 301),
        ("Tue, 99 Nov 2026 00:00:42 GMT", 1, 2),
        ("", 1, 2),
    ],
)
async def test_429_waits_as_long_as_asked_within_reason(
    ask: Any, stored: Any, field: str, least: float, most: float
) -> None:
    ask.play(HEAD, fault.status(429, b"<html>", Retry_After=field))
    assert await head(ask) == stored[TAG].digest
    assert least <= ask.clock.seconds <= most


@pytest.mark.parametrize("code", [429, 503])
async def test_everybody_waits_where_one_was_told_to(ask: Any, stored: Any, code: int) -> None:
    ask.play("HEAD .*", fault.status(code, Retry_After="30"))
    async with ask.client(max_concurrency=1) as client:
        await asyncio.gather(*(client.head(NAME, tag) for tag in stored))
    assert ask.clock.seconds >= 30
    assert all(wait <= 31 for wait in ask.clock.waits)


async def test_waits_grow_between_retries_and_end(ask: Any) -> None:
    ask.play(HEAD, fault.status(502), repeated=True)
    with pytest.raises(RegistryUnavailable, match="502"):
        await head(ask)
    assert ask.clock.waits == [1, 2, 4, 8]
    assert ask.count(HEAD) == 5


async def test_a_registry_that_stays_limited_is_limited(ask: Any) -> None:
    ask.play("GET .*", fault.status(429, b'{"errors":[{"code":"TOOMANYREQUESTS"}]}'), repeated=True)
    async with ask.client() as client:
        with pytest.raises(RegistryLimited, match="TOOMANYREQUESTS"):
            await client.tags(NAME)


async def test_patience_ends_before_the_retries_do(ask: Any) -> None:
    ask.play(HEAD, fault.status(429, Retry_After="300"), repeated=True)
    with pytest.raises(RegistryLimited):
        await head(ask, patience=400)
    assert ask.count(HEAD) == 2
    assert ask.clock.seconds <= 400


async def test_a_status_that_does_not_pass_is_not_retried(ask: Any) -> None:
    ask.play(HEAD, fault.status(500), repeated=True)
    with pytest.raises(RegistryUnavailable):
        await head(ask)
    assert ask.count(HEAD) == 1


async def test_the_hosts_budget_is_kept(ask: Any) -> None:
    async with ask.client(requests_per_second=10, max_concurrency=16) as client:
        results: list[Examined] = []
        await client.examine(NAME, [TAG] * 120, on_result=results.append, digests_only=True)
    assert all(result.error is None for result in results)
    # Twenty at once, the other hundred at ten a second.
    assert ask.clock.seconds == pytest.approx(10, abs=0.2)


async def test_concurrency_is_halved_when_the_registry_complains_and_grows_again(ask: Any) -> None:
    async with ask.client(max_concurrency=16) as client:
        gate = client._conversation._transport.gate
        assert gate.limit == 8
        ask.play(HEAD, fault.status(429), fault.normal, fault.status(503))
        await client.head(NAME, TAG)
        assert gate.limit == 4
        await client.head(NAME, TAG)
        await client.head(NAME, TAG)
        assert gate.limit == 2
        await client.examine(NAME, [TAG] * 105, on_result=lambda _: None, digests_only=True)
        assert gate.limit == 4


async def test_one_complaint_to_many_at_once_halves_once(ask: Any) -> None:
    ask.play(HEAD, *(fault.status(429) for _ in range(8)))
    async with ask.client() as client:
        await asyncio.gather(*(client.head(NAME, TAG) for _ in range(8)))
        assert client._conversation._transport.gate.limit >= 2


async def test_never_more_are_under_way_than_allowed(ask: Any) -> None:
    under_way = most = 0

    async def slow(request: Any, usual: Any) -> Any:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(20):
            await asyncio.sleep(0)
        under_way -= 1
        return usual

    ask.play(".*", slow, repeated=True)
    async with ask.client(max_concurrency=3) as client:
        await client.examine(NAME, [TAG] * 60, on_result=lambda _: None)
    assert 1 < most <= 3


@pytest.mark.parametrize("answer", [fault.hang(), fault.drip()], ids=["silence", "drip"])
async def test_an_answer_that_does_not_come_is_given_up(ask: Any, answer: fault.Responder) -> None:
    ask.play(f"GET /v2/{NAME}/tags/list.*", answer, repeated=True)
    async with ask.client(request_timeout=1, retries=1) as client:
        with pytest.raises(RegistryUnavailable, match="in time"):
            await client.tags(NAME)
        assert client._conversation._transport.gate.limit < 8
    # On a machine that is too busy to send in time, the registry sees fewer.
    assert ask.count("GET .*") <= 2


async def test_a_registry_that_is_not_there_is_unavailable(ask: Any) -> None:
    # Port 1 is the multiplexer's: nobody has listened there for decades.
    settings = RegistrySettings(scheme="http", retries=2)
    async with RegistryClient("127.0.0.1:1", settings, clock=ask.clock) as client:
        with pytest.raises(RegistryUnavailable, match="refused"):
            await client.tags(NAME)
    assert len(ask.clock.waits) == 2


async def test_a_plain_registry_asked_by_tls_is_unavailable(ask: Any) -> None:
    async with ask.client(scheme="https", retries=0) as client:
        with pytest.raises(RegistryUnavailable):
            await client.tags(NAME)


async def test_a_cancelled_question_leaves_its_place_to_others(ask: Any, stored: Any) -> None:
    asked = asyncio.Event()

    async def hang(request: Any, usual: Any) -> Any:
        asked.set()
        return await fault.hang()(request, usual)

    ask.play(HEAD, hang)
    async with ask.client(max_concurrency=1) as client:
        first, second, third = (asyncio.create_task(client.head(NAME, TAG)) for _ in range(3))
        await asked.wait()
        second.cancel()
        first.cancel()
        assert await client.head(NAME, "7") == stored["7"].digest
        assert await third == stored[TAG].digest
        await asyncio.gather(first, second, return_exceptions=True)
