"""Child processes of the demo: started with a log, ended with their parent."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_STOP_WITHIN = 15.0


class NotStarted(Exception):
    """A part of the demo cannot be started; the message says why and what to do."""


@dataclass(frozen=True)
class Child:
    """A running part of the demo."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(
        cls, name: str, command: Sequence[str], state: Path, environment: Mapping[str, str] | None = None
    ) -> "Child":
        """Start `command` in its own process group, with a log in `state`; it gets SIGTERM when this process dies."""
        log = state / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=state,
                env=dict(environment) if environment is not None else None,
                process_group=0,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 -- no threads run yet
            )
        return cls(name, process, log)

    def check(self) -> None:
        """Raise `NotStarted` with the end of the log if the process has ended."""
        if self.process.poll() is not None:
            lines = self.log.read_text(errors="replace").splitlines()[-5:]
            told = "\n  ".join(lines)
            raise NotStarted(
                f"The {self.name} ended with status {self.process.returncode}; the end of {self.log}:\n  {told}"
            )

    def stop(self) -> None:
        """End the process and whatever it started, gently first."""
        if self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_STOP_WITHIN)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def free_port() -> int:
    """Return a port of loopback that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def kept_port(file: Path) -> int:
    """Return the port that `file` names while it is free, or else another one, which is written there."""
    try:
        port = int(file.read_text())
    except (OSError, ValueError):
        port = 0
    if not port or not port_is_free(port):
        port = free_port()
        file.write_text(str(port))
    return port


def port_is_free(port: int) -> bool:
    """Say whether a server can listen on `port` of loopback."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
