"""The spawn form with 1,000 tags against stock KubeSpawner's with 200 profiles: real hubs, 20 clients, no cluster.

``python tests/benchmarks/bench_form.py [--quick]``. Both hubs run at once and are asked in turns, so that whatever else
the machine does meets both; there is no registry and no service, since forms come from memory. A ratio of requests per
second of at least 1 and a ratio of p99 of at most 1 is the aim.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import psutil
from support.hub import Hub, running_hub
from support.menu_states import fresh, large_state

TAGS, PROFILES, CLIENTS = 1000, 200, 20
_KUBE = """
c.JupyterHub.spawner_class = "{spawner}"
c.KubeSpawner.namespace = "bench"
c.KubeSpawner.enable_user_namespaces = False
"""
_NOWHERE = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "none", "cluster": {"server": "http://127.0.0.1:9"}}],
    "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
    "users": [{"name": "none", "user": {}}],
    "current-context": "none",
}
_STOCK = f"""
c.KubeSpawner.profile_list = [
    {{
        "display_name": f"Weekly {{number}}",
        "slug": f"w-{{number}}",
        "description": "built 3 days ago, 2 GiB",
        "kubespawner_override": {{"image": f"registry.example.org/lab/science:w_{{number}}"}},
    }}
    for number in range({PROFILES})
]
"""


Measured = tuple[float, float, float]
"""Requests per second, p99 in ms, processor time of the hub in ms per request."""


def main() -> None:
    """Print requests per second and p99 of both forms, and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer requests and rounds: seconds instead of minutes")
    quick = parser.parse_args().quick
    requests, rounds = (400, 3) if quick else (3000, 7)
    if shutil.which("ab") is None:
        sys.exit("ab is not installed (Debian: apache2-utils)")
    os.environ.pop("KUBERNETES_SERVICE_HOST", None)
    with tempfile.TemporaryDirectory(prefix="strata-bench-") as folder, ExitStack() as stack:
        # No cluster is needed to render a form, but KubeSpawner wants to know where one would be.
        os.environ["KUBECONFIG"] = str(Path(folder) / "kubeconfig")
        Path(os.environ["KUBECONFIG"]).write_text(json.dumps(_NOWHERE))
        state = Path(folder) / "state.json"
        state.write_bytes(fresh(large_state(TAGS)).dump())
        strata = f'c.StrataSpawner.state_url = "{state.as_uri()}"\n'
        hubs = {
            name: stack.enter_context(
                running_hub(Path(folder) / name, state.as_uri(), more=_KUBE.format(spawner=spawner) + more)
            )
            for name, spawner, more in (("stock", "kubespawner.KubeSpawner", _STOCK), ("strata", "strata", strata))
        }
        cookies = {name: _cookie(hub) for name, hub in hubs.items()}
        results: dict[str, list[Measured]] = {name: [] for name in hubs}
        for hub_round in range(rounds + 1):
            for name, hub in hubs.items():
                measured = _measure(hub, cookies[name], requests)
                if hub_round:
                    results[name].append(measured)
        sizes = {name: len(_page(hub, cookies[name])) for name, hub in hubs.items()}
        memory = {count: _memory(Path(folder), count) for count in (10, 10_000)}
    _report(results, sizes)
    for count, used in memory.items():
        print(f"hub memory with {count:6} tags, after a form and a search: {used / 2**20:.0f} MiB")


def _report(results: dict[str, list[Measured]], sizes: dict[str, int]) -> None:
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {CLIENTS} clients, medians of {len(results['stock'])}"
    )
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in results.items()
    }
    print(f"{'':28} {'requests/s':>11} {'p99 ms':>8} {'hub ms':>8} {'page KiB':>9}")
    for name, label in (("stock", f"stock, {PROFILES} profiles"), ("strata", f"strata, {TAGS} tags")):
        rate, p99, used = medians[name]
        print(f"{label:28} {rate:11.0f} {p99:8.0f} {used:8.2f} {sizes[name] / 1024:9.1f}")
    rate, p99, used = (ours / theirs for ours, theirs in zip(medians["strata"], medians["stock"], strict=True))
    print(f"{'ratio':28} {rate:11.2f} {p99:8.2f} {used:8.2f}")


def _memory(folder: Path, count: int) -> int:
    state = folder / f"{count}.json"
    state.write_bytes(fresh(large_state(count)).dump())
    with running_hub(folder / str(count), state.as_uri()) as hub:
        client = hub.login("alice")
        for path in ("/spawn", "/strata/images/alice?q=weekly"):
            client.get(path).raise_for_status()
        return int(psutil.Process(hub.process.pid).memory_info().rss)


def _cookie(hub: Hub) -> str:
    client = hub.login("alice")
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar)


def _page(hub: Hub, cookie: str) -> str:
    answer = hub.client().get("/spawn", headers={"Cookie": cookie})
    if "<form" not in answer.text or 'name="' not in answer.text:
        raise AssertionError(f"This is no form:\n{answer.text[:2000]}\n{hub.log()[-2000:]}")
    return answer.text


def _measure(hub: Hub, cookie: str, requests: int) -> Measured:
    process = psutil.Process(hub.process.pid)
    before = process.cpu_times()
    command = ["ab", "-q", "-k", "-n", str(requests), "-c", str(CLIENTS), "-H", f"Cookie: {cookie}", f"{hub.url}/spawn"]
    done = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    after = process.cpu_times()
    if "Non-2xx" in done:
        raise AssertionError(f"The hub refused requests:\n{done}")
    rate = re.search(r"Requests per second:\s+([\d.]+)", done)
    p99 = re.search(r"99%\s+(\d+)", done)
    if rate is None or p99 is None:
        raise AssertionError(f"ab said nothing of use:\n{done}")
    used = after.user + after.system - before.user - before.system
    return float(rate[1]), float(p99[1]), used * 1000 / requests


if __name__ == "__main__":
    main()
