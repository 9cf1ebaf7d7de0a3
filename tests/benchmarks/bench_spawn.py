"""Concurrent spawns on a real API server: StrataSpawner against stock KubeSpawner, in one run.

``make bench-spawn`` prints, for each, the seconds from the first request to the last ready lab and the API calls per
spawn, and the ratios of the medians. Pods are played by a scripted node, so that what is measured is hub and spawner.
"""

import argparse
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from support import menu_states
from support.faulty_api import FaultyApiThread
from support.hub import eventually
from support.kubernetes.build import ClusterUnavailable
from support.kubernetes.control_plane import ControlPlane
from support.kubernetes.hub import Deployment, deployed

LIMIT = 1.05
"""Most times that ours may take of stock's seconds."""
SPAWNERS = {"stock": "kubespawner.KubeSpawner", "strata": "strata"}
CONFIG = """
c.JupyterHub.spawner_class = {spawner!r}
c.KubeSpawner.image = "registry.example.org/lab/science:stock"
c.JupyterHub.log_level = "WARN"
c.Spawner.consecutive_failure_limit = 0
"""


@dataclass(frozen=True)
class Round:
    """What one hub needed."""

    seconds: float
    calls: float
    """API calls per spawn."""
    failures: int


def measure(plane: ControlPlane, spawner: str, count: int) -> Round:
    """Start `count` labs at once on a hub of its own."""
    state = menu_states.fresh(menu_states.state())
    proxy = FaultyApiThread(plane)
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            deployed(
                plane, Path(folder), state, api_url=proxy.proxy.url, more=CONFIG.format(spawner=SPAWNERS[spawner])
            ) as deployment,
        ):
            return _spawn(deployment, proxy, count)
    finally:
        proxy.close()


def _spawn(deployment: Deployment, proxy: FaultyApiThread, count: int) -> Round:
    users = [f"user-{number}" for number in range(count)]
    for user in users:
        deployment.hub.api("POST", f"users/{user}")
    before, began = len(proxy.proxy.requests), time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda user: deployment.hub.api("POST", f"users/{user}/server", {}), users))
    refused = sum(not answer.is_success for answer in answers)
    ready = 0

    def all_ready() -> bool:
        nonlocal ready
        found = deployment.hub.api("GET", f"users?limit={count + 10}").json()
        servers = [server for user in found for server in user["servers"].values()]
        ready = sum(server["ready"] for server in servers)
        return not any(server["pending"] for server in servers)

    eventually("the end of every start", all_ready)
    seconds, calls = time.monotonic() - began, len(proxy.proxy.requests) - before
    return Round(seconds, calls / count, refused + count - refused - ready)


def main() -> int:
    """Print the figures; return 1 where ours are worse than allowed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="labs that start at once")
    parser.add_argument("--rounds", type=int, default=3, help="hubs of each kind, by turns")
    options = parser.parse_args()
    rounds: dict[str, list[Round]] = {name: [] for name in SPAWNERS}
    with tempfile.TemporaryDirectory() as folder:
        plane = ControlPlane(Path(folder))
        try:
            plane.start().close()
            for _ in range(options.rounds):
                for name, measured in rounds.items():
                    measured.append(measure(plane, name, options.count))
                    print(name, measured[-1], flush=True)
        except ClusterUnavailable as missing:
            print(missing, file=sys.stderr)
            return 2
        finally:
            plane.stop()
    seconds = {name: statistics.median(found.seconds for found in measured) for name, measured in rounds.items()}
    calls = {name: statistics.median(found.calls for found in measured) for name, measured in rounds.items()}
    failures = sum(found.failures for found in rounds["strata"])
    ratio = seconds["strata"] / seconds["stock"]
    print(
        f"{options.count} spawns: stock {seconds['stock']:.2f} s, strata {seconds['strata']:.2f} s, ratio {ratio:.3f}"
    )
    print(f"API calls per spawn: stock {calls['stock']:.2f}, strata {calls['strata']:.2f}; {failures} failures")
    return int(ratio > LIMIT or calls["strata"] > calls["stock"] or failures > 0)


if __name__ == "__main__":
    sys.exit(main())
