"""The one use case: every change of an environment goes through :meth:`Operations.execute`."""

from strata_lab.changes import ChangeRequest
from strata_lab.environments import Event, Record, Status
from strata_lab.guard import Policy
from strata_lab.layout import Layout
from strata_lab.plans import Consent, Plan
from strata_lab.progress import CancelledCheck, Report, ignore, never
from strata_lab.stack import Stack


class Operations:
    """What can be done with the environments of one user on the stack at hand."""

    def __init__(self, layout: Layout, stack: Stack, policy: Policy | None = None) -> None:
        self.layout = layout
        self.stack = stack
        self.policy = policy or Policy()

    def environments(self) -> list[Status]:
        """Return every environment, judged against the stack at hand."""
        raise NotImplementedError

    def history(self, name: str) -> list[Event]:
        """Return what was done to one environment, oldest first."""
        raise NotImplementedError

    def plan(self, request: ChangeRequest, *, report: Report = ignore, cancelled: CancelledCheck = never) -> Plan:
        """Say what a change would do; nothing is written into the home."""
        raise NotImplementedError

    def execute(
        self,
        request: ChangeRequest,
        consent: Consent | None = None,
        report: Report = ignore,
        cancelled: CancelledCheck = never,
    ) -> Record:
        """Carry out a change, or raise and leave everything as it was."""
        raise NotImplementedError
