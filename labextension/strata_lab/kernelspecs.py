"""Kernel specifications made from what is there: no files that could go stale, be planted or be corrupted."""

import itertools
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel
from traitlets import Any as AnyTrait
from traitlets import default

from strata_lab import kernels

if TYPE_CHECKING:
    from strata_lab.kernel_catalogue import KernelCatalogue

PROGRAM = Path(__file__).with_name("kernel_main.py")
_RESOURCES = PROGRAM.parent / "resources"
_READ_LIMIT = 100_000
_WARM_AFTER = 1.0


class StrataKernelSpecManager(KernelSpecManager):
    """The stack's kernel, one for each environment, and those of the user's own that can start.

    Without an image contract it is Jupyter's own manager: there is no stack to keep the machinery's kernel apart from.
    """

    catalogue = AnyTrait(help="The `KernelCatalogue` of this lab, made when it is first asked for.")

    def __init__(self, **traits: Any) -> None:  # noqa: ANN401 - the signature of every configurable
        super().__init__(**traits)
        if "catalogue" not in traits:
            # The first look imports the engine and asks the stack's interpreter: after the start, before the page.
            warming = threading.Timer(_WARM_AFTER, self._warm)
            warming.daemon = True
            warming.start()

    def _warm(self) -> None:
        self.catalogue.kernels()

    @default("catalogue")
    def _make_catalogue(self) -> "KernelCatalogue":
        from strata_lab.kernel_catalogue import KernelCatalogue  # noqa: PLC0415 - no start of a server waits for it

        return KernelCatalogue(os.environ)

    def find_kernel_specs(self) -> dict[str, str]:
        """Return the folder of icons for each kernel that is offered, by name."""
        if self.catalogue.contract is None:
            return dict(super().find_kernel_specs())
        found = {name: str(self._resources(name)) for name in self.catalogue.kernels()}
        for name, folder in self._installed().items():
            found.setdefault(name, folder)
        return {name: where for name, where in found.items() if self._allowed(name)}

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return one specification.

        Raises
        ------
        NoSuchKernel
            There is none of this name.
        """
        if self.catalogue.contract is None:
            return super().get_kernel_spec(kernel_name)
        if not self._allowed(kernel_name):
            raise NoSuchKernel(kernel_name)
        kernel = self.catalogue.kernels().get(kernel_name)
        if kernel is None:
            folder = self._installed().get(kernel_name)
            if folder is None:
                raise NoSuchKernel(kernel_name)
            return self.kernel_spec_class.from_resource_dir(folder)
        content = kernels.specification(kernel, PROGRAM, isolated=not self.catalogue.activated)
        return self.kernel_spec_class(resource_dir=str(self._resources(kernel_name)), name=kernel_name, **content)

    def get_all_specs(self) -> dict[str, Any]:
        """Return every specification that can be read, with its folder."""
        if self.catalogue.contract is None:
            return dict(super().get_all_specs())
        result = {}
        for name, folder in self.find_kernel_specs().items():
            try:
                result[name] = {"resource_dir": folder, "spec": self.get_kernel_spec(name).to_dict()}
            except NoSuchKernel:
                continue
        return result

    def _allowed(self, name: str) -> bool:
        return not self.allowed_kernelspecs or name in self.allowed_kernelspecs

    def _resources(self, name: str) -> Path:
        """Return the folder of a kernel's icons; the stack's own, where it brings them."""
        kernel = self.catalogue.kernels().get(name)
        if kernel is not None:
            own = kernel.python.parent.parent / "share" / "jupyter" / "kernels" / "python3"
            if own.is_dir():
                return own
        return _RESOURCES

    def _installed(self) -> dict[str, str]:
        """Return the folders of kernels that the image or the user installed and that can start, by name."""
        folders = [Path(folder) for folder in self.kernel_dirs]
        home = os.environ.get("HOME", "")
        if home and not self.catalogue.safe:
            folders.append(Path(home, ".local", "share", "jupyter", "kernels"))
        found: dict[str, str] = {}
        for place in itertools.chain.from_iterable(_entries(folder) for folder in folders):
            name = place.name.lower()
            if name not in found and name != kernels.STACK_KERNEL and startable(place):
                found[name] = str(place)
        return found


def startable(folder: Path) -> bool:
    """Say whether a folder holds a kernel specification whose program is there."""
    try:
        with (folder / "kernel.json").open(encoding="utf-8") as stream:
            content = json.loads(stream.read(_READ_LIMIT))
    except (OSError, ValueError):
        return False
    if not isinstance(content, Mapping) or not isinstance(content.get("display_name"), str):
        return False
    argv = content.get("argv")
    if not isinstance(argv, list) or not argv or not all(isinstance(word, str) for word in argv):
        return False
    return not Path(argv[0]).is_absolute() or os.access(argv[0], os.X_OK)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
