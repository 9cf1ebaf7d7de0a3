"""Exit codes of the command, which scripts rely on."""

from enum import IntEnum

from strata_lab.errors import (
    Cancelled,
    Conflict,
    ConsentNeeded,
    InvalidInput,
    NoSpace,
    NotFound,
    Refused,
    StrataError,
)


class Exit(IntEnum):
    """How a command ended."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    CONSENT = 3
    CONFLICT = 4
    REFUSED = 5
    NOT_FOUND = 6
    NO_SPACE = 7
    CANCELLED = 130


# The first class that matches decides, so a class stands before its parents.
_BY_ERROR: tuple[tuple[type[StrataError], Exit], ...] = (
    (InvalidInput, Exit.USAGE),
    (ConsentNeeded, Exit.CONSENT),
    (Refused, Exit.REFUSED),
    (Conflict, Exit.CONFLICT),
    (NotFound, Exit.NOT_FOUND),
    (NoSpace, Exit.NO_SPACE),
    (Cancelled, Exit.CANCELLED),
)


def exit_for(error: StrataError) -> Exit:
    """Return the exit code that tells an error."""
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), Exit.FAILED)


def explanation() -> str:
    """Return the table of the codes for the help text."""
    meaning = {
        Exit.DONE: "done",
        Exit.FAILED: "failed",
        Exit.USAGE: "wrong usage or input",
        Exit.CONSENT: "consent needed (--yes, or --shadow and the like)",
        Exit.CONFLICT: "conflict: busy, exists already, or no versions fit",
        Exit.REFUSED: "refused by policy",
        Exit.NOT_FOUND: "no such environment or package",
        Exit.NO_SPACE: "not enough space",
        Exit.CANCELLED: "cancelled (Ctrl-C)",
    }
    return "\n".join(f"  {code:>3}  {text}" for code, text in meaning.items())
