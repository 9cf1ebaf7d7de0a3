"""Wait for a condition, never for a time."""

import time
from collections.abc import Callable


def eventually(condition: Callable[[], object], *, within: float = 90.0, every: float = 0.1) -> None:
    """Return when `condition` is true.

    Raises
    ------
    AssertionError
        If it did not come true `within` that many seconds.
    """
    limit = time.monotonic() + within
    while not condition():
        assert time.monotonic() < limit, f"{condition!r} did not come true within {within:.0f} s"
        time.sleep(every)
