"""A plan, told to a person."""

from collections.abc import Iterator

from strata_lab.cli.output import size
from strata_lab.plans import Effort, Plan, Sizes

_SHOWN = 12


def _some(items: list[str]) -> str:
    more = len(items) - _SHOWN
    return ", ".join(items[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _sizes(sizes: Sizes) -> Iterator[str]:
    if sizes.download is not None:
        yield f"download {size(sizes.download)}"
    if sizes.disk is not None:
        yield f"{'' if sizes.exact else 'about '}{size(sizes.disk)} on disk"
    if sizes.free is not None:
        yield f"{size(sizes.free)} free"


def lines(plan: Plan) -> Iterator[str]:
    """Yield what a plan would do, one matter per line, the harmless first."""
    yield f"Plan for {plan.environment} ({plan.action}):"
    if plan.effort is Effort.NOTHING and not plan.refusals:
        yield "  nothing to do"
    if plan.added:
        yield f"  adds {len(plan.added)}: {_some([f'{item.name} {item.version}' for item in plan.added])}"
    if plan.upgraded:
        yield f"  changes {_some([f'{item.name} {item.old} to {item.new}' for item in plan.upgraded])}"
    if plan.removed:
        yield f"  removes {_some(list(plan.removed))}"
    if plan.satisfied:
        yield f"  in the stack already: {_some(list(plan.satisfied))}"
    told = ", ".join(_sizes(plan.sizes))
    if told and plan.effort is Effort.BUILD:
        yield f"  {told}"
    yield from _warnings(plan)


def _warnings(plan: Plan) -> Iterator[str]:
    for shadow in plan.shadowing:
        versions = f"{shadow.stack_version} with {shadow.new_version}"
        yield f"  REPLACES the stack's {shadow.name} {versions} in this environment"
        for dependent in shadow.dependents:
            if not dependent.satisfied:
                yield f"    {dependent.name} {dependent.version} (stack) was made for {dependent.requirement}"
    for name in plan.builds:
        yield f"  BUILDS {name} from source, which runs its code"
    for clash in plan.clashes:
        owners = " and ".join(clash.owners)
        yield f"  CLASH: {owners} both bring {_some(list(clash.paths[:1]))} ({clash.count} files)"
    for broken in plan.broken:
        missed = f"it needs {broken.requirement}, would find {broken.found or 'nothing'}"
        yield f"  BREAKS {broken.name} {broken.version}: {missed}"
    if plan.conflict:
        yield f"  {plan.conflict}"
    yield from (f"  REFUSED: {sentence}" for sentence in plan.refusals)
    yield from (f"  You can: {choice}" for choice in plan.choices)
