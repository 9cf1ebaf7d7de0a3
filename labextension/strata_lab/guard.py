"""The judgement that every change passes, in the one function that executes it."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from strata_lab.errors import ConsentNeeded, NoSpace, Refused
from strata_lab.image_contract import MACHINERY_NAMES, ImageContract, Index
from strata_lab.plans import Consent, Plan


class Policy(BaseModel):
    """What the admin of a deployment allows.

    Attributes
    ----------
    machinery
        Canonical names that no environment may hold.
    indexes, channels
        The only places that packages may come from; the first that knows a name owns it.
    allow_builds
        Whether a user may agree to building from source (which runs the package's code).
    allow_link_scripts
        Whether conda packages may run scripts when they are linked.
    keep_generations
        How many generations of an environment can be gone back to.
    bin_days
        How long a deleted environment can be restored.
    quota
        Bytes that the environments of a user may take; null for what the file system gives.
    lock_wait
        Seconds to wait for another operation on the same environment.
    resolve_timeout, build_timeout
        Seconds after which an installer is stopped.
    installer
        ``uv`` or ``pip``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    machinery: frozenset[str] = frozenset(MACHINERY_NAMES)
    indexes: tuple[Index, ...] = ()
    channels: tuple[str, ...] = ()
    allow_builds: bool = False
    allow_link_scripts: bool = False
    keep_generations: int = Field(default=5, ge=1, le=100)
    bin_days: float = Field(default=30, ge=0)
    quota: int | None = Field(default=None, ge=0)
    lock_wait: float = Field(default=30, ge=0)
    resolve_timeout: float = Field(default=300, gt=0)
    build_timeout: float = Field(default=3600, gt=0)
    installer: str = Field(default="uv", pattern=r"^(uv|pip)$")

    @classmethod
    def of(cls, contract: ImageContract, **settings: object) -> Self:
        """Return the policy of an image, with a deployment's own settings on top."""
        told = {"machinery": contract.machinery.names, "indexes": contract.indexes, "channels": contract.channels}
        return cls.model_validate(told | settings)


def refusals(plan: Plan, policy: Policy) -> tuple[str, ...]:
    """Return why a plan is forbidden whatever the user says, as sentences."""
    found = [
        f"{name} belongs to the lab's own machinery and cannot be part of an environment."
        for name in sorted(policy.machinery & {item.name for item in plan.resolved})
    ]
    found += [
        f"{clash.owners[0]} and {clash.owners[1]} both bring {clash.paths[0]} ({clash.count} files in all)."
        for clash in plan.clashes
    ]
    if plan.builds and not policy.allow_builds:
        found.append(f"{', '.join(plan.builds)} would have to be built from source, which this lab does not allow.")
    return tuple(found)


def judge(plan: Plan, consent: Consent, policy: Policy) -> None:
    """Let a plan pass, or say why not.

    Raises
    ------
    Refused
        If policy forbids it.
    ConsentNeeded
        If it has effects that were not agreed to, or is no longer the plan that was agreed to.
    NoSpace
        If the result would not fit.
    """
    forbidden = plan.refusals or refusals(plan, policy)
    if forbidden:
        raise Refused(" ".join(forbidden), hint=" ".join(plan.choices))
    if consent.plan is not None and consent.plan != plan.digest:
        raise ConsentNeeded("The plan has changed since it was agreed to.", hint="Look at the new plan.")
    _agreed(plan, consent)
    sizes = plan.sizes
    if sizes.disk is not None and sizes.free is not None and sizes.disk > sizes.free:
        raise NoSpace(
            f"This needs {_megabytes(sizes.disk)} and {_megabytes(sizes.free)} are free.",
            hint="Delete an environment, or empty the bin.",
        )


def _agreed(plan: Plan, consent: Consent) -> None:
    allowed_shadow = consent.shadow | frozenset(plan.intent.shadow if plan.intent else ())
    accepted = frozenset(plan.intent.shadow if plan.intent else ())
    allowed_build = consent.build | frozenset(plan.intent.build if plan.intent else ())
    shadow = [item for item in plan.shadowing if item.name not in allowed_shadow]
    build = [name for name in plan.builds if name not in allowed_build]
    broken = [item for item in plan.broken if item.name not in consent.broken and item.missing not in accepted]
    sentences = [f"{item.name} {item.new_version} would replace the stack's {item.stack_version}." for item in shadow]
    sentences += [f"{name} would be built from source, which runs its code." for name in build]
    sentences += [f"{item.name} {item.version} would stop working: it needs {item.requirement}." for item in broken]
    if sentences:
        raise ConsentNeeded(
            " ".join(sentences), hint=" ".join(plan.choices) or "Agree to the plan, or change what you ask for."
        )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
