"""The one place that starts a child process: argument lists, a clean environment, its own group, cancellable."""

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from strata_lab.errors import BackendFailed, Cancelled
from strata_lab.progress import CancelledCheck, never

_KEPT = (
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "TZ",
)
_LIMIT = 4_000_000
_POLL = 0.05
_GRACE = 2.0


@dataclass(frozen=True, slots=True)
class Finished:
    """How a child ended; its output, each stream's first 4 MB."""

    code: int
    stdout: str
    stderr: str


def clean_environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment in which nothing that the user planted speaks.

    Parameters
    ----------
    home
        A private folder without configuration, given as HOME.
    extra
        Further variables.
    """
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return (
        {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "TMPDIR": str(home),
            "PYTHONNOUSERSITE": "1",
            "NETRC": os.devnull,
        }
        | kept
        | dict(extra or {})
    )


def run(
    argv: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    cwd: Path,
    timeout: float,
    cancelled: CancelledCheck = never,
    on_line: Callable[[str], None] | None = None,
) -> Finished:
    """Run a program to its end.

    The child leads a process group, which is killed when the caller cancels, when the time is over, and (where the
    system has ``setpriv``) when this process dies, so that no installer writes on behind the back of the next one.

    Parameters
    ----------
    timeout
        Seconds.
    on_line
        Called with each line of standard error as it comes.

    Raises
    ------
    Cancelled
        If ``cancelled()`` became true; the group is dead by then.
    BackendFailed
        If the program cannot be started or does not end in time.
    """
    words = [os.fspath(word) for word in argv]
    dies_with_us = shutil.which("setpriv", path="/usr/bin:/bin")
    if dies_with_us:
        words = [dies_with_us, "--pdeathsig", "KILL", "--", *words]
    try:
        child = subprocess.Popen(  # noqa: S603 - an argument list, no shell
            words,
            env=dict(environment),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise BackendFailed(f"{Path(words[0]).name} cannot be started: {error}.") from error
    try:
        stdout, stderr = _collect(child, time.monotonic() + timeout, cancelled, on_line)
        return Finished(child.wait(), stdout, stderr)
    finally:
        _end(child)


def _collect(
    child: "subprocess.Popen[bytes]", deadline: float, cancelled: CancelledCheck, on_line: Callable[[str], None] | None
) -> tuple[str, str]:
    assert child.stdout is not None  # noqa: S101 - both are pipes
    assert child.stderr is not None  # noqa: S101
    heard = {child.stdout.fileno(): bytearray(), child.stderr.fileno(): bytearray()}
    error_stream, spoken = child.stderr.fileno(), 0
    with selectors.DefaultSelector() as selector:
        for number in heard:
            selector.register(number, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select(_POLL):
                data = os.read(key.fd, 65536)
                if not data:
                    selector.unregister(key.fd)
                elif len(heard[key.fd]) < _LIMIT:
                    heard[key.fd] += data
            if on_line is not None:
                spoken = _speak(heard[error_stream], spoken, on_line)
            if cancelled():
                raise Cancelled("The operation was cancelled; nothing has changed.")
            if time.monotonic() > deadline:
                raise BackendFailed("The installer took too long and was stopped.", hint="Try again later.")
    out, err = (bytes(stream).decode(errors="replace") for stream in heard.values())
    return out, err


def _speak(stream: bytearray, spoken: int, on_line: Callable[[str], None]) -> int:
    end = stream.rfind(b"\n")
    if end < spoken:
        return spoken
    for line in bytes(stream[spoken:end]).decode(errors="replace").splitlines():
        if line.strip():
            on_line(line.rstrip())
    return end + 1


def _end(child: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(_GRACE)
    for stream in (child.stdout, child.stderr):
        if stream is not None:
            stream.close()
