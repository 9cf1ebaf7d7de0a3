"""Questions about one environment that every interface asks."""

from strata_lab.environments import Record
from strata_lab.errors import NotFound
from strata_lab.operations import Operations
from strata_lab.provenance import Held, Why, why


def record(operations: Operations, name: str) -> Record:
    """Return the record of an environment's present generation.

    Raises
    ------
    NotFound
        If there is no such environment, or its record cannot be read.
    """
    found = operations.environment(name).record
    if found is None:
        raise NotFound(f"The record of {name!r} cannot be read.", hint="`strata doctor` says more.")
    return found


def why_in(operations: Operations, name: str, package: str) -> Why:
    """Return why a package is in an environment or in the stack under it.

    Raises
    ------
    NotFound
        If there is no such environment, or neither holds the package.
    """
    below = operations.stack.by_name.values()
    held = [Held(name=item.name, version=item.version, requires=item.requires) for item in below]
    return why(record(operations, name), held, package)
