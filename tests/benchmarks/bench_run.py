"""How long ``make run`` takes: from a clean clone with warm package caches, and a second time without a network.

``make bench-run``. The first start is of a fresh clone of the commit at hand, in a temporary folder. The second runs in
a network namespace of its own, where only loopback exists, if this machine lets us make one.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from strata_demo.processes import free_port

ROOT = Path(__file__).parents[2]
_READY = re.compile(r"Strata is ready at (\S+)")


def main() -> None:
    """Print a table of the starts."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="strata-bench-") as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        rows.append(("first start, clean clone, warm package caches", 90, *_start(clone, [])))
        alone = ["unshare", "--net"] if os.geteuid() == 0 and shutil.which("unshare") else []
        label = "second start, without a network" if alone else "second start (no namespace without a network here)"
        rows.append((label, 10, *_start(clone, alone)))
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}")
    print(f"{'':55} {'seconds':>8} {'aim':>5} {'Ctrl-C':>7}")
    for label, aim, ready, ended in rows:
        print(f"{label:55} {ready:8.1f} {aim:5} {ended:7.1f}")


def _start(clone: Path, wrapper: list[str]) -> tuple[float, float]:
    """Return the seconds until the line that says where Strata is, and those from Ctrl-C to the end."""
    command = ["make", "--silent", "run", f"PORT={free_port()}"]
    if wrapper:
        command = [*wrapper, "sh", "-c", f"ip link set lo up && exec {' '.join(command)}"]
    begun = time.monotonic()
    process = subprocess.Popen(command, cwd=clone, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout
    for line in process.stdout:
        print(f"  {line}", end="", flush=True)
        if _READY.search(line):
            break
    else:
        raise SystemExit("It did not start.")
    ready = time.monotonic() - begun
    begun = time.monotonic()
    for child in psutil.Process(process.pid).children(recursive=True):
        if "strata_demo" in child.cmdline():
            child.send_signal(signal.SIGINT)
    process.wait(60)
    return ready, time.monotonic() - begun


if __name__ == "__main__":
    main()
