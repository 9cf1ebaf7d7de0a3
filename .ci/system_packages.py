"""Install the system packages that only the tests need, where that is possible, and name them where it is not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

POSTGRESQL = "/usr/lib/postgresql"

# What is looked for (a program, or a path where it starts with a slash), its Debian package, what needs it.
NEEDED = (
    ("docker-registry", "docker-registry", "tests against a real registry"),
    ("skopeo", "skopeo", "the comparison with an independent registry client"),
    (POSTGRESQL, "postgresql", "the catalogue on PostgreSQL"),
    ("chromium", "chromium", "every test of a page"),
    ("strace", "strace", "faults at each system call"),
    ("buildah", "buildah", "images for pods"),
    ("runc", "runc", "pods"),
    ("/usr/lib/cni/bridge", "containernetworking-plugins", "the network of pods"),
    ("nft", "nftables", "services of pods"),
    ("iptables", "iptables", "services of pods"),
    ("debootstrap", "debootstrap", "the base of the lab image"),
    ("/bin/busybox", "busybox-static", "the pause image"),
    ("htpasswd", "apache2-utils", "a registry with passwords"),
    ("node", "nodejs", "the hub's proxy"),
    ("npm", "npm", "the hub's proxy"),
)


def missing() -> list[tuple[str, str]]:
    """Return package and purpose of each thing that is not there."""
    return [(package, purpose) for place, package, purpose in NEEDED if not _there(place)]


def _there(place: str) -> bool:
    if place.startswith("/"):
        return Path(place).exists()
    return shutil.which(place, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin") is not None


def _apt(arguments: list[str], environment: dict[str, str]) -> None:
    subprocess.run(["apt-get", "-qq", *arguments], stdout=subprocess.DEVNULL, env=environment, check=False)


def main() -> int:
    """Install what is missing; never fail for it, since a test that lacks its part says so."""
    wanted = missing()
    if not wanted:
        return 0
    names = sorted({package for package, _ in wanted})
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"Installing system packages that the tests use: {' '.join(names)}", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        _apt(["update"], environment)
        # No service of these packages is to start: the tests start their own, on ports of their own.
        policy = Path("/usr/sbin/policy-rc.d")
        ours = not policy.exists()
        if ours:
            policy.write_text("#!/bin/sh\nexit 101\n")
            policy.chmod(0o755)
        try:
            _apt(["install", "-y", "--no-install-recommends", *names], environment)
        finally:
            if ours:
                policy.unlink()
        wanted = missing()
    for package, purpose in wanted:
        print(f"Not installed: {package}. Without it these are skipped: {purpose}.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
