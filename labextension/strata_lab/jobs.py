"""One job per environment at a time, with numbered events that can be read again from any number."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from threading import Event

from strata_lab.errors import Busy, Cancelled, NotFound

Data = Mapping[str, object]
Report = Callable[[str, Data], None]
Work = Callable[[Report, Callable[[], bool]], Data]


class JobState(StrEnum):
    """Where a job is: the last three are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self in {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One thing that happened; ``number`` starts at 1 and only grows within a job."""

    number: int
    kind: str
    data: Data


class Job:
    """One change of environments, from its request to its end.

    Parameters
    ----------
    kind
        What is done, for people and programs: ``install``, ``create``...
    environments
        The names that the change holds for itself while it runs.
    event_limit
        How many events are kept. The oldest progress goes first, changes of state stay.
    """

    def __init__(self, kind: str, environments: Iterable[str], event_limit: int = 2000) -> None:
        self.id = secrets.token_urlsafe(16)
        self.kind = kind
        self.environments = frozenset(environments)
        self.state = JobState.QUEUED
        self.created = datetime.now(UTC)
        self.started: datetime | None = None
        self.ended: datetime | None = None
        self.result: Data | None = None
        self.error: Exception | None = None
        self._stop = Event()
        self._limit = event_limit
        self._events: list[JobEvent] = []
        self._last = 0
        self._changed = asyncio.Event()
        self.add("state", {"state": self.state})

    @property
    def last_event(self) -> int:
        """Number of the newest event."""
        return self._last

    def add(self, kind: str, data: Data) -> None:
        """Keep an event under the next number, and wake whoever follows. On the event loop's thread only."""
        self._last += 1
        self._events.append(JobEvent(self._last, kind, data))
        if len(self._events) > self._limit:
            oldest = next((i for i, event in enumerate(self._events) if event.kind != "state"), 0)
            del self._events[oldest]
        self._changed.set()
        self._changed = asyncio.Event()

    def enter(self, state: JobState, **data: object) -> None:
        """Change the state, once and for all when it is an end, and tell it as an event."""
        self.state = state
        now = datetime.now(UTC)
        if state is JobState.RUNNING:
            self.started = now
        elif state.ended:
            self.ended = now
        self.add("state", {"state": state, **data})

    def cancel(self) -> None:
        """Ask the work to stop; the state changes when it has."""
        self._stop.set()

    def cancelled(self) -> bool:
        """Whether somebody asked the work to stop. For any thread."""
        return self._stop.is_set()

    def events(self, after: int = 0) -> list[JobEvent]:
        """Return the kept events with larger numbers than ``after``."""
        return [event for event in self._events if event.number > after]

    async def follow(self, after: int = 0, keepalive: float = 15.0) -> AsyncIterator[JobEvent | None]:
        """Yield each event after a number until the job ends.

        Parameters
        ----------
        after
            Number of the last event that the reader has seen, 0 for none.
        keepalive
            Seconds of silence after which None is yielded, so that the reader can keep a connection open.
        """
        while True:
            changed = self._changed
            for event in self.events(after):
                after = event.number
                yield event
            if self.state.ended and after >= self._last:
                return
            try:
                async with asyncio.timeout(keepalive):
                    await changed.wait()
            except TimeoutError:
                yield None


class Jobs:
    """The jobs of one server.

    Parameters
    ----------
    on_activity
        Called when a job moves, and every ``heartbeat`` seconds while one runs: a server with work is not idle.
    workers
        How many jobs run at the same time; the others are queued.
    keep
        How many ended jobs can still be read.
    heartbeat
        Seconds.
    """

    def __init__(
        self,
        on_activity: Callable[[], None] = lambda: None,
        *,
        workers: int = 2,
        keep: int = 50,
        heartbeat: float = 30.0,
    ) -> None:
        self._on_activity = on_activity
        self._keep = keep
        self._heartbeat = heartbeat
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="strata-job")
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._pulse: asyncio.Task[None] | None = None

    def submit(self, kind: str, environments: Iterable[str], work: Work) -> Job:
        """Start a job, or queue it. To be called on the event loop.

        Parameters
        ----------
        kind, environments
            As in `Job`.
        work
            Runs in a thread of its own with a function that reports events and one that says whether to stop.

        Raises
        ------
        Busy
            If a job that has not ended holds one of the environments.
        """
        names = frozenset(environments)
        for other in self._jobs.values():
            if not other.state.ended and (shared := other.environments & names):
                raise Busy(
                    f"Environment {min(shared)} is being changed ({other.kind}) since {other.created:%H:%M:%S} UTC.",
                    hint="Wait until that has ended, or cancel it.",
                )
        job = Job(kind, names)
        self._jobs[job.id] = job
        self._forget()
        task = asyncio.get_running_loop().create_task(self._run(job, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._pulse is None or self._pulse.done():
            self._pulse = asyncio.get_running_loop().create_task(self._beat())
        return job

    def all(self) -> list[Job]:
        """Return the known jobs, oldest first."""
        return list(self._jobs.values())

    def get(self, job_id: str) -> Job:
        """Return the job with this id.

        Raises
        ------
        NotFound
            If there is none, or it ended so long ago that it was forgotten.
        """
        try:
            return self._jobs[job_id]
        except KeyError:
            raise NotFound("There is no such job.", hint="Jobs are forgotten when the server stops.") from None

    def active(self) -> int:
        """Return how many jobs have not ended."""
        return sum(not job.state.ended for job in self._jobs.values())

    async def stop(self, grace: float = 10.0) -> None:
        """Cancel everything and wait, at most ``grace`` seconds, until it has stopped."""
        for job in self._jobs.values():
            job.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        if self._pulse:
            self._pulse.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, job: Job, work: Work) -> None:
        loop = asyncio.get_running_loop()

        def on_loop(call: Callable[..., None], *args: object) -> None:
            # A closed loop has nobody left to tell.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(call, *args)

        def tell(kind: str, data: Data) -> None:
            job.add(kind, data)
            self._on_activity()

        def in_thread() -> Data:
            if job.cancelled():
                raise Cancelled("Cancelled before it started.")
            on_loop(job.enter, JobState.RUNNING)
            return work(lambda kind, data: on_loop(tell, kind, data), job.cancelled)

        self._on_activity()
        try:
            job.result = await loop.run_in_executor(self._pool, in_thread)
            job.enter(JobState.SUCCEEDED)
        except Cancelled as error:
            job.error = error
            job.enter(JobState.CANCELLED)
        except Exception as error:  # noqa: BLE001 (whatever the work raises is how this job ended, and is kept to be told)
            job.error = error
            job.enter(JobState.FAILED)
        self._on_activity()

    async def _beat(self) -> None:
        while self.active():
            self._on_activity()
            await asyncio.sleep(self._heartbeat)

    def _forget(self) -> None:
        ended = [job for job in self._jobs.values() if job.state.ended]
        for job in ended[: max(0, len(ended) - self._keep)]:
            del self._jobs[job.id]
