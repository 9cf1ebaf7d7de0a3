"""How fast a registry is asked: a budget per host, a concurrency that follows its answers, waits between retries."""

import asyncio
import random
import time
from collections import deque
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Protocol

LEAST_WAIT: Final = 1.0
"""Seconds: registries announce waits of a millisecond and mean more."""
LONGEST_WAIT: Final = 300.0
_LONGEST_BACKOFF: Final = 30.0
_START: Final = 8
_SUCCESSES_TO_GROW: Final = 50
_MAX_DIGITS: Final = 12


class Clock(Protocol):
    """Time, as the client sees it."""

    def monotonic(self) -> float:
        """Return seconds since some moment in the past."""
        ...

    def now(self) -> datetime:
        """Return the date in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    def jitter(self, seconds: float) -> float:
        """Return a random number of seconds between 0 and `seconds`."""
        ...


class SystemClock:
    """The time of this machine."""

    def monotonic(self) -> float:
        """Return seconds since some moment in the past."""
        return time.monotonic()

    def now(self) -> datetime:
        """Return the date in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def jitter(self, seconds: float) -> float:
        """Return a random number of seconds between 0 and `seconds`."""
        return random.uniform(0, seconds)  # noqa: S311  no secret depends on it


def retry_after(text: str | None, now: datetime) -> float | None:
    """Return the seconds that a ``Retry-After`` field asks for, between 1 and 300; None if it says nothing usable.

    Both forms of RFC 9110, 10.2.3 are read: seconds and a date.
    """
    if not text:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:_MAX_DIGITS])
    else:
        try:
            date = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now.timestamp()
    return min(max(seconds, LEAST_WAIT), LONGEST_WAIT)


def backoff(attempt: int, clock: Clock) -> float:
    """Return the seconds to wait before retry number `attempt` (from 0): exponential with full jitter."""
    return clock.jitter(min(_LONGEST_BACKOFF, 2.0**attempt))


class Budget:
    """A token bucket: so many requests a second, two seconds' worth at once; and pauses that the host asked for.

    Parameters
    ----------
    rate
        Requests per second; None: no budget, pauses only.
    """

    def __init__(self, rate: float | None, clock: Clock) -> None:
        self._interval = 1 / rate if rate else 0.0
        self._allowance = 2.0 if rate else 0.0
        self._clock = clock
        self._due = float("-inf")
        self._resume = float("-inf")

    def pause(self, seconds: float) -> None:
        """Let nobody ask for `seconds`."""
        self._resume = max(self._resume, self._clock.monotonic() + seconds)

    def claim(self) -> float:
        """Take a place, and return the seconds until it comes."""
        now = self._clock.monotonic()
        if self._interval:
            self._due = max(self._due, now - self._allowance) + self._interval
        return max(self._due - now, self.paused())

    def paused(self) -> float:
        """Return the seconds that are left of a pause."""
        return max(self._resume - self._clock.monotonic(), 0.0)


class Gate:
    """As many requests under way as the registry bears: halved when it complains, one more per fifty successes."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self.limit = min(_START, maximum)
        self.active = 0
        self._successes = 0
        self._epoch = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def cap(self, maximum: int) -> None:
        """Never allow more than `maximum` from now on."""
        self._maximum = min(self._maximum, maximum)
        self.limit = min(self.limit, self._maximum)

    async def enter(self) -> int:
        """Wait for a place; return a number to hand to `trouble`."""
        while self.active >= self.limit:
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            try:
                await place
            except asyncio.CancelledError:
                if place.done() and not place.cancelled():
                    self._wake()
                raise
        self.active += 1
        return self._epoch

    def leave(self) -> None:
        """Give the place back."""
        self.active -= 1
        self._wake()

    def success(self) -> None:
        """Count an answer."""
        self._successes += 1
        if self._successes >= _SUCCESSES_TO_GROW and self.limit < self._maximum:
            self._successes = 0
            self.limit += 1
            self._wake()

    def trouble(self, epoch: int) -> None:
        """Halve the limit, once for all requests that were under way together."""
        if epoch == self._epoch:
            self._epoch += 1
            self._successes = 0
            self.limit = max(1, self.limit // 2)

    def _wake(self) -> None:
        for _ in range(self.limit - self.active):
            while self._waiting and self._waiting[0].done():
                self._waiting.popleft()
            if not self._waiting:
                return
            self._waiting.popleft().set_result(None)
