"""What the endpoints work with, made when it is first asked for."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from strata_lab.jobs import Jobs

if TYPE_CHECKING:
    from strata_lab.operations import Operations


class Services:
    """One server's jobs, and the operations that they carry out.

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

    @cached_property
    def operations(self) -> "Operations":
        """The operations on this user's environments.

        Raises
        ------
        StackUnusable
            If this is no lab whose image says where its stack is.
        """
        from strata_lab.wiring import open_operations  # noqa: PLC0415 (the engine costs start time: first use pays)

        return open_operations("server")

    def running(self) -> int:
        """Return how many jobs have not ended, without making anything."""
        return self.jobs.active() if "jobs" in self.__dict__ else 0

    async def stop(self) -> None:
        """Cancel what runs and wait for it."""
        if "jobs" in self.__dict__:
            await self.jobs.stop()
