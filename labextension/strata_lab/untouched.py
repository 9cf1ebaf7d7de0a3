"""Proof that an operation left stack and machinery as they were: what lies in their folders, before and after."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from strata_lab.errors import VerificationFailed
from strata_lab.stack import Stack


def taken(stack: Stack) -> Mapping[str, frozenset[str]]:
    """Return the names in the folders of distributions and programs; compiled files may come and go."""
    places = [*map(Path, stack.path), stack.executable.parent]
    if stack.contract is not None:
        machinery = stack.contract.machinery.prefix
        places += [machinery / "bin", *machinery.glob("lib/python3*/site-packages")]
    found = {}
    for place in places:
        try:
            found[os.fspath(place)] = frozenset(os.listdir(place)) - {"__pycache__"}  # noqa: PTH208 - names only
        except OSError:
            continue
    return found


@contextmanager
def untouched(stack: Stack) -> Iterator[None]:
    """Fail if a block changes the stack or the machinery.

    Raises
    ------
    VerificationFailed
        Naming the first folder that changed.
    """
    before = taken(stack)
    yield
    after = taken(stack)
    changed = sorted(place for place in before.keys() | after.keys() if before.get(place) != after.get(place))
    if changed:
        raise VerificationFailed(
            f"{changed[0]} changed during the operation, which is not part of any environment.",
            hint="The environment is as it was. Tell the people who run this lab.",
        )
