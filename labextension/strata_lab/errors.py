"""What can go wrong in strata-lab.

::

    StrataError                      error
    ├── InvalidInput                 input
    ├── NotFound                     not_found
    ├── Conflict                     conflict
    │   ├── Busy                     conflict.busy
    │   └── Unsatisfiable            conflict.unsatisfiable
    ├── Refused                      refused
    │   └── ConsentNeeded            refused.consent
    ├── NoSpace                      no_space
    ├── BackendFailed                backend
    ├── VerificationFailed           verification
    ├── StackUnusable                stack
    └── Cancelled                    cancelled

Each class carries a stable ``code`` for programs; ``str(error)`` is one sentence for people, ``hint`` what to do.
"""

from typing import ClassVar


class StrataError(Exception):
    """Root of every error that strata-lab raises on purpose.

    Parameters
    ----------
    message
        One sentence: what failed, and why.
    hint
        What the reader can do about it, or an empty string.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def sentence(self) -> str:
        """Return the message and the hint as one line of text."""
        return f"{self} {self.hint}".strip()


class InvalidInput(StrataError):
    """A name, requirement or request body has the wrong form."""

    code = "input"
    status = 400


class NotFound(StrataError):
    """There is no such environment, generation or job."""

    code = "not_found"
    status = 404


class Conflict(StrataError):
    """The request does not fit the present state."""

    code = "conflict"
    status = 409


class Busy(Conflict):
    """Another operation holds the environment."""

    code = "conflict.busy"


class Unsatisfiable(Conflict):
    """The resolver found no set of versions that fits the stack."""

    code = "conflict.unsatisfiable"


class Refused(StrataError):
    """Policy forbids the change."""

    code = "refused"
    status = 403


class ConsentNeeded(Refused):
    """The plan has effects that must be agreed to first."""

    code = "refused.consent"
    status = 409


class NoSpace(StrataError):
    """The disk or the quota does not hold what the plan needs."""

    code = "no_space"
    status = 507


class BackendFailed(StrataError):
    """An installer failed, or left something that cannot be read."""

    code = "backend"
    status = 502


class VerificationFailed(StrataError):
    """The new generation does not work, so it was not switched in."""

    code = "verification"


class StackUnusable(StrataError):
    """The image's stack cannot be described or activated."""

    code = "stack"


class Cancelled(StrataError):
    """The operation was cancelled before it switched anything."""

    code = "cancelled"
    status = 409
