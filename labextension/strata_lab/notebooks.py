"""What a notebook is told, when it is saved, of the environment that it ran in."""

from collections.abc import Callable
from typing import Any

from strata_lab.kernels import PREFIX

KEY = "strata"
Origin = Callable[[str], dict[str, Any] | None]


def kernel_of(notebook: object) -> str | None:
    """Return the kernel of an environment that a notebook ran with.

    None for another kernel, for a notebook in which nothing ran, and for one whose metadata says ``"strata": false``.
    """
    if not isinstance(notebook, dict):
        return None
    metadata, cells = notebook.get("metadata"), notebook.get("cells")
    if not isinstance(metadata, dict) or not isinstance(cells, list) or metadata.get(KEY) is False:
        return None
    kernel = metadata.get("kernelspec")
    name = kernel.get("name") if isinstance(kernel, dict) else None
    ran = any(isinstance(cell, dict) and cell.get("execution_count") for cell in cells)
    return name if ran and isinstance(name, str) and name.startswith(PREFIX) else None


def stamp(model: dict[str, Any], origin: Origin) -> None:
    """Write where it ran into a notebook that is about to be saved.

    Parameters
    ----------
    model
        What Jupyter's contents manager saves.
    origin
        Returns the note for a kernel, or None where nothing is known.
    """
    notebook = model.get("content")
    kernel = kernel_of(notebook) if model.get("type") == "notebook" else None
    if kernel is None or not isinstance(notebook, dict):
        return
    found = origin(kernel)
    if found is not None:
        notebook["metadata"][KEY] = found
