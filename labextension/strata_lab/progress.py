"""What an operation tells while it runs."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from strata_lab.errors import Cancelled


class Phase(StrEnum):
    """The steps of an operation, in order."""

    WAITING = "waiting"
    RESOLVING = "resolving"
    JUDGING = "judging"
    BUILDING = "building"
    VERIFYING = "verifying"
    SWITCHING = "switching"
    SWEEPING = "sweeping"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Entered:
    """A phase has begun."""

    phase: Phase
    sentence: str


@dataclass(frozen=True, slots=True)
class Line:
    """An installer printed something."""

    text: str


@dataclass(frozen=True, slots=True)
class Amount:
    """Bytes done, of a total that may be unknown."""

    phase: Phase
    done: int
    total: int | None


Progress = Entered | Line | Amount
Report = Callable[[Progress], None]
CancelledCheck = Callable[[], bool]


def ignore(_event: Progress) -> None:
    """Report to nobody."""


def never() -> bool:
    """Never cancel."""
    return False


def check(cancelled: CancelledCheck) -> None:
    """Raise :exc:`~strata_lab.errors.Cancelled` if somebody asked for it."""
    if cancelled():
        raise Cancelled("The operation was cancelled; nothing has changed.")
