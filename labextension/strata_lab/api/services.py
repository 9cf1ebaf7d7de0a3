"""What the endpoints work with, made when it is first asked for."""

from collections.abc import Callable
from functools import cached_property

from strata_lab.jobs import Jobs


class Services:
    """One server's jobs.

    Parameters
    ----------
    on_activity
        Called when a job moves, so that the server does not pass for idle.
    """

    def __init__(self, on_activity: Callable[[], None] = lambda: None) -> None:
        self._on_activity = on_activity

    @cached_property
    def jobs(self) -> Jobs:
        """The jobs of this server."""
        return Jobs(self._on_activity)

    def running(self) -> int:
        """Return how many jobs have not ended, without making anything."""
        return self.jobs.active() if "jobs" in self.__dict__ else 0

    async def stop(self) -> None:
        """Cancel what runs and wait for it."""
        if "jobs" in self.__dict__:
            await self.jobs.stop()
