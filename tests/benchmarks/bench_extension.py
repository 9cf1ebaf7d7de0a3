"""What the extension adds to a server's start, its memory and the home: with and without, in turns, in one run.

Usage: ``python tests/benchmarks/bench_extension.py [ROUNDS]``
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil

AIM_SECONDS, AIM_BYTES = 0.040, 8_000_000
_OTHERS = ("jupyterlab", "jupyter_lsp", "notebook_shim", "jupyter_server_terminals")


def start_once(*, extension: bool) -> tuple[float, float, int, int]:
    """Return CPU seconds and wall seconds until the server answers, its resident bytes, and the entries in its home."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        home.mkdir()
        runtime = Path(folder, "runtime")
        extensions = {**dict.fromkeys(_OTHERS, False), "strata_lab": extension}
        command = [sys.executable, "-s", "-P", "-m", "jupyter_server", "--no-browser", "--allow-root"]
        command += ["--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", f"--ServerApp.root_dir={home}"]
        command += [f"--ServerApp.jpserver_extensions={name}={on}" for name, on in extensions.items()]
        names = {"CONFIG": "config", "DATA": "data"}
        variables = {f"JUPYTER_{name}_DIR": f"{folder}/{place}" for name, place in names.items()}
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "IPYTHONDIR": f"{folder}/ipython", **variables}
        environment["JUPYTER_RUNTIME_DIR"] = str(runtime)
        began = time.perf_counter()
        with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL) as process:
            url = _url(runtime / f"jpserver-{process.pid}.json", process)
            _answers(url)
            wall = time.perf_counter() - began
            found = psutil.Process(process.pid)
            used = found.cpu_times()
            memory = found.memory_info().rss
            process.send_signal(signal.SIGTERM)
        return used.user + used.system, wall, memory, len(list(home.rglob("*")))


def _url(file: Path, process: "subprocess.Popen[bytes]") -> str:

    while process.poll() is None:
        try:
            return str(json.loads(file.read_text(encoding="utf-8"))["url"])
        except (OSError, ValueError):
            time.sleep(0.002)
    raise RuntimeError("the server did not start")


def _answers(url: str) -> None:
    while True:
        try:
            httpx.get(f"{url}api", trust_env=False, verify=False).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.002)
        else:
            return


def main() -> int:
    """Print the differences of the medians."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    start_once(extension=True)  # compiles what was never compiled
    found: dict[bool, list[tuple[float, float, int, int]]] = {True: [], False: []}
    for _ in range(rounds):
        for extension in (False, True):
            found[extension].append(start_once(extension=extension))
    print("server         cpu s   wall s   memory MB   entries in the home")
    middle = {}
    for extension, label in ((False, "without"), (True, "with")):
        cpu, wall, memory, entries = (statistics.median(column) for column in zip(*found[extension], strict=True))
        middle[extension] = (cpu, wall, memory, entries)
        print(f"{label:12} {cpu:7.3f}  {wall:7.3f}  {memory / 1e6:10.1f}  {entries:10.0f}")
    cpu, wall, memory, entries = (middle[True][i] - middle[False][i] for i in range(4))
    print(f"{'added':12} {cpu:7.3f}  {wall:7.3f}  {memory / 1e6:10.1f}  {entries:10.0f}")
    print(f"{'aim':12} {'':7}  {AIM_SECONDS:7.3f}  {AIM_BYTES / 1e6:10.1f}  {0:10}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
