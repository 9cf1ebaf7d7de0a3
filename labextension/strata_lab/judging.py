"""What a resolution does to the stack and to the environment before it: the pure part of a plan."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from strata_lab.environments import Locked, Record
from strata_lab.plans import Broken, Dependent, Shadowing, Upgraded
from strata_lab.stack import Distribution, Stack


@dataclass(frozen=True, slots=True)
class Need:
    """One unconditional requirement, as it applies to an interpreter."""

    name: str
    text: str
    requirement: Requirement

    def met_by(self, version: str | None) -> bool:
        """Whether a version (null: nothing there) is what is needed."""
        if version is None:
            return False
        try:
            return self.requirement.specifier.contains(Version(version), prereleases=True)
        except InvalidVersion:
            return True


def needs(requires: Iterable[str], stack: Stack) -> list[Need]:
    """Return the requirements that apply to the stack's interpreter without any extra; unreadable ones are left out."""
    environment = {**default_environment(), "python_version": stack.minor, "python_full_version": stack.version}
    environment["extra"] = ""
    found = []
    for text in requires:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate(environment):  # type: ignore[arg-type]
            found.append(Need(canonicalize_name(requirement.name), text.split(";")[0].strip(), requirement))
    return found


def compared(before: Record | None, after: Iterable[Locked]) -> tuple[list[Locked], list[Upgraded], list[str]]:
    """Return what is added, what changes its version, and which names go."""
    old = {item.name: item for item in before.locked} if before else {}
    new = {item.name: item for item in after}
    added = [item for name, item in new.items() if name not in old]
    changed = [
        Upgraded(name=name, old=old[name].version, new=item.version)
        for name, item in new.items()
        if name in old and old[name].version != item.version
    ]
    return added, changed, sorted(old.keys() - new.keys())


def shadowing(after: Iterable[Locked], stack: Stack) -> list[Shadowing]:
    """Return which distributions of the stack would be replaced, and who in the stack asks for them."""
    found = []
    for item in after:
        there = stack.by_name.get(canonicalize_name(item.name))
        if there is not None and there.version != item.version:
            found.append(
                Shadowing(
                    name=item.name,
                    stack_version=there.version,
                    new_version=item.version,
                    dependents=tuple(dependents(item.name, item.version, stack)),
                )
            )
    return found


def dependents(name: str, version: str, stack: Stack) -> list[Dependent]:
    """Return the distributions of the stack that ask for a name, and whether a version of it is what they ask for."""
    return [
        Dependent(name=other.name, version=other.version, requirement=need.text, satisfied=need.met_by(version))
        for other in _askers(stack, name)
        for need in needs(other.requires, stack)
        if need.name == name
    ]


def broken(after: Iterable[Locked], stack: Stack) -> list[Broken]:
    """Return the distributions of the stack that a shadowing would leave without what they ask for."""
    new = {item.name for item in after}
    return [
        Broken(
            name=item.name,
            version=item.version,
            requirement=item.requirement,
            missing=shadow.name,
            found=shadow.new_version,
        )
        for shadow in shadowing(after, stack)
        for item in shadow.dependents
        if not item.satisfied and item.name not in new
    ]


def unmet(locked: Iterable[Locked], stack: Stack) -> list[Broken]:
    """Return the environment's own distributions whose requirements neither it nor the stack satisfies."""
    locked = list(locked)
    versions: Mapping[str, str] = {name: item.version for name, item in stack.by_name.items()} | {
        item.name: item.version for item in locked
    }
    found = []
    for item in locked:
        for need in needs(item.requires, stack):
            have = versions.get(need.name)
            if not need.met_by(have):
                found.append(
                    Broken(name=item.name, version=item.version, requirement=need.text, missing=need.name, found=have)
                )
    return found


def _askers(stack: Stack, name: str) -> Iterable[Distribution]:
    spelled = name.replace("-", "").lower()
    for item in stack.by_name.values():
        if any(spelled in text.replace("-", "").replace("_", "").replace(".", "").lower() for text in item.requires):
            yield item
