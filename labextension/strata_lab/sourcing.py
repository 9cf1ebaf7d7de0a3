"""Source shell scripts, one after the other in one shell, and read the environment after each."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from strata_lab.errors import StackUnusable

_MARK = b"\0\0strata\0\0"


@dataclass(frozen=True, slots=True)
class Script:
    """One file to source, with its arguments."""

    path: Path
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sourced:
    """What a shell did.

    Attributes
    ----------
    phases
        The exported variables after each script that came to its end.
    complaints
        Standard error of all, and standard output of the scripts.
    timed_out
        Whether the shell was stopped.
    """

    phases: tuple[dict[str, str], ...]
    complaints: str
    timed_out: bool = False


def source(scripts: Sequence[Script], environ: Mapping[str, str], *, timeout: float) -> Sourced:
    """Source `scripts` in one bash.

    Parameters
    ----------
    scripts
        In order; one that calls ``exit`` ends all.
    environ
        The environment of the shell.
    timeout
        Seconds, for all together.

    Raises
    ------
    StackUnusable
        There is no bash, or no ``env``, in the image.
    """
    bash, printer = shutil.which("bash", path=os.defpath), shutil.which("env", path=os.defpath)
    if bash is None or printer is None:
        raise StackUnusable("A stack with activation needs bash and env, which this image lacks.")
    report = f"__strata_report() {{ {printer} -0 >&9; printf '\\0\\0strata\\0\\0' >&9; }}"
    steps = [f"{shlex.join(['source', str(one.path), *one.arguments])}\n__strata_report" for one in scripts]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(  # noqa: S603 - bash by absolute path, each word quoted
            [bash, "--noprofile", "--norc", "-c", "\n".join(["exec 9>&1 1>&2", report, *steps])],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=complaints,
            env=dict(environ),
            cwd="/",
            start_new_session=True,
        )
        timed_out = False
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        complaints.seek(0)
        return Sourced(_phases(output.read()), complaints.read().decode(errors="replace"), timed_out)


def _phases(output: bytes) -> tuple[dict[str, str], ...]:
    """Parse what ``env -0`` printed after each script; text after the last mark belongs to none."""
    return tuple(
        {
            name.decode(errors="surrogateescape"): value.decode(errors="surrogateescape")
            for name, found, value in (entry.partition(b"=") for entry in phase.split(b"\0"))
            if found and name
        }
        for phase in output.split(_MARK)[:-1]
    )
