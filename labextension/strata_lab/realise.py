"""Make a generation: build beside, verify, complete. What fails leaves nothing."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from strata_lab import __version__
from strata_lab.backends.base import Backend, Proof, Work
from strata_lab.environments import Actor, Intent, Kind, Locked, Record
from strata_lab.errors import VerificationFailed
from strata_lab.lease import Lease
from strata_lab.pipeline import Change
from strata_lab.plans import Consent, Plan
from strata_lab.progress import Entered, Phase, check
from strata_lab.store import Store, remove_tree
from strata_lab.untouched import untouched


@dataclass(frozen=True, slots=True)
class Origin:
    """Who makes generations here, and on which image."""

    actor: Actor
    image: str | None


@dataclass(frozen=True, slots=True)
class Realiser:
    """Turns plans into generations."""

    store: Store
    backends: Mapping[Kind, Backend]
    origin: Origin

    def make(
        self, change: Change, plan: Plan, consent: Consent, lease: Lease, work: Work, asked: tuple[str, ...]
    ) -> Record:
        """Return the record of a new, complete generation that no pointer names yet.

        Raises
        ------
        VerificationFailed
            If what was built does not work.
        """
        begun = time.monotonic()
        backend = self.backends[change.aim.intent.kind]
        folder = self.store.begin(lease)
        try:
            work.report(Entered(Phase.BUILDING, f"Installing {len(plan.resolved)} packages beside the present ones."))
            with untouched(work.stack):
                backend.build(folder, plan.resolved, work)
                check(work.cancelled)
                work.report(Entered(Phase.VERIFYING, "Importing what is new."))
                proof = backend.verify(folder, plan.resolved, self._changed(change, plan), work)
            _must_work(proof)
            check(work.cancelled)
            record = Record(
                environment=change.environment,
                generation=folder.name,
                serial=change.before.serial + 1 if change.before else 1,
                parent=change.before.generation if change.before else None,
                action=change.action,
                requested=asked,
                intent=agreed(change, plan, consent),
                locked=_with_origin(proof.locked or plan.resolved, work),
                stack=work.stack.identity(),
                image=self.origin.image,
                actor=self.origin.actor,
                created=datetime.now(UTC),
                seconds=round(time.monotonic() - begun, 3),
                size=proof.size,
                files=proof.files,
                indexes=tuple(index.url for index in work.indexes),
                channels=work.channels if change.aim.intent.kind is Kind.CONDA else (),
                tools={"strata": __version__, **backend.tools()},
                imports=proof.imports,
                notes=proof.notes[:20],
            )
            self.store.complete(record)
        except BaseException:
            remove_tree(folder)
            raise
        return record

    def _changed(self, change: Change, plan: Plan) -> frozenset[str]:
        """Return the names whose imports must be proved: all, unless the stack is the one of the generation before."""
        before = change.before
        if before is None or change.locked is not None:
            return frozenset(item.name for item in plan.resolved)
        old = {(item.name, item.version, item.sha256) for item in before.locked}
        new = {item.name for item in plan.resolved if (item.name, item.version, item.sha256) not in old}
        needing = {item.name for item in plan.resolved if any(_names(text) in plan.removed for text in item.requires)}
        return frozenset(new | needing)


def agreed(change: Change, plan: Plan, consent: Consent) -> Intent:
    """Return the intent with what was agreed to written into it, so that a rebuild need not ask again."""
    intent = change.aim.intent
    shadow = set(intent.shadow) | (consent.shadow & {item.name for item in plan.shadowing})
    build = set(intent.build) | (consent.build & set(plan.builds))
    return intent.model_copy(update={"shadow": tuple(sorted(shadow)), "build": tuple(sorted(build))})


def _must_work(proof: Proof) -> None:
    if proof.problems:
        raise VerificationFailed(
            " ".join(proof.problems[:5]), hint="The environment is as it was; ask for another version."
        )


def _with_origin(locked: tuple[Locked, ...], work: Work) -> tuple[Locked, ...]:
    only = work.indexes[0].url if len(work.indexes) == 1 else None
    return tuple(item if item.index or item.build else item.model_copy(update={"index": only}) for item in locked)


def _names(requirement: str) -> str:
    name = requirement
    for mark in " <>=!~[;(":
        name = name.split(mark, 1)[0]
    return name.lower().replace("_", "-").replace(".", "-")
