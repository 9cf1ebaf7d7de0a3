"""The kernels that this lab offers, found again whenever an environment was switched."""

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from strata_lab import activation, kernels
from strata_lab.environments import Kind, State, Status
from strata_lab.errors import StrataError
from strata_lab.image_contract import ImageContract, contract_path, load
from strata_lab.kernels import Kernel
from strata_lab.layout import Layout
from strata_lab.operations import Operations
from strata_lab.stack import Stack, describe

_log = logging.getLogger(__name__)
_NO_IPYKERNEL = "{} has no ipykernel, which a notebook needs to talk to it."


class KernelCatalogue:
    """Makes `Kernel` values of the contract and of the live environments, and remembers them while nothing is switched.

    Parameters
    ----------
    environ
        The server's environment.
    operations
        Makes the engine of the stack at hand; by default the real one.
    """

    def __init__(
        self, environ: Mapping[str, str], operations: Callable[[Layout, Stack], Operations] = Operations
    ) -> None:
        self._environ = environ
        self._operations = operations
        self._lock = threading.Lock()
        self._known: tuple[object, dict[str, Kernel]] | None = None
        self._stack: Stack | None = None
        self.safe = environ.get("STRATA_SAFE_MODE") == "1"
        self.contract: ImageContract | None = None
        self.problem = ""
        if contract_path(environ).exists():
            try:
                self.contract = load(contract_path(environ))
            except StrataError as error:
                self.problem = error.sentence()

    @property
    def activated(self) -> bool:
        """Whether the stack lives on variables, so that its interpreter must not ignore them."""
        return self.contract is not None and bool(activation.scripts(self.contract))

    def kernels(self) -> dict[str, Kernel]:
        """Return the kernels by name, the stack's first. Reads one link per environment when nothing has changed."""
        if self.contract is None:
            return {}
        with self._lock:
            state = self._state()
            if self._known is None or self._known[0] != state:
                self._known = (state, self._look())
            return dict(self._known[1])

    def stack(self) -> Stack:
        """Return the stack at hand.

        Raises
        ------
        StackUnusable
            It cannot be activated or described.
        """
        if self._stack is None:
            contract = self.contract or load(contract_path(self._environ))
            layout = Layout.of(contract, self._environ)
            variables = activation.environment(contract, self._environ)
            self._stack = describe(contract, layout.cache, environ=variables)
        return self._stack

    def _state(self) -> object:
        """Return what changes when an environment is made, switched, renamed or deleted."""
        if self.contract is None or self.safe:
            return None
        found: list[tuple[str, str]] = []
        with contextlib.suppress(StrataError, OSError):
            layout = Layout.of(self.contract, self._environ)
            for folder in sorted(layout.environments.iterdir()):
                with contextlib.suppress(OSError):
                    found.append((folder.name, str(layout.current(folder.name).readlink())))
        return found

    def _look(self) -> dict[str, Kernel]:
        contract = self.contract
        if contract is None:
            return {}
        title = contract.stack.title
        own = Kernel(kernels.STACK_KERNEL, title, contract.stack.python)
        try:
            stack = self.stack()
        except StrataError as error:
            return {own.name: Kernel(own.name, title, own.python, reason=error.sentence())}
        if "ipykernel" not in stack.by_name:
            own = Kernel(own.name, title, own.python, reason=_NO_IPYKERNEL.format(title))
        found = {own.name: own}
        if self.safe:
            return found
        layout = Layout.of(contract, self._environ)
        try:
            for status in self._operations(layout, stack).environments():
                kernel = environment_kernel(status, layout, own)
                found[kernel.name] = kernel
        except Exception:  # noqa: BLE001 - whatever is wrong with them, the stack's own kernel must be offered
            _log.exception("The environments cannot be listed")
        return found


def environment_kernel(status: Status, layout: Layout, own: Kernel) -> Kernel:
    """Return the kernel of one environment.

    Parameters
    ----------
    status
        The environment, judged against the stack at hand.
    layout
        Where its generations are.
    own
        The stack's kernel, whose fault is an overlay's fault too.
    """
    prefix = layout.current(status.name)
    live = status.live
    with contextlib.suppress(OSError):
        # An earlier realisation of the same intent may be the one that fits today's stack.
        if live is not None and prefix.readlink().name != live:
            prefix = layout.generation(live)
    conda = status.record is not None and status.record.intent.kind is Kind.CONDA
    title = f"{status.name} — {own.title}"
    reason = ""
    if live is None or status.state is not State.GOOD:
        reason = " ".join(status.reasons) or f"The environment {status.name} does not fit {own.title}."
    elif conda and not any(prefix.glob("lib/python3*/site-packages/ipykernel")):
        reason = _NO_IPYKERNEL.format(f"The environment {status.name}")
    elif not conda:
        reason = own.reason
    return Kernel(
        name=kernels.kernel_name(status.name),
        title=title,
        python=prefix / "bin" / "python",
        environment=status.name,
        generation=live,
        lock_hash=status.record.lock_hash if status.record is not None else None,
        prefix=prefix,
        own_prefix=conda,
        reason=reason,
    )


def site_packages(prefix: Path) -> Path | None:
    """Return the folder of modules of a prefix, or None where there is none."""
    return next(iter(sorted(prefix.glob("lib/python3*/site-packages"))), None)
