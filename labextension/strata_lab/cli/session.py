"""A change from the command line: ask, carry out, show, stop on Ctrl-C."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType

import click

from strata_lab.changes import ChangeRequest
from strata_lab.cli import plan_text
from strata_lab.cli.output import Output
from strata_lab.cli.progress import shown
from strata_lab.environments import Record
from strata_lab.errors import ConsentNeeded
from strata_lab.plans import Consent, Plan
from strata_lab.wiring import open_operations


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether Ctrl-C or a request to end came; a second Ctrl-C ends at once."""
    asked = Event()

    def ask(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (signal's signature)
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        click.echo("Stopping; nothing will be changed. Ctrl-C again ends at once.", err=True)

    previous = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class Session:
    """One run of the command.

    Parameters
    ----------
    output
        How to print.
    yes
        Agree to whatever the plan says, as far as policy lets the user agree.
    """

    def __init__(self, output: Output, *, yes: bool = False) -> None:
        self.output = output
        self.yes = yes
        self.operations = open_operations("command")

    def plan(self, change: ChangeRequest) -> Plan:
        """Return what a change would do."""
        with stoppable() as stopped, shown(self.output) as report:
            return self.operations.plan(change, report=report, cancelled=stopped)

    def carry_out(self, change: ChangeRequest, consent: Consent) -> Record:
        """Carry a change out, asking for the consent that is missing where somebody can answer.

        Raises
        ------
        ConsentNeeded
            If there is nobody to ask, or the answer is no.
        """
        if self.yes:
            consent = Consent.to(self.plan(change))
        try:
            return self._execute(change, consent)
        except ConsentNeeded:
            plan = self.plan(change)
            if self.output.as_json or not sys.stdin.isatty() or plan.refusals:
                self._show(plan)
                raise
            self._show(plan)
            if not click.confirm("Go on?", default=False, err=True):
                raise
            return self._execute(change, Consent.to(plan))

    def _execute(self, change: ChangeRequest, consent: Consent) -> Record:
        with stoppable() as stopped, shown(self.output) as report:
            return self.operations.execute(change, consent, report=report, cancelled=stopped)

    def _show(self, plan: Plan) -> None:
        if not self.output.as_json:
            for line in plan_text.lines(plan):
                self.output.note(line)
