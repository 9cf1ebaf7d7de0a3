"""What the endpoints work with, made when it is first asked for."""

import logging
import os
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from strata_lab.jobs import Jobs

if TYPE_CHECKING:
    from strata_lab.doctor import Doctor
    from strata_lab.kernel_catalogue import KernelCatalogue
    from strata_lab.operations import Operations
    from strata_lab.restarts import KernelManagers

_log = logging.getLogger(__name__)


class Services:
    """One server's jobs, the operations that they carry out, and what looks after the lab.

    Parameters
    ----------
    on_activity
        Called when a job moves, so that the server does not pass for idle.
    kernel_manager
        The server's running kernels; None outside of a server.
    catalogue
        The server's own list of kernels, where its manager of specifications has one.
    """

    def __init__(
        self,
        on_activity: Callable[[], None] = lambda: None,
        kernel_manager: "KernelManagers | None" = None,
        catalogue: "Callable[[], KernelCatalogue | None]" = lambda: None,
    ) -> None:
        self._on_activity = on_activity
        self._catalogue = catalogue
        self.kernel_manager = kernel_manager

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

    def open(self) -> "Operations":
        """Return the operations; for a thread, since the first time asks the stack's interpreter."""
        return self.operations

    def doctor(self) -> "Doctor":
        """Return a doctor for the lab as it is now."""
        from strata_lab.doctor import doctor_of  # noqa: PLC0415 (as above)

        return doctor_of(os.environ, self._catalogue())

    def origin(self, kernel: str) -> dict[str, Any] | None:
        """Return what a notebook carries of the environment whose kernel this is, None where nothing is known."""
        catalogue = self._catalogue()
        found = catalogue.kernels().get(kernel) if catalogue else None
        if found is None or found.generation is None:
            return None
        from strata_lab.provenance import origin  # noqa: PLC0415 (as above)

        return origin(self.operations.store.record(found.generation)).model_dump(mode="json")

    def begin(self, default_environment: str) -> None:
        """Look after the environments when the server has started; for a thread of its own.

        Parameters
        ----------
        default_environment
            Made unless there is one of this name, or the user deleted it; empty for none.
        """
        from strata_lab.default_environment import ensure  # noqa: PLC0415 (as above)
        from strata_lab.errors import StrataError  # noqa: PLC0415 (as above)

        try:
            swept = self.operations.sweep()
            if swept.generations or swept.binned:
                _log.info("Swept %d generations and %d deleted environments", len(swept.generations), len(swept.binned))
            statuses = self.operations.environments()
            for status in statuses:
                if status.reasons:
                    _log.info("Environment %s: %s: %s", status.name, status.state, " ".join(status.reasons))
            if default_environment:
                ensure(self.operations, default_environment)
        except (StrataError, OSError) as error:
            _log.warning("The environments were not looked after: %s", error)

    def running(self) -> int:
        """Return how many jobs have not ended, without making anything."""
        return self.jobs.active() if "jobs" in self.__dict__ else 0

    async def stop(self) -> None:
        """Cancel what runs and wait for it."""
        if "jobs" in self.__dict__:
            await self.jobs.stop()
