"""Find what hurts a lab or will, say so, and move it aside when asked, item by item."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from strata_lab import userview
from strata_lab.aside import Aside, Asides
from strata_lab.diagnosis import environments, jupyter, python, space
from strata_lab.diagnosis.subject import Subject
from strata_lab.errors import NotFound, Refused, StrataError
from strata_lab.findings import Finding, Severity
from strata_lab.kernel_catalogue import KernelCatalogue
from strata_lab.layout import Layout

_log = logging.getLogger(__name__)
_ORDER = (Severity.HARM, Severity.RISK, Severity.NOTE)
PROBES: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    space.full,
    environments.broken,
    jupyter.settings,
    python.shadowing_files,
    python.user_site,
    python.start_up_hooks,
    python.programs,
    python.variables,
    jupyter.configuration,
    jupyter.extensions,
    jupyter.dead_kernels,
    jupyter.ipython_files,
    python.set_up_script,
    python.installer_configuration,
    space.refilled,
    environments.unprotected,
)


class Doctor:
    """Looks at one home.

    Parameters
    ----------
    subject
        What is looked at.
    asides
        Where things are moved to.
    """

    def __init__(self, subject: Subject, asides: Asides) -> None:
        self._subject = subject
        self._asides = asides

    def examine(self) -> list[Finding]:
        """Return what was found, the worst first. A probe that fails is a finding, never the end of the examination."""
        found: list[Finding] = []
        for probe in PROBES:
            try:
                found.extend(probe(self._subject))
            except Exception as error:  # noqa: BLE001 - a home in any state must be examined to its end
                _log.warning("The probe %s failed", probe.__name__, exc_info=True)
                found.append(
                    Finding("examination", Severity.NOTE, f"{probe.__name__} could not be examined", f"{error}."[:300])
                )
        return sorted(found, key=lambda finding: _ORDER.index(finding.severity))

    def set_aside(self, identifier: str) -> Aside:
        """Move what one finding is about aside.

        Raises
        ------
        NotFound
            This is not found any more.
        Refused
            It is nothing that can be moved.
        NoSpace
            The home is full.
        """
        for finding in self.examine():
            if finding.identifier == identifier:
                if finding.path is None:
                    raise Refused(f"{finding.title}: this cannot be moved aside.", hint=finding.explanation)
                return self._asides.put(finding.path, f"{finding.title}. {finding.explanation}")
        raise NotFound(f"There is no finding {identifier[:60]!r}.", hint="Examine again.")

    def asides(self) -> list[Aside]:
        """Return what was moved aside, the newest first."""
        return self._asides.all()

    def restore(self, identifier: str) -> Aside:
        """Put one thing back.

        Raises
        ------
        NotFound
            Nothing of this name was moved aside.
        Conflict
            Something else is in its place.
        """
        return self._asides.restore(identifier)


def asides_of(environ: Mapping[str, str], root: Path | None = None) -> Asides:
    """Return what was moved aside in the home that `environ` names."""
    home = Path(environ.get("HOME") or Path("~").expanduser())
    return Asides((root or home / ".strata") / "aside", home)


def doctor_of(environ: Mapping[str, str] | None = None, catalogue: KernelCatalogue | None = None) -> Doctor:
    """Return the doctor of this lab.

    Parameters
    ----------
    environ
        The server's environment; by default this process's.
    catalogue
        The lab's kernels; by default looked up again.
    """
    environ = os.environ if environ is None else environ
    catalogue = KernelCatalogue(environ) if catalogue is None else catalogue
    names: frozenset[str] = frozenset()
    root = None
    if catalogue.contract is not None:
        try:
            root = Layout.of(catalogue.contract, environ).root
            names = frozenset(name.replace("-", "_") for name in catalogue.stack().by_name)
        except StrataError:
            _log.info("The stack cannot be described", exc_info=True)
    folder = environ.get("JUPYTER_SERVER_ROOT") or environ.get("JUPYTERHUB_ROOT_DIR") or ""
    subject = Subject(
        home=Path(environ.get("HOME") or Path("~").expanduser()),
        environ=userview.restored(environ),
        contract=catalogue.contract,
        kernels=catalogue.kernels(),
        names=names,
        folders=(Path(folder).expanduser(),) if folder else (),
    )
    return Doctor(subject, asides_of(environ, root))
