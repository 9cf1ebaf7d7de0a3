"""The one place that puts an `Operations` together from the image at hand."""

from pathlib import Path

from strata_lab import activation, image_contract, stack
from strata_lab.guard import Policy
from strata_lab.layout import Layout
from strata_lab.operations import Operations


def environments_folder() -> Path:
    """Return the folder whose entries are the environments."""
    return Layout.of(image_contract.load()).environments


def open_operations(interface: str) -> Operations:
    """Return the operations on this user's environments.

    Parameters
    ----------
    interface
        Through what the user acts: ``command``, ``server`` or ``python``; it is recorded.

    Raises
    ------
    StackUnusable
        If the image does not say where its stack is, or the stack cannot be asked.
    """
    contract = image_contract.load()
    layout = Layout.of(contract)
    found = stack.describe(contract, layout.cache, environ=activation.environment(contract))
    return Operations(layout, found, Policy.of(contract), interface=interface)
