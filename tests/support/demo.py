"""``make run`` as a test meets it: started as a child process, logged in to over HTTP, ended by a signal."""

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
from strata_demo.processes import free_port

ROOT = Path(__file__).parents[2]
# One state folder for all tests: the parts are installed once.
STATE = ROOT / ".strata/run-tests"
_READY = re.compile(r"Strata is ready at (\S+) .* password (\S+)")
_READY_WITHIN = 280.0
_ENDS_WITHIN = 60.0


class Demo:
    """A running demonstration."""

    def __init__(self, process: "subprocess.Popen[str]", state: Path) -> None:
        self.process = process
        self.state = state
        self.output = ""
        self.url = ""
        self.password = ""

    def wait_ready(self) -> None:
        """Read the terminal until it says that Strata is ready."""
        assert self.process.stdout
        limit = threading.Timer(_READY_WITHIN, self.process.kill)
        limit.start()
        try:
            for line in self.process.stdout:
                self.output += line
                if found := _READY.search(line):
                    self.url, self.password = found[1].rstrip("/"), found[2]
                    return
        finally:
            limit.cancel()
        raise AssertionError(f"The demonstration did not start:\n{self.output}")

    def end(self, how: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """Send the signal and return the exit status and the whole output."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.finish()

    def finish(self) -> tuple[int, str]:
        """Wait until it ends by itself and return the exit status and the whole output."""
        output, _ = self.process.communicate(timeout=_ENDS_WITHIN)
        self.output += output
        return self.process.returncode, self.output

    def descendants(self) -> list[psutil.Process]:
        """Return every process that the demonstration started and that still runs."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, part: str) -> psutil.Process:
        """Return the child whose command line names `part`."""
        for process in psutil.Process(self.process.pid).children():
            if any(part in word for word in process.cmdline()):
                return process
        raise AssertionError(f"no child process names {part}")

    @contextmanager
    def session(self, user: str) -> Iterator[httpx.Client]:
        """Give an HTTP client that has logged in as `user`."""
        with httpx.Client(base_url=self.url, follow_redirects=True, timeout=60) as client:
            client.get("/hub/login")
            answer = client.post(
                "/hub/login",
                data={"username": user, "password": self.password, "_xsrf": client.cookies["_xsrf"]},
            )
            assert answer.status_code == httpx.codes.OK, answer.text
            yield client


def launch(state: Path = STATE, *, port: int | None = None) -> Demo:
    """Start the demonstration and return at once."""
    command = [sys.executable, "-m", "strata_demo", "--port", str(port or free_port()), "--state", str(state)]
    process = subprocess.Popen(
        command,
        cwd=ROOT / "docker/demo",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    return Demo(process, state)


@contextmanager
def running(state: Path = STATE) -> Iterator[Demo]:
    """Run the demonstration for a block."""
    demo = launch(state)
    try:
        demo.wait_ready()
        yield demo
    finally:
        left = demo.descendants() if demo.process.poll() is None else []
        demo.end()
        psutil.wait_procs(left, timeout=_ENDS_WITHIN)
