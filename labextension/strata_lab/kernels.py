"""What the kernels of a lab are: the stack's own, and one per environment.

Pure: what is read here was read from disk by others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STACK_KERNEL = "python3"
PREFIX = "strata-"
# What `pip install` in a terminal or in the stack's own kernel changes.
DEFAULT_ENVIRONMENT = "default"
PROVISIONER = "strata-provisioner"
# What a kernel's program is told; kernel_main.py repeats these names.
FOLDER_VARIABLE = "STRATA_KERNEL_FOLDER"
NOTICE_VARIABLE = "STRATA_KERNEL_NOTICE"
PIP_VARIABLE = "STRATA_PIP"
STARTING = "starting"
TRIAL = "trial.json"


@dataclass(frozen=True, slots=True)
class Kernel:
    """One kernel that is offered, or shown with the reason why it cannot be started.

    Attributes
    ----------
    name
        The name of its specification.
    title
        What a user reads: the environment and the stack.
    python
        Absolute path of its interpreter.
    environment
        The environment's name; None for the stack's own kernel.
    generation
        The generation that was live when this was made.
    lock_hash
        Hash of what that generation holds.
    prefix
        Folder of the environment that comes before the stack; None for the stack's own kernel.
    own_prefix
        Whether the environment is a prefix of its own (conda), which needs no activation of the stack.
    reason
        Why it cannot be started; empty when it can.
    """

    name: str
    title: str
    python: Path
    environment: str | None = None
    generation: str | None = None
    lock_hash: str | None = None
    prefix: Path | None = None
    own_prefix: bool = False
    reason: str = ""


def kernel_name(environment: str) -> str:
    """Return the name of an environment's kernel specification."""
    return f"{PREFIX}{environment}"


def specification(kernel: Kernel, program: Path, *, isolated: bool) -> dict[str, Any]:
    """Return the content of a kernel specification.

    Parameters
    ----------
    kernel
        What it is for.
    program
        Path of ``kernel_main.py``.
    isolated
        Whether the interpreter ignores PYTHON variables. Not for a stack that lives on PYTHONPATH.
    """
    flags = ["-E", "-s"] if isolated else ["-s"]
    title = f"{kernel.title} (cannot start)" if kernel.reason else kernel.title
    return {
        "argv": [str(kernel.python), *flags, str(program), "-f", "{connection_file}"],
        "display_name": title,
        "language": "python",
        "interrupt_mode": "signal",
        "env": {},
        "metadata": {
            "debugger": True,
            "kernel_provisioner": {"provisioner_name": PROVISIONER},
            "strata": {
                "disabled": kernel.reason or None,
                "environment": kernel.environment,
                "generation": kernel.generation,
                "lock": kernel.lock_hash,
                "own_prefix": kernel.own_prefix,
            },
        },
    }


def first_on_path(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return `environ` with a folder of modules in front of PYTHONPATH, where activation has put the stack."""
    rest = environ.get("PYTHONPATH", "")
    return {**environ, "PYTHONPATH": f"{folder}:{rest}" if rest else str(folder)}
