"""``make cluster`` and ``make cluster-down``: a cluster that stays until it is told to go.

As root on Linux it is a node that runs pods, with a registry on loopback; for anybody else a control plane alone.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from . import remains
from .build import ROOT, ClusterUnavailable
from .control_plane import ControlPlane
from .node import missing, running_node
from .process import NotReady, until

RUN = ROOT / ".strata/cluster/run"
PID = RUN / "pid"
READY = RUN / "ready"
LOG = RUN / "log"
KUBECONFIG = RUN / "kubeconfig"
VOLUMES = 20


def main() -> int:
    """Do what the first argument says: ``up``, ``down``, or ``serve``, which is what ``up`` leaves running."""
    steps = {"up": up, "down": down, "serve": serve}
    words = sys.argv[1:]
    if len(words) != 1 or words[0] not in steps:
        print(f"say one of {', '.join(steps)}", file=sys.stderr)
        return 2
    try:
        steps[words[0]]()
    except (ClusterUnavailable, NotReady) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def up() -> None:
    """Start the cluster unless it runs, and say how to reach it."""
    if _server() is None:
        shutil.rmtree(RUN, ignore_errors=True)
        RUN.mkdir(parents=True)
        with LOG.open("wb") as log:
            command = [sys.executable, "-m", "support.kubernetes.run", "serve"]
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        PID.write_text(str(child.pid), "ascii")
        until(lambda: READY.exists() or child.poll() is not None, "the cluster is ready")
        if not READY.exists():
            raise NotReady(LOG.read_text("utf-8", "replace")[-4000:])
    print(READY.read_text("utf-8"), end="")
    print(f"export KUBECONFIG={KUBECONFIG}")


def down() -> None:
    """End the cluster, and whatever an earlier one left."""
    server = _server()
    if server is not None:
        server.send_signal(signal.SIGTERM)
        server.wait(120)
    if not missing():
        remains.sweep()
    shutil.rmtree(RUN, ignore_errors=True)
    print("nothing of the cluster is left")


def serve() -> None:
    """Keep a cluster until a signal ends it."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with _cluster() as words:
        READY.write_text(words, "utf-8")
        ended.wait()


@contextmanager
def _cluster() -> Iterator[str]:
    lack = missing()
    if lack:
        plane = ControlPlane(RUN / "files")
        try:
            plane.start().close()
            plane.kubeconfig(KUBECONFIG, "admin")
            yield f"a control plane without nodes answers on {plane.url}: {lack}\n"
        finally:
            plane.stop()
        return
    with running_node(RUN / "files") as (node, api):
        for number in range(VOLUMES):
            node.volume(api, f"home-{number}")
        node.plane.kubeconfig(KUBECONFIG, "admin")
        yield f"a node runs pods, the API answers on {node.plane.url}, a registry on {node.registry.host}\n"


def _server() -> psutil.Process | None:
    try:
        process = psutil.Process(int(PID.read_text("ascii")))
        ours = "support.kubernetes.run" in " ".join(process.cmdline())
    except (OSError, ValueError, psutil.Error):
        return None
    return process if ours and os.getpid() != process.pid else None


if __name__ == "__main__":
    sys.exit(main())
