"""What the doctor finds."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Severity(StrEnum):
    """How much something hurts.

    ``harm`` breaks something now; ``risk`` will, where the lab is started less carefully or a name is imported;
    ``note`` is good to know.
    """

    HARM = "harm"
    RISK = "risk"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that hurts or will.

    Attributes
    ----------
    code
        Stable, for programs: which probe found it.
    title
        What it is, in a few words.
    explanation
        What it does, and what can be done.
    path
        What can be moved aside; None where nothing can.
    """

    code: str
    severity: Severity
    title: str
    explanation: str
    path: Path | None = None

    @property
    def identifier(self) -> str:
        """A name that is the same each time this is found."""
        told = f"{self.code}\0{self.path or self.title}"
        return f"{self.code}-{hashlib.sha256(told.encode(errors='surrogateescape')).hexdigest()[:8]}"
