"""One writer per environment, on a home that several labs share: no ``flock``, no database.

A lock is a folder that appears, with its holder's file in it, by one ``rename``: on a local disk and on NFS alike,
renaming onto a folder that is not empty fails. The holder's file is named by a tag that nobody uses twice (the fencing
token), and its time of change is the heartbeat: whoever finds the file gone has lost the lease and must not switch.
A lease whose holder is known to be dead, or which has not been heard of for its whole term, is moved aside to a name
made from its tag, so that of several that judge the same lease dead only one can win, and none can move aside a later
one by mistake.
"""

import contextlib
import json
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from strata_lab.errors import Busy, NoSpace
from strata_lab.progress import CancelledCheck, check, never

TERM = 90.0
_POLL = 0.1
_FULL = "No room is left where the environments are, so nothing can be changed there."


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease: a process on a host since a boot, and what for."""

    tag: str
    user: str
    host: str
    boot: str
    pid: int
    started: str
    purpose: str
    since: str


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that this process holds."""

    folder: Path
    holder: Holder

    @property
    def tag(self) -> str:
        """The fencing token: part of the name of every generation that is built under this lease."""
        return self.holder.tag

    def renew(self) -> None:
        """Say that the holder lives.

        Raises
        ------
        Busy
            If somebody else has taken the lease over.
        """
        try:
            os.utime(self.folder / f"{self.tag}.json")
        except FileNotFoundError as error:
            raise Busy("Another lab took this environment over, because this one was not heard of.") from error

    def release(self) -> None:
        """Give the lease back; harmless if it is lost."""
        gone = self.folder.with_name(f".free.{self.tag}")
        if not (self.folder / f"{self.tag}.json").exists():
            return
        with contextlib.suppress(OSError):
            self.folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


@contextlib.contextmanager
def held(
    locks: Path, name: str, purpose: str, *, user: str = "", wait: float = 0.0, cancelled: CancelledCheck = never
) -> Iterator[Lease]:
    """Hold the lease of one environment.

    Parameters
    ----------
    wait
        Seconds to wait for a living holder.

    Raises
    ------
    Busy
        Naming the holder, if it is still there after that time.
    """
    lease = acquire(locks, name, purpose, user=user, wait=wait, cancelled=cancelled)
    try:
        yield lease
    finally:
        lease.release()


def acquire(
    locks: Path, name: str, purpose: str, *, user: str = "", wait: float = 0.0, cancelled: CancelledCheck = never
) -> Lease:
    """Take the lease of one environment; see :func:`held`."""
    locks.mkdir(mode=0o700, parents=True, exist_ok=True)
    holder = _myself(purpose, user)
    offered, folder = locks / f".offer.{holder.tag}", locks / name
    deadline = time.monotonic() + wait
    try:
        offered.mkdir(mode=0o700)
        _write(offered / f"{holder.tag}.json", json.dumps(asdict(holder)))
        while True:
            check(cancelled)
            with contextlib.suppress(OSError):
                offered.rename(folder)
            if (folder / f"{holder.tag}.json").exists():
                return Lease(folder, holder)
            other, idle = look(folder)
            if other is not None and _is_over(other, idle):
                _move_aside(folder, other.tag)
            elif time.monotonic() >= deadline:
                raise _busy(name, other)
            else:
                os.utime(offered)
                time.sleep(_POLL)
    finally:
        shutil.rmtree(offered, ignore_errors=True)


def look(folder: Path) -> tuple[Holder | None, float]:
    """Return who holds a lock, and for how many seconds nothing was heard of it (by the file system's own clock)."""
    try:
        for entry in folder.iterdir():
            if entry.suffix == ".json":
                holder = Holder(**json.loads(entry.read_text(encoding="utf-8")))
                return holder, max(0.0, _now(folder.parent) - entry.stat().st_mtime)
    except (OSError, ValueError, TypeError):
        pass
    return None, 0.0


def living(locks: Path) -> set[str]:
    """Return the tags of all leases that may still be at work."""
    tags: set[str] = set()
    with contextlib.suppress(OSError):
        for folder in list(locks.iterdir()):
            holder, idle = look(folder)
            if holder is not None and not _is_over(holder, idle):
                tags.add(holder.tag)
    return tags


def sweep(locks: Path) -> int:
    """Remove what dead holders left, and return how many entries went."""
    removed = 0
    with contextlib.suppress(FileNotFoundError):
        for folder in list(locks.iterdir()):
            holder, idle = look(folder)
            if holder is None:
                with contextlib.suppress(OSError):
                    idle = _now(locks) - folder.stat().st_mtime
            if folder.name.startswith(".now."):
                folder.unlink(missing_ok=True)
                continue
            if folder.name.startswith(".free."):
                # Its holder gave it back, and could not remove all of it.
                over = True
            elif folder.name.startswith(".over."):
                over = idle > TERM or (holder is not None and _is_over(holder, idle))
            else:
                over = _is_over(holder, idle) if holder is not None else idle > TERM
            if not over:
                continue
            if holder is not None and not folder.name.startswith("."):
                _move_aside(folder, holder.tag)
                folder = locks / f".over.{holder.tag}"  # noqa: PLW2901 - the same lock under its last name
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    return removed


def _myself(purpose: str, user: str) -> Holder:
    return Holder(
        tag=secrets.token_hex(6),
        user=user,
        host=socket.gethostname(),
        boot=_boot(),
        pid=os.getpid(),
        started=_started(os.getpid()),
        purpose=purpose,
        since=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )


def _is_over(holder: Holder, idle: float) -> bool:
    if idle > TERM:
        return True
    if holder.host != socket.gethostname():
        return False
    return holder.boot != _boot() or _started(holder.pid) != holder.started


def _move_aside(folder: Path, tag: str) -> None:
    aside = folder.with_name(f".over.{tag}")
    with contextlib.suppress(OSError):
        if (folder / f"{tag}.json").exists():
            folder.rename(aside)
            if not (aside / f"{tag}.json").exists():
                aside.rename(folder)


def _busy(name: str, other: Holder | None) -> Busy:
    if other is None:
        return Busy(f"{name} is being changed by another operation.", hint="Try again in a moment.")
    who = f"{other.user or 'somebody'} on {other.host} (process {other.pid})"
    return Busy(
        f"{name} is being changed by {who} since {other.since}: {other.purpose}.", hint="Wait, or cancel it there."
    )


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise NoSpace(f"{_FULL} ({error.strerror})", hint="Delete files you no longer need.") from error


def _now(folder: Path) -> float:
    probe = folder / f".now.{secrets.token_hex(6)}"
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        probe.unlink(missing_ok=True)


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Return when a process started, in clock ticks since boot, or an empty string if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
