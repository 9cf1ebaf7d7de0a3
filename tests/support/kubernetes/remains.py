"""What a node leaves on the machine beyond its processes, and how it goes away, also after a crash."""

import json
import os
import secrets
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from ipaddress import IPv4Interface
from pathlib import Path

import psutil

REGISTER = Path("/run/strata-cluster")
"""One folder for each running node of this machine, whichever checkout started it."""
CGROUPS = Path("/sys/fs/cgroup")
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


@dataclass(frozen=True)
class Remains:
    """The names that one run owns."""

    run: str
    """Six hexadecimal digits that no other run has."""
    address: str
    """Address of the bridge and of the node, with the length of its network."""
    folder: str
    """Where the run keeps images, volumes and logs."""
    owner: int
    """Process id of the program that started the node."""
    owner_began: float
    """When that process began, so that a later process of the same id is not taken for it."""
    forwarding: str
    """What the kernel's switch for forwarding was before."""

    @property
    def bridge(self) -> str:
        """Name of the bridge: at most 15 characters."""
        return f"strata-{self.run}"

    @property
    def cgroup(self) -> str:
        """Name of the control group above all pods."""
        return f"strata-{self.run}"

    @property
    def sockets(self) -> Path:
        """Where sockets are: their paths may have 107 characters."""
        return REGISTER / self.run

    @property
    def ip(self) -> str:
        """Address of the node."""
        return str(IPv4Interface(self.address).ip)

    @property
    def network(self) -> str:
        """The network of node and pods."""
        return str(IPv4Interface(self.address).network)


def claim(folder: Path) -> Remains:
    """Sweep what crashed runs left, and make the bridge and the control group of a new run."""
    sweep()
    me = psutil.Process()
    forwarding = FORWARDING.read_text("ascii").strip()
    for _ in range(50):
        run = secrets.token_hex(3)
        number = int(run, 16)
        address = f"10.{200 + number % 50}.{number // 50 % 250}.1/24"
        remains = Remains(run, address, str(folder), me.pid, me.create_time(), forwarding)
        if _in_use(remains.ip):
            continue
        REGISTER.mkdir(exist_ok=True)
        remains.sockets.mkdir()
        (remains.sockets / "remains.json").write_text(json.dumps(asdict(remains)), "utf-8")
        _ip("link", "add", remains.bridge, "type", "bridge")
        _ip("addr", "add", remains.address, "dev", remains.bridge)
        _ip("link", "set", remains.bridge, "up")
        for controller in CGROUPS.iterdir():
            if controller.is_dir() and not controller.is_symlink():
                (controller / remains.cgroup).mkdir(exist_ok=True)
        return remains
    raise RuntimeError("no free network for a bridge was found")


def clear(remains: Remains) -> None:
    """Remove the bridge, the control groups and the files of a run whose processes are gone."""
    _ip("link", "del", remains.bridge, check=False)
    deadline = time.monotonic() + 60
    for controller in CGROUPS.iterdir():
        _remove_cgroup(controller / remains.cgroup, deadline)
    shutil.rmtree(remains.folder, ignore_errors=True)
    shutil.rmtree(remains.sockets, ignore_errors=True)
    if not any(REGISTER.iterdir()):
        FORWARDING.write_text(remains.forwarding, "ascii")


def sweep() -> None:
    """Clear every run whose owner is gone."""
    for record in REGISTER.glob("*/remains.json"):
        try:
            remains = Remains(**json.loads(record.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            continue
        if not _alive(remains):
            _kill_left_behind(remains)
            clear(remains)


def _alive(remains: Remains) -> bool:
    try:
        return psutil.Process(remains.owner).create_time() == remains.owner_began
    except psutil.NoSuchProcess:
        return False


def _kill_left_behind(remains: Remains) -> None:
    """End the processes of a run whose owner was killed: they name its folders on their command lines."""
    for process in psutil.process_iter(["cmdline"]):
        words = " ".join(process.info["cmdline"] or ())
        if process.pid != os.getpid() and (str(remains.sockets) in words or remains.folder in words):
            with suppress(psutil.NoSuchProcess):
                process.kill()
                process.wait(30)


def _remove_cgroup(path: Path, deadline: float) -> None:
    if not path.is_dir():
        return
    for below in sorted((p for p in path.rglob("*") if p.is_dir()), key=lambda p: -len(p.parts)):
        _rmdir(below, deadline)
    _rmdir(path, deadline)


def _rmdir(path: Path, deadline: float) -> None:
    while path.is_dir():
        try:
            path.rmdir()
        except OSError:
            # Its processes were killed a moment ago, and are still being counted out.
            if time.monotonic() > deadline:
                return
            time.sleep(0.1)


def _in_use(address: str) -> bool:
    shown = subprocess.run(["ip", "-4", "-o", "addr"], check=True, capture_output=True, text=True).stdout
    prefix = address.rpartition(".")[0] + "."
    return f" {prefix}" in shown


def _ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=check, capture_output=True)
