"""The environment that is there at first login, so that ``pip install`` has somewhere to go."""

from strata_lab.changes import Create
from strata_lab.environments import Record, checked_name
from strata_lab.errors import Conflict
from strata_lab.operations import Operations
from strata_lab.progress import Report, ignore


def ensure(operations: Operations, name: str, *, report: Report = ignore) -> Record | None:
    """Make an empty overlay of this name, unless the user has one, or had one and deleted it.

    Returns
    -------
    Record or None
        Of what was made; null if nothing was.

    Raises
    ------
    InvalidInput
        If the name cannot be one.
    """
    checked_name(name)
    if operations.store.exists(name) or any(item.name == name for item in operations.binned()):
        return None
    try:
        return operations.execute(Create(environment=name), report=report)
    except Conflict:
        # Another lab of this user was quicker.
        return None
