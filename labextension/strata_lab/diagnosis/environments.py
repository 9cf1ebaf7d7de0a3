"""Environments that do not work, and an image that cannot be protected."""

from collections.abc import Iterator

from strata_lab.diagnosis.subject import Subject
from strata_lab.findings import Finding, Severity
from strata_lab.protection import limits


def broken(subject: Subject) -> Iterator[Finding]:
    """Find environments, or the stack itself, whose kernel cannot start."""
    for kernel in subject.kernels.values():
        if kernel.reason:
            what = f"The environment {kernel.environment}" if kernel.environment else kernel.title
            hint = " Rebuild it: `strata rebuild`, or the button in Packages." if kernel.environment else ""
            yield Finding("environment", Severity.HARM, f"{what} cannot be used", f"{kernel.reason}{hint}")


def unprotected(subject: Subject) -> Iterator[Finding]:
    """Say what cannot be protected in this image."""
    for sentence in limits(subject.contract):
        yield Finding("image", Severity.NOTE, "What this image cannot protect", sentence)
