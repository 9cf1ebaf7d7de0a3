"""The effect of a script on environment variables, as data that can be kept and replayed."""

import os
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

# What a shell sets for itself, which says nothing about the script.
_OF_THE_SHELL = frozenset({"_", "OLDPWD", "PWD", "SHLVL"})


class Change(BaseModel):
    """What happened to the variables, so that it can be done again on another environment.

    Attributes
    ----------
    assigned
        Variables that got a value of their own.
    before, after
        What was put in front of, or behind, the value that a search path already had, with its separator left out.
    removed
        Variables that were unset.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    assigned: dict[str, str] = {}
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    removed: tuple[str, ...] = ()

    def applied(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return `environ` with the change made to it."""
        result = {name: value for name, value in environ.items() if name not in self.removed} | self.assigned
        for name in self.before.keys() | self.after.keys():
            parts = (self.before.get(name, ""), environ.get(name, ""), self.after.get(name, ""))
            result[name] = os.pathsep.join(part for part in parts if part)
        return result


def difference(old: Mapping[str, str], new: Mapping[str, str]) -> Change:
    """Return the change that makes `new` of `old`."""
    assigned, before, after = {}, {}, {}
    for name in new.keys() - _OF_THE_SHELL:
        value, previous = new[name], old.get(name)
        if value == previous:
            continue
        head, found, tail = value.partition(f"{os.pathsep}{previous}{os.pathsep}") if previous else ("", "", "")
        if previous and value.endswith(os.pathsep + previous):
            before[name] = value.removesuffix(os.pathsep + previous)
        elif previous and value.startswith(previous + os.pathsep):
            after[name] = value.removeprefix(previous + os.pathsep)
        elif found:
            before[name], after[name] = head, tail
        else:
            assigned[name] = value
    return Change(
        assigned=assigned,
        before=before,
        after=after,
        removed=tuple(sorted(old.keys() - new.keys() - _OF_THE_SHELL)),
    )
