"""Making the environment again that a notebook ran in."""

from strata_lab.backends.pylock import lock_text
from strata_lab.changes import ChangeRequest, Import
from strata_lab.environments import Kind, Status
from strata_lab.errors import Conflict
from strata_lab.operations import Operations
from strata_lab.provenance import NotebookOrigin

_TRIES = 100


def same_lock(operations: Operations, origin: NotebookOrigin) -> Status | None:
    """Return a usable environment that holds exactly what the notebook ran with, on the same stack, if there is one."""
    for status in operations.environments():
        if status.live is not None and status.record is not None and status.record.lock_hash == origin.lock:
            return status
    return None


def change_for(operations: Operations, origin: NotebookOrigin, name: str | None) -> ChangeRequest:
    """Return the change that makes the environment again, pinned and with hashes.

    Parameters
    ----------
    name
        Of the new environment; None for the notebook's own name, or that with a number where it is taken.

    Raises
    ------
    Conflict
        If no name is free.
    """
    taken = {status.name for status in operations.environments()}
    names = [name] if name else [origin.environment, *(f"{origin.environment[:36]}-{n}" for n in range(2, _TRIES))]
    free = next((candidate for candidate in names if candidate not in taken), None)
    if free is None:
        raise Conflict(f"There is already an environment called {names[0]}.", hint="Name another with --name.")
    if origin.intent.kind is Kind.CONDA:
        from strata_lab.backends.conda_lock import write_lock  # noqa: PLC0415 (conda only)

        return Import(environment=free, format="rattler-lock", text=write_lock(origin.locked))
    return Import(environment=free, format="pylock", text=lock_text(origin.locked))
