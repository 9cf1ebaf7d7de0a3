"""Jobs: one per environment, numbered events, replay, cancel, activity."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Never

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strata_lab.errors import Busy, Cancelled, NoSpace, NotFound
from strata_lab.jobs import Data, Job, Jobs, JobState, Report, Work


@pytest.fixture
async def jobs() -> AsyncIterator[Jobs]:
    made = Jobs(workers=2, heartbeat=0.01)
    yield made
    await made.stop()


def _until(event: threading.Event) -> Work:
    def work(report: Report, cancelled: Callable[[], bool]) -> Data:
        report("progress", {"step": "waiting"})
        while not event.wait(0.01):
            if cancelled():
                raise Cancelled("Stopped on request.")
        return {"done": True}

    return work


async def _ended(job: Job) -> list[int]:
    return [event.number async for event in job.follow() if event]


async def test_a_job_tells_its_states_in_order_and_keeps_its_result(jobs: Jobs) -> None:
    job = jobs.submit("install", {"a"}, lambda report, cancelled: {"version": "1"})
    assert await _ended(job) == [1, 2, 3]
    assert [event.data["state"] for event in job.events()] == ["queued", "running", "succeeded"]
    assert job.result == {"version": "1"}
    assert job.started is not None
    assert job.ended is not None


async def test_a_second_job_on_the_same_environment_is_refused_by_name(jobs: Jobs) -> None:
    go = threading.Event()
    job = jobs.submit("install", {"a", "b"}, _until(go))
    with pytest.raises(Busy, match="Environment b is being changed"):
        jobs.submit("clone", {"b", "c"}, _until(go))
    other = jobs.submit("install", {"c"}, _until(go))
    go.set()
    await _ended(job)
    await _ended(other)
    assert jobs.submit("install", {"a"}, lambda report, cancelled: {}).state is JobState.QUEUED


async def test_cancel_stops_the_work_and_is_its_own_end(jobs: Jobs) -> None:
    job = jobs.submit("install", {"a"}, _until(threading.Event()))
    async for event in job.follow():
        if event and event.kind == "progress":
            job.cancel()
    assert job.state is JobState.CANCELLED
    assert isinstance(job.error, Cancelled)


async def test_a_queued_job_that_is_cancelled_never_starts(jobs: Jobs) -> None:
    go, ran = threading.Event(), threading.Event()
    running = [jobs.submit("install", {name}, _until(go)) for name in "ab"]
    waiting = jobs.submit("install", {"c"}, lambda report, cancelled: ran.set() or {})
    waiting.cancel()
    go.set()
    for job in [*running, waiting]:
        await _ended(job)
    assert waiting.state is JobState.CANCELLED
    assert not ran.is_set()


@pytest.mark.parametrize("error", [NoSpace("The disk is full."), ValueError("unforeseen")])
async def test_what_the_work_raises_is_the_end_of_the_job_and_not_of_the_server(jobs: Jobs, error: Exception) -> None:
    def work(report: Report, cancelled: Callable[[], bool]) -> Never:
        raise error

    job = jobs.submit("install", {"a"}, work)
    await _ended(job)
    assert job.state is JobState.FAILED
    assert job.error is error


@given(st.integers(0, 60))
async def test_a_reader_that_reconnects_gets_each_later_event_once_and_in_order(seen: int) -> None:
    """Rule: reading after number N yields every kept event with a number above N, ascending."""
    job = Job("install", {"a"})
    for step in range(50):
        job.add("progress", {"step": step})
    job.enter(JobState.SUCCEEDED)
    assert [event.number async for event in job.follow(seen) if event] == list(range(seen + 1, 53))


async def test_readers_that_follow_while_events_arrive_miss_none(jobs: Jobs) -> None:
    def work(report: Report, cancelled: Callable[[], bool]) -> Data:
        for step in range(500):
            report("progress", {"step": step})
        return {}

    job = jobs.submit("install", {"a"}, work)
    readings = await asyncio.gather(*(_ended(job) for _ in range(5)))
    assert readings == [list(range(1, 504))] * 5


async def test_old_progress_makes_room_for_new_and_states_stay() -> None:
    job = Job("install", {"a"}, event_limit=10)
    for step in range(100):
        job.add("progress", {"step": step})
    job.enter(JobState.SUCCEEDED)
    kept = job.events()
    assert len(kept) == 10
    assert [event.number for event in kept if event.kind == "state"] == [1, 102]


async def test_silence_is_filled_so_that_a_connection_stays_open() -> None:
    job = Job("install", {"a"})
    follower = job.follow(after=1, keepalive=0.001)
    assert await anext(follower) is None
    job.enter(JobState.CANCELLED)
    assert [event.number async for event in follower if event] == [2]


async def test_a_running_job_is_activity_even_when_it_is_silent() -> None:
    beats = asyncio.Event()
    count = 0

    def beat() -> None:
        nonlocal count
        count += 1
        if count > 10:
            beats.set()

    jobs = Jobs(beat, heartbeat=0.001)
    go = threading.Event()
    job = jobs.submit("install", {"a"}, _until(go))
    await asyncio.wait_for(beats.wait(), 60)
    assert jobs.active() == 1
    go.set()
    await _ended(job)
    assert jobs.active() == 0
    await jobs.stop()


async def test_stopping_the_server_cancels_its_jobs() -> None:
    jobs = Jobs()
    job = jobs.submit("install", {"a"}, _until(threading.Event()))
    await jobs.stop(grace=60)
    assert job.state is JobState.CANCELLED


async def test_ended_jobs_are_forgotten_oldest_first_and_running_ones_never() -> None:
    jobs = Jobs(keep=2, heartbeat=0.01)
    go = threading.Event()
    running = jobs.submit("install", {"a"}, _until(go))
    for _ in range(5):
        await _ended(jobs.submit("install", {"b"}, lambda report, cancelled: {}))
    assert jobs.get(running.id) is running
    assert len(jobs.all()) == 4
    go.set()
    await _ended(running)
    await jobs.stop()


async def test_job_ids_are_opaque_and_an_unknown_one_is_not_found(jobs: Jobs) -> None:
    made = {jobs.submit("create", {str(n)}, lambda report, cancelled: {}).id for n in range(20)}
    assert len(made) == 20
    assert all(len(job_id) >= 20 for job_id in made)
    with pytest.raises(NotFound):
        jobs.get("../../etc/passwd")
