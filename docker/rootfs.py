"""A root file system of this machine's own C library, shells and certificates: what a Python prefix needs to run."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

USER, UID = "lab", 1000
BUSYBOX = Path("/bin/busybox")
BASH = Path("/bin/bash")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
FOLDERS = (
    "bin",
    "etc/ssl/certs",
    f"home/{USER}",
    "opt",
    "proc",
    "root",
    "run",
    "srv/jupyterhub",
    "sys",
    "tmp",
    "usr/bin",
    "var/tmp",
)
SYSTEM = ("/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/")
ALWAYS = ("libstdc++.so.6", "libgcc_s.so.1", "libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2")


def make_rootfs(target: Path, programs: Iterable[Path]) -> None:
    """Make the new folder `target` a root file system in which `programs` and all below them find their libraries.

    Parameters
    ----------
    target
        A folder that does not exist.
    programs
        Files, and folders whose shared objects are looked at.

    Raises
    ------
    FileNotFoundError
        If this machine lacks busybox, bash or certificates.
    """
    for folder in FOLDERS:
        (target / folder).mkdir(parents=True, exist_ok=True)
    for folder in ("tmp", "var/tmp"):
        (target / folder).chmod(0o1777)
    shutil.copy2(BUSYBOX, target / "bin/busybox")
    shutil.copy2(BASH, target / "bin/bash")
    listed = subprocess.run([BUSYBOX, "--list"], check=True, capture_output=True, text=True).stdout
    for name in listed.split():
        if not (target / "bin" / name).exists():
            (target / "bin" / name).symlink_to("busybox")
    (target / "usr/bin/env").symlink_to("/bin/busybox")
    _write_accounts(target)
    shutil.copy2(CERTIFICATES, target / "etc/ssl/certs/ca-certificates.crt")
    (target / "etc/ssl/cert.pem").symlink_to("certs/ca-certificates.crt")
    programs = [BASH, *programs]
    (target / "usr/lib").mkdir(parents=True, exist_ok=True)
    for folder in filter(Path.is_dir, programs):
        # An interpreter that was copied looks for its own library where it was built, and then here.
        for library in folder.glob("libpython*.so*"):
            shutil.copy2(library, target / "usr/lib" / library.name)
    for library in _libraries(programs):
        place = target / library.relative_to("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(library, place, follow_symlinks=True)


def _write_accounts(target: Path) -> None:
    etc = target / "etc"
    (etc / "passwd").write_text(
        f"root:x:0:0:root:/root:/bin/sh\n{USER}:x:{UID}:{UID}::/home/{USER}:/bin/bash\n", "ascii"
    )  # fmt: skip
    (etc / "group").write_text(f"root:x:0:\n{USER}:x:{UID}:\n", "ascii")
    (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n", "ascii")
    os.chown(target / f"home/{USER}", UID, UID)


def _libraries(programs: Iterable[Path]) -> set[Path]:
    found: set[Path] = set()
    for program in programs:
        objects = [program] if program.is_file() else sorted(program.rglob("*.so*"))
        for start in range(0, len(objects), 100):
            found |= _resolved(objects[start : start + 100])
    cache = subprocess.run(["/sbin/ldconfig", "-p"], check=True, capture_output=True, text=True).stdout
    for line in cache.splitlines():
        name, _, path = line.strip().partition(" ")
        if name in ALWAYS and "x86-64" in path:
            found.add(Path(path.rpartition("=> ")[2]))
    return found


def _resolved(objects: list[Path]) -> set[Path]:
    said = subprocess.run(["ldd", *objects], check=False, capture_output=True, text=True).stdout
    paths = set()
    for line in said.splitlines():
        words = line.split()
        # Either `NAME => PATH (ADDRESS)` or `PATH (ADDRESS)`.
        path = next((word for word in words if word.startswith("/")), "")
        if path.startswith(SYSTEM) and Path(path).is_file():
            paths.add(Path(path))
    return paths
