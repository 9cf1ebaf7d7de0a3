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
from strata_lab.progress import Entered, Phase, Progress
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
        self._ending = ""

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

    def told(self, change: ChangeRequest, consent: Consent, done: str, *, dry_run: bool) -> None:
        """Carry a change out, or only plan it, and print what came of it.

        Parameters
        ----------
        done
            The sentence for success; ``{0}`` and ``{1}`` are the environment's name and its new name. Empty for what
            the operation itself said at its end.
        dry_run
            Only plan.
        """
        if dry_run:
            plan = self.plan(change)
            self.output.document(plan) if self.output.as_json else self.output.text("\n".join(plan_text.lines(plan)))
            return
        record = self.carry_out(change, consent)
        if self.output.as_json:
            self.output.document(record)
        else:
            self.output.text(done.format(change.environment, getattr(change, "new_name", "")) or self._ending)

    def _execute(self, change: ChangeRequest, consent: Consent) -> Record:
        with stoppable() as stopped, shown(self.output) as show:

            def report(event: Progress) -> None:
                if isinstance(event, Entered) and event.phase is Phase.DONE:
                    self._ending = event.sentence
                else:
                    show(event)

            return self.operations.execute(change, consent, report=report, cancelled=stopped)

    def _show(self, plan: Plan) -> None:
        if not self.output.as_json:
            for line in plan_text.lines(plan):
                self.output.note(line)
