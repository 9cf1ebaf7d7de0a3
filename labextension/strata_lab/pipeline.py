"""From a change to a plan: resolve, compare with what is there, size it up. Nothing is written into the home."""

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from strata_lab import judging, sizes
from strata_lab.backends.base import Backend, Problem, Resolution, Work
from strata_lab.environments import Action, Kind, Locked, Record
from strata_lab.errors import BackendFailed, Refused, Unsatisfiable
from strata_lab.guard import refusals
from strata_lab.intents import Aim
from strata_lab.plans import Effort, Plan, Shadowing
from strata_lab.progress import Entered, Phase

_REMEMBERED = 600.0


@dataclass(frozen=True, slots=True)
class Change:
    """What a plan is made for.

    Attributes
    ----------
    before
        The realisation that the new one is compared with; null for a new environment.
    locked
        What must be realised exactly, where a lock is given instead of an aim to be resolved.
    build
        Names that the user agrees to have built from source: even their metadata may need it.
    """

    environment: str
    action: Action
    aim: Aim
    before: Record | None = None
    locked: tuple[Locked, ...] | None = None
    build: frozenset[str] = frozenset()


@dataclass(slots=True)
class Planner:
    """Makes plans, and remembers resolutions for ten minutes so that an execution does what was shown."""

    backends: Mapping[Kind, Backend]
    root: Path
    _remembered: dict[tuple[object, ...], tuple[float, Resolution]] = field(default_factory=dict)

    def plan(self, change: Change, work: Work) -> Plan:
        """Return what a change would do.

        Raises
        ------
        Unsatisfiable
            If nothing fits, with the resolver's explanation and the user's choices.
        """
        work.report(Entered(Phase.RESOLVING, "Looking for versions that fit the stack."))
        resolution = self._resolve(change, work)
        after = resolution.packages
        added, upgraded, removed = judging.compared(change.before, after)
        shadows = judging.shadowing(after, work.stack) if change.aim.intent.kind is Kind.OVERLAY else []
        known = {(item.name, item.version) for item in change.before.locked} if change.before else set()
        fresh = [item for item in after if (item.name, item.version) not in known]
        looked_at = sizes.look(after, fresh, work, self.root)
        same = (
            change.before is not None
            and not (added or upgraded or removed)
            and change.aim.intent == change.before.intent
        )
        forced = change.action in {Action.REBUILD, Action.ADOPT, Action.CLONE, Action.CREATE, Action.IMPORT}
        plan = Plan(
            environment=change.environment,
            action=change.action,
            effort=Effort.NOTHING if same and not forced else Effort.BUILD,
            intent=change.aim.intent,
            resolved=looked_at.packages,
            added=tuple(item for item in looked_at.packages if item.name in {new.name for new in added}),
            upgraded=tuple(upgraded),
            removed=tuple(removed),
            satisfied=resolution.satisfied,
            shadowing=tuple(shadows),
            builds=tuple(item.name for item in fresh if item.from_source),
            clashes=looked_at.clashes,
            broken=tuple(judging.broken(after, work.stack)) if shadows else (),
            sizes=looked_at.sizes,
            conflict=resolution.conflict,
            choices=tuple(_choices(shadows)),
        )
        return plan.model_copy(update={"refusals": refusals(plan, work.policy)})

    def _resolve(self, change: Change, work: Work) -> Resolution:
        if change.locked is not None:
            return Resolution(tuple(sorted(change.locked, key=lambda item: item.name)))
        aim = change.aim
        key = (change.build, aim.intent, aim.preferred, aim.upgrade, work.stack.fingerprint, work.policy)
        when, known = self._remembered.get(key, (0.0, None))
        if known is not None and time.monotonic() - when < _REMEMBERED:
            return known
        resolution = self._ask(change, work)
        _same_files(change, resolution)
        self._remembered[key] = (time.monotonic(), resolution)
        return resolution

    def _ask(self, change: Change, work: Work) -> Resolution:
        aim, intent = change.aim, change.aim.intent
        backend = self.backends.get(intent.kind)
        if backend is None:
            raise Refused(f"This lab cannot make environments of kind {intent.kind}.")
        build = change.build | frozenset(intent.build) if work.policy.allow_builds else frozenset()
        problem = Problem(
            requirements=intent.requirements,
            preferred=aim.preferred,
            upgrade=aim.upgrade,
            build=build,
            shadow=frozenset(intent.shadow),
            python=intent.python,
        )
        if build:
            with contextlib.suppress(Unsatisfiable):
                return backend.resolve(replace(problem, build=frozenset()), work)
        try:
            return backend.resolve(problem, work)
        except Unsatisfiable as error:
            error.hint = f"{error.hint or 'Ask for another version.'}{_wheels(error, may=work.policy.allow_builds)}"
            raise


def _wheels(error: Unsatisfiable, *, may: bool) -> str:
    if "no usable wheels" not in str(error) and "no wheels" not in str(error):
        return ""
    if may:
        return " Some of it exists as source only: agree to build it by name, if you trust it to run its code here."
    return " Some of it exists as source only, and this lab does not build from source."


def _choices(shadows: list[Shadowing]) -> list[str]:
    return [
        f"Keep the stack's {item.name} {item.stack_version}: ask for an older version of what needs {item.name},"
        f" or agree to {item.new_version} in this environment only."
        for item in shadows
    ]


def _same_files(change: Change, resolution: Resolution) -> None:
    """Hold the index to the lock: a file that was locked must still have the bytes that it had."""
    locked = {(item.url or "").rpartition("/")[2]: item for item in change.aim.preferred if item.sha256}
    for item in resolution.packages:
        allowed = change.aim.hashes.get(item.pin)
        if allowed is not None and item.sha256 not in allowed:
            raise BackendFailed(
                f"The index offers {item.pin} with a hash that the file does not name.",
                hint="The file was made from another index, or for another platform.",
            )
        old = locked.get((item.url or "").rpartition("/")[2])
        if old is not None and old.version == item.version and old.sha256 != item.sha256:
            raise BackendFailed(
                f"The index now has other bytes for {item.pin} than were recorded.",
                hint="Somebody replaced a released file. Do not install it before that is explained.",
            )
