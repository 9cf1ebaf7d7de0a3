"""Faults at system calls: one warm process forks for each case, strace attaches to the fork and injects the fault.

A case is a system call's name and its number: strace counts the calls of that name for each thread, so that number N
is met by the first thread that makes its Nth such call. The recording says how many there are.
"""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

# The calls by which a file, a folder or a link comes, goes or changes.
MUTATING = (
    "rename",
    "renameat",
    "renameat2",
    "mkdir",
    "mkdirat",
    "rmdir",
    "unlink",
    "unlinkat",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "write",
    "pwrite64",
    "ftruncate",
    "chmod",
    "fchmod",
    "fchmodat",
    "utimensat",
    "fsync",
    "fdatasync",
    "copy_file_range",
    "sendfile",
)
# How many cases there are, and how many were tried, by suite; a share of 1 tries all.
EXIST: Counter[str] = Counter()
TRIED: Counter[str] = Counter()
SHARE = float(os.environ.get("FAULTS", "1"))
_LINE = re.compile(r"^(\d+) +(\w+)\(")
_PATIENCE = 60.0


class Stuck(Exception):
    """A case did not end in time."""


@dataclass(frozen=True)
class Fault:
    """What happens at the Nth call of one name: ``KILL``, or the name of an errno."""

    call: str
    number: int
    what: str

    def expression(self) -> str:
        """Return the fault as strace's ``inject`` takes it."""
        effect = "signal=KILL" if self.what == "KILL" else f"error={self.what}"
        return f"inject={self.call}:{effect}:when={self.number}"

    def __str__(self) -> str:
        return f"{self.what} at {self.call} {self.number}"


@dataclass(frozen=True)
class Outcome:
    """How a forked case ended."""

    status: int | None
    """None where it was killed."""
    result: dict[str, Any] | None
    """What the case returned, or the error that it raised as ``{"error": code, "message": sentence}``."""


class ForkServer:
    """A process that has imported everything, and forks once for each case."""

    def __init__(self, driver: Path, folder: Path, environment: dict[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        with (folder / "stderr").open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-s", "-P", str(driver)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment,
                cwd=folder,
            )
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()

    def run(self, case: dict[str, Any]) -> Outcome:
        """Run `case` in a fork without a fault."""
        pid, result = self._fork(case)
        os.kill(pid, signal.SIGCONT)
        return self._outcome(result)

    def record(self, case: dict[str, Any], calls: Iterable[str] = MUTATING) -> Counter[str]:
        """Run `case` and return the greatest number of calls of each name that one of its threads made."""
        trace = self.folder / "recording"
        self._traced(case, ["-e", f"trace={','.join(calls)}"], trace)
        each: Counter[tuple[str, str]] = Counter(
            (found[1], found[2]) for line in trace.read_text().splitlines() if (found := _LINE.match(line))
        )
        most: Counter[str] = Counter()
        for (_, call), count in each.items():
            most[call] = max(most[call], count)
        return most

    def run_with(self, case: dict[str, Any], fault: Fault) -> Outcome:
        """Run `case` in a fork that meets `fault`; return when it and all that it started have ended."""
        options = ["-e", f"trace={fault.call}", "-e", fault.expression()]
        return self._traced(case, options, self.folder / "trace")

    def _traced(self, case: dict[str, Any], options: list[str], trace: Path) -> Outcome:
        pid, result = self._fork(case)
        command = ["strace", "-f", "-qq", "-o", str(trace), *options, "-p", str(pid)]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as strace:
            _until(lambda: _tracer(pid) == strace.pid or strace.poll() is not None)
            os.kill(pid, signal.SIGCONT)
            outcome = self._outcome(result)
            try:
                strace.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                strace.kill()
                raise Stuck(f"What {case} started did not end") from None
        return outcome

    def _fork(self, case: dict[str, Any]) -> tuple[int, Path]:
        assert self.process.stdin
        assert self.process.stdout
        self._count += 1
        result = self.folder / f"result-{self._count}.json"
        result.unlink(missing_ok=True)
        self.process.stdin.write(json.dumps({"case": case, "result": str(result)}) + "\n")
        self.process.stdin.flush()
        pid = int(self.process.stdout.readline())
        _until(lambda: _state(pid) == "T")
        return pid, result

    def _outcome(self, result: Path) -> Outcome:
        assert self.process.stdout
        status = int(self.process.stdout.readline())
        told = json.loads(result.read_text()) if result.exists() else None
        result.unlink(missing_ok=True)
        return Outcome(status if status >= 0 else None, told)


def chosen(case: str) -> bool:
    """Say whether `case` is in the share that is tried: the same ones each time."""
    return int.from_bytes(hashlib.sha256(case.encode()).digest()[:4]) < SHARE * 2**32


def serve(perform: Any) -> None:
    """Be the warm process: read a case from each line of stdin, fork, let the child perform it when it is continued."""
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os.setpgid(0, 0)
            os.kill(os.getpid(), signal.SIGSTOP)
            _perform(perform, request)
        print(pid, flush=True)  # noqa: T201 -- the answer of the protocol
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 -- as above


def _perform(perform: Any, request: dict[str, Any]) -> None:
    status = 0
    try:
        told = perform(request["case"])
    except Exception as error:  # noqa: BLE001 -- every error is the case's result, an unexpected one above all
        status, told = 1, {"error": getattr(error, "code", type(error).__name__), "message": str(error)}
    # By a call that no fault is injected into.
    os.writev(os.open(request["result"], os.O_WRONLY | os.O_CREAT), [json.dumps(told).encode()])
    os._exit(status)


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _tracer(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("TracerPid")))


def _until(condition: Any) -> None:
    limit = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > limit:
            raise Stuck("The forked process did not come to its start")
        time.sleep(0.001)
