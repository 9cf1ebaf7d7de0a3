import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strata_hub.registry.pacing import Budget, Gate, SystemClock, backoff, retry_after
from support.fault_registry import StillClock


@given(st.text(max_size=60))
def test_a_wait_is_between_a_second_and_five_minutes_or_nothing(text: str) -> None:
    wait = retry_after(text, StillClock().now())
    assert wait is None or 1 <= wait <= 300


@given(st.integers(0, 2000))
def test_a_random_wait_is_within_its_bound(attempt: int) -> None:
    """Full jitter: anywhere between nothing and the exponential bound, which has a ceiling."""
    assert 0 <= backoff(min(attempt, 1000), SystemClock()) <= min(30, 2.0 ** min(attempt, 1000))


@given(st.floats(0.5, 1000), st.lists(st.floats(0, 5), min_size=1, max_size=100))
def test_in_no_window_are_there_more_places_than_the_budget_allows(rate: float, pauses: list[float]) -> None:
    """In any span of t seconds at most rate * (t + 2) + 1 requests."""
    clock = StillClock()
    budget = Budget(rate, clock)
    places = []
    for pause in pauses:
        clock.seconds += pause
        places.append(clock.seconds + budget.claim())
    for first in range(len(places)):
        for last in range(first, len(places)):
            assert last - first + 1 <= rate * (places[last] - places[first] + 2) + 1.001


def test_without_a_rate_there_are_pauses_only() -> None:
    clock = StillClock()
    budget = Budget(None, clock)
    assert [budget.claim() for _ in range(1000)] == [0.0] * 1000
    budget.pause(10)
    budget.pause(5)
    assert budget.claim() == 10
    clock.seconds += 11
    assert budget.claim() == 0


async def test_places_are_given_in_order_and_never_too_many() -> None:
    gate = Gate(2)
    order: list[int] = []

    async def work(number: int) -> None:
        await gate.enter()
        try:
            assert gate.active <= 2
            await asyncio.sleep(0)
            order.append(number)
        finally:
            gate.leave()

    await asyncio.gather(*(work(number) for number in range(20)))
    assert sorted(order) == list(range(20))
    assert gate.active == 0


@pytest.mark.parametrize("seed", range(20))
async def test_no_place_is_lost_when_waiters_give_up(seed: int) -> None:
    gate = Gate(1 + seed % 3)

    async def work(number: int) -> None:
        await gate.enter()
        try:
            for _ in range((number * 7 + seed) % 5):
                await asyncio.sleep(0)
        finally:
            gate.leave()

    tasks = [asyncio.create_task(work(number)) for number in range(30)]
    for number, task in enumerate(tasks):
        if (number + seed) % 3 == 0:
            await asyncio.sleep(0)
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert gate.active == 0
    await asyncio.wait_for(gate.enter(), 60)


def test_the_limit_grows_by_one_in_fifty_up_to_the_maximum_and_halves_down_to_one() -> None:
    gate = Gate(10)
    for _ in range(500):
        gate.success()
    assert gate.limit == 10
    for expected in (5, 2, 1, 1):
        gate.trouble(gate._epoch)
        assert gate.limit == expected
    gate.trouble(-1)
    gate.cap(4)
    for _ in range(1000):
        gate.success()
    assert gate.limit == 4
