"""The one use case: every change of an environment goes through :meth:`Operations.execute`."""

import contextlib
import os
import pwd
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from strata_lab import adopt, exchange, housekeeping, lease, reading
from strata_lab.backends.base import Backend, Work
from strata_lab.backends.overlay import Overlay
from strata_lab.backends.pip import Pip
from strata_lab.backends.rattler import Rattler
from strata_lab.backends.uv import Uv
from strata_lab.changes import (
    Adopt,
    ChangeRequest,
    Clone,
    Create,
    Delete,
    Import,
    Install,
    Rebuild,
    Redo,
    Remove,
    Rename,
    Restore,
    Undo,
    Upgrade,
)
from strata_lab.environments import Action, Actor, Event, Intent, Kind, Record, Status
from strata_lab.errors import Conflict, NotFound, Unsatisfiable
from strata_lab.guard import Policy, judge
from strata_lab.intents import Aim, aim, refuse_machinery, requirement_name
from strata_lab.layout import Layout
from strata_lab.pipeline import Change, Planner
from strata_lab.plans import Consent, Effort, Plan
from strata_lab.pointers import Pointers
from strata_lab.progress import CancelledCheck, Entered, Phase, Report, ignore, never
from strata_lab.realise import Origin, Realiser
from strata_lab.stack import Stack
from strata_lab.store import Store, translated

Buildable = Create | Install | Upgrade | Remove | Clone | Adopt | Rebuild | Import
_HEARTBEAT = lease.TERM / 6


class Operations:
    """What can be done with the environments of one user on the stack at hand.

    Parameters
    ----------
    policy
        By default what the image's contract says.
    backends
        By kind; by default overlays by the policy's installer, and conda by py-rattler.
    interface
        Through what the user acts (``command``, ``server``, ``python``); recorded.
    """

    def __init__(
        self,
        layout: Layout,
        stack: Stack,
        policy: Policy | None = None,
        *,
        backends: Mapping[Kind, Backend] | None = None,
        interface: str = "python",
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.layout = layout
        self.stack = stack
        self.policy = policy or (Policy.of(stack.contract) if stack.contract else Policy())
        self.store = Store(layout)
        environ = os.environ if environ is None else environ
        self.origin = Origin(this_actor(environ, interface), environ.get("STRATA_IMAGE") or None)
        self.backends = backends if backends is not None else _backends(self.policy)
        self._planner = Planner(self.backends, layout.root)
        self._pointers = Pointers(self.store, self._unreadable)
        self._realiser = Realiser(self.store, self.backends, self.origin)
        self._swept = False

    def environments(self) -> list[Status]:
        """Return every environment, judged against the stack at hand."""
        return reading.statuses(self.store, self.stack)

    def environment(self, name: str) -> Status:
        """Return one environment, judged; raises :exc:`~strata_lab.errors.NotFound`."""
        return reading.status(self.store, self.stack, name)

    def history(self, name: str) -> list[Event]:
        """Return what was done to one environment, oldest first.

        Raises
        ------
        NotFound
            If there is no such environment.
        """
        self.store.current(name)
        return self.store.history(name)

    def binned(self) -> list[housekeeping.Binned]:
        """Return the deleted environments that can be restored, latest first."""
        return housekeeping.binned(self.layout)

    def export(self, name: str, form: str) -> str:
        """Return an environment as the text of a file; see :func:`strata_lab.exchange.export`."""
        return exchange.export(self.store.record(self.store.current(name)), form)

    def sweep(self) -> housekeeping.Swept:
        """Take away what nothing names any more."""
        self._swept = True
        return housekeeping.sweep(self.store, self.policy, self.origin.actor)

    def plan(self, request: ChangeRequest, *, report: Report = ignore, cancelled: CancelledCheck = never) -> Plan:
        """Say what a change would do; nothing is written into the home.

        Raises
        ------
        Unsatisfiable
            If nothing fits.
        """
        if isinstance(request, Undo | Redo | Rename | Delete | Restore):
            return self._pointers.plan(request)
        with translated("The plan could not be made"):
            work = self._work(report, cancelled)
            return self._planner.plan(self._change(request, work), work)

    def execute(
        self,
        request: ChangeRequest,
        consent: Consent | None = None,
        report: Report = ignore,
        cancelled: CancelledCheck = never,
    ) -> Record:
        """Carry out a change, or raise and leave everything as it was.

        Raises
        ------
        StrataError
            Whatever stands in the way, each with its own class; see :mod:`strata_lab.errors`.
        """
        if not self._swept:
            with contextlib.suppress(OSError):
                self.sweep()
        with translated("The change could not be made"), self._leases(request, report, cancelled) as leases:
            work = self._work(report, _beating(cancelled, leases))
            if isinstance(request, Undo | Redo | Rename | Delete | Restore):
                return self._move(request, consent, leases, work)
            return self._build(request, consent or Consent(), leases, work)

    def _move(
        self,
        request: Undo | Redo | Rename | Delete | Restore,
        consent: Consent | None,
        leases: dict[str, lease.Lease],
        work: Work,
    ) -> Record:
        judge(self._pointers.plan(request), consent or Consent(), self.policy)
        work.report(Entered(Phase.SWITCHING, "Switching."))
        name, record = self._pointers.move(request, leases)
        self._note(name, request, record)
        work.report(Entered(Phase.DONE, "Done."))
        return record

    def _build(self, request: Buildable, consent: Consent, leases: dict[str, lease.Lease], work: Work) -> Record:
        change = self._change(request, work, consent.build)
        try:
            plan = self._planner.plan(change, work)
        except Unsatisfiable as error:
            self._remember_failure(request, error)
            raise
        work.report(Entered(Phase.JUDGING, "Checking the plan."))
        judge(plan, consent, self.policy)
        if plan.effort is Effort.NOTHING and change.before is not None:
            work.report(Entered(Phase.DONE, "Everything is there already."))
            return change.before
        held = leases[change.environment]
        record = self._realiser.make(change, plan, consent, held, work, request.asked)
        work.report(Entered(Phase.SWITCHING, "Switching to what was built."))
        self.store.switch(change.environment, record.generation, held)
        self._note(change.environment, request, record)
        self._make_room()
        work.report(Entered(Phase.DONE, f"{change.environment} has {len(record.locked)} packages of its own."))
        return record

    def _make_room(self) -> None:
        """Sweep when there are more generations than can be gone back to."""
        with contextlib.suppress(OSError):
            count = sum(1 for _ in self.layout.generations.iterdir())
            if count > self.policy.keep_generations * len(self.store.names()):
                self.sweep()

    def _change(self, request: Buildable, work: Work, build: frozenset[str] = frozenset()) -> Change:
        return replace(self._asked(request, work), build=build)

    def _asked(self, request: Buildable, work: Work) -> Change:
        name = request.environment
        if isinstance(request, Create | Import):
            return self._beginning(request)
        live = self._live(name)
        match request:
            case Clone():
                self._must_be_free(request.new_name)
                locked = live.locked if live.stack.fingerprint == self.stack.fingerprint else None
                return Change(request.new_name, Action.CLONE, Aim(live.intent, live.locked), locked=locked)
            case Adopt():
                prefix = self.layout.generation(live.generation)
                found = self.backends[live.intent.kind].installed(prefix, work)
                taken = adopt.adopted(live, found, adopt.asked_by_name(prefix))
                names = (requirement_name(text, live.intent.kind) for text in taken.intent.requirements)
                refuse_machinery(names, self.policy.machinery)
                return Change(name, Action.ADOPT, taken, before=live)
            case Rebuild():
                fits = live.intent.kind is Kind.CONDA or reading.lock_fits(live, self.stack)
                return Change(name, Action.REBUILD, Aim(live.intent, live.locked), live, live.locked if fits else None)
            case _:
                return Change(name, request.action, aim(request, live, self.policy.machinery), before=live)

    def _beginning(self, request: Create | Import) -> Change:
        self._must_be_free(request.environment)
        if isinstance(request, Create):
            return Change(request.environment, Action.CREATE, aim(request, None, self.policy.machinery))
        read = exchange.read(request.text, request.format)
        names = (requirement_name(text, read.intent.kind) for text in read.intent.requirements)
        refuse_machinery(names, self.policy.machinery)
        return Change(request.environment, Action.IMPORT, Aim(read.intent, hashes=read.hashes))

    def _live(self, name: str) -> Record:
        """Return the record of the realisation to go on from: the one in use on this stack, else the pointer's."""
        status = reading.status(self.store, self.stack, name)
        if status.live is not None:
            return self.store.record(status.live)
        if status.record is None:
            raise Conflict(" ".join(status.reasons), hint="Undo, or delete it and restore an older one.")
        return status.record

    def _unreadable(self, name: str, identifier: str) -> Record:
        return Record(
            environment=name,
            generation=identifier,
            serial=1,
            parent=None,
            action=Action.DELETE,
            intent=Intent(),
            stack=self.stack.identity(),
            actor=self.origin.actor,
            created=datetime.now(UTC),
            notes=("The record of this generation could not be read.",),
        )

    def _must_be_free(self, name: str) -> None:
        if self.store.exists(name):
            raise Conflict(f"There is already an environment called {name}.", hint="Choose another name.")

    def _remember_failure(self, request: ChangeRequest, error: Unsatisfiable) -> None:
        if not isinstance(request, Rebuild):
            return
        with contextlib.suppress(OSError, NotFound):
            record = self.store.record(self.store.current(request.environment))
            path = reading.failure_path(self.store, record, self.stack)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_text(str(error), encoding="utf-8")

    def _note(self, name: str, request: ChangeRequest, record: Record) -> None:
        event = Event(
            action=request.action,
            generation=record.generation,
            actor=self.origin.actor,
            when=datetime.now(UTC),
            requested=request.asked,
            image=self.origin.image,
        )
        self.store.note(name, event)

    def _work(self, report: Report, cancelled: CancelledCheck) -> Work:
        policy = self.policy
        return Work(
            stack=self.stack,
            policy=policy,
            cache=self.layout.cache,
            indexes=policy.indexes,
            channels=policy.channels,
            report=report,
            cancelled=cancelled,
        )

    @contextlib.contextmanager
    def _leases(
        self, request: ChangeRequest, report: Report, cancelled: CancelledCheck
    ) -> Iterator[dict[str, lease.Lease]]:
        names = sorted({request.environment, getattr(request, "new_name", request.environment)})
        user = self.origin.actor.user
        with contextlib.ExitStack() as stack:
            held: dict[str, lease.Lease] = {}
            for name in names:
                report(Entered(Phase.WAITING, f"Reserving {name}."))
                held[name] = stack.enter_context(
                    lease.held(
                        self.layout.locks,
                        name,
                        request.action,
                        user=user,
                        wait=self.policy.lock_wait,
                        cancelled=cancelled,
                    )
                )
            yield held


def this_actor(environ: Mapping[str, str], interface: str) -> Actor:
    """Return who acts: the hub's user where there is a hub, else the system's."""
    user = environ.get("JUPYTERHUB_USER", "")
    if not user:
        try:
            user = pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            user = str(os.getuid())
    return Actor(user=user[:200], host=socket.gethostname(), interface=interface)


def _backends(policy: Policy) -> dict[Kind, Backend]:
    installer = Uv() if policy.installer == "uv" else Pip()
    return {Kind.OVERLAY: Overlay(installer), Kind.CONDA: Rattler()}


def _beating(cancelled: CancelledCheck, leases: Mapping[str, lease.Lease]) -> Callable[[], bool]:
    """Return a check for cancellation that also keeps the leases alive: it is asked all the time."""
    last = time.monotonic()

    def check() -> bool:
        nonlocal last
        if time.monotonic() - last > _HEARTBEAT:
            last = time.monotonic()
            for held in leases.values():
                held.renew()
        return cancelled()

    return check
