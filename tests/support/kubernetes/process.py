"""Server processes that a test starts, waits for, and surely ends."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 120.0
"""Seconds that a part may take to come up on a loaded machine."""


class NotReady(Exception):
    """A server ended, or did not come up in time; the message quotes the end of its log."""


class Server:
    """One child process with a log file.

    Parameters
    ----------
    command
        Program and arguments.
    log
        File that receives what it writes.
    environment
        The whole environment of the process; by default that of the tests.
    """

    def __init__(
        self, command: Sequence[str | Path], log: Path, *, environment: Mapping[str, str] | None = None
    ) -> None:
        self.command, self.log = list(command), log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment) if environment is not None else None,
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        """True while the process runs."""
        return self.process.poll() is None

    def wait_until(self, ready: Callable[[], bool], *, patience: float = PATIENCE) -> None:
        """Poll `ready` until it is true.

        Raises
        ------
        NotReady
            If the process ends, or `patience` seconds pass.
        """
        deadline = time.monotonic() + patience
        while not ready():
            if not self.alive:
                raise NotReady(f"{self.command[0]} ended with {self.process.returncode}: {self.tail()}")
            if time.monotonic() > deadline:
                raise NotReady(f"{self.command[0]} was not ready after {patience:.0f} s: {self.tail()}")
            time.sleep(0.1)

    def tail(self, lines: int = 12) -> str:
        """Return the end of the log."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        self.process.send_signal(number)

    def stop(self, *, kill: bool = False, patience: float = 15.0) -> None:
        """End the process and whatever is left of its session."""
        if self.alive:
            with suppress(ProcessLookupError):
                # A stopped process takes no other signal.
                os.killpg(self.process.pid, signal.SIGCONT)
                self.process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)


class ReservedPort:
    """A free TCP port that nobody else gets while this object lives.

    The socket is bound and never listens, with ``SO_REUSEPORT``, so that a server which shares ports can listen on the
    same one; a connection is refused as long as none does.
    """

    def __init__(self, address: str = "127.0.0.1") -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._socket.bind((address, 0))
        self.number: int = self._socket.getsockname()[1]

    def release(self) -> None:
        """Give the port back."""
        self._socket.close()


def until(probe: Callable[[], T | None], what: str, *, patience: float = PATIENCE) -> T:
    """Return the first answer of `probe` that is true.

    Raises
    ------
    NotReady
        If there was none within `patience` seconds.
    """
    deadline = time.monotonic() + patience
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise NotReady(f"not within {patience:.0f} s: {what}")
        time.sleep(0.1)
