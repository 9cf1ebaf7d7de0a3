"""Kernel starts on a stack that a script makes of 150 folders: plain, by captured activation, and by sourcing.

``python tests/benchmarks/bench_activation.py [--quick]``. From asking for a kernel to its first answer, in turns, so
that whatever else the machine does meets all three. *Plain* is the same interpreter as a stack of kind ``prefix``;
*captured* replays what the script does (captured once before); *sourced* is what a user with a set-up script of their
own has. The aim: captured at most 0.3 s later than plain. The script itself sleeps 0.4 s; a real one takes seconds.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from jupyter_client.manager import AsyncKernelManager
from strata_lab import private
from strata_lab.kernelspecs import StrataKernelSpecManager
from support import activated_stacks as stacks

AIM = 0.3
WAIT = 120


def main() -> None:
    """Print medians of the three starts, and how much later than plain they are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="3 rounds instead of 11")
    rounds = 3 if parser.parse_args().quick else 11
    with tempfile.TemporaryDirectory(prefix="strata-bench-") as name:
        folder = Path(name)
        python, script = stacks.with_products(folder)
        contracts = {
            "plain": _contract(folder / "plain", python, None),
            "captured": _contract(folder / "captured", python, script),
            "sourced": _contract(folder / "sourced", python, script),
        }
        (folder / "sourced" / "home" / ".user_setups").write_text("export OWN=1\n")
        _prepare(folder)
        times: dict[str, list[float]] = {kind: [] for kind in contracts}
        work: dict[str, list[float]] = {kind: [] for kind in contracts}
        for number in range(rounds + 1):
            for kind, contract in contracts.items():
                before = _children_seconds()
                taken = asyncio.run(_start(contract))
                if number:
                    times[kind].append(taken)
                    work[kind].append(_children_seconds() - before)
    _table(times, work)


def _contract(folder: Path, python: Path, script: Path | None) -> Path:
    (folder / "home").mkdir(parents=True)
    given = {"script": str(script), "arguments": ["base"], "user_setup": "~/.user_setups"} if script else None
    return stacks.contract(folder, python, "script" if script else "prefix", activation=given)


def _prepare(folder: Path) -> None:
    """Give this process what a launch gives a server."""
    (folder / "runtime").mkdir()
    os.environ |= {
        private.PARENT_VARIABLE: str(folder),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "PYTHONWARNINGS": "ignore",
    }
    os.environ[private.FOLDER_VARIABLE] = str(private.create(os.environ))


async def _start(contract: Path) -> float:
    """Return the seconds from asking for a kernel to its first answer."""
    os.environ["STRATA_IMAGE_CONTRACT"] = str(contract)
    os.environ["HOME"] = str(contract.parent / "home")
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=StrataKernelSpecManager())
    manager.kernel_spec_manager.get_all_specs()
    begun = time.perf_counter()
    await manager.start_kernel()
    client = manager.client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=WAIT)
        return time.perf_counter() - begun
    finally:
        client.stop_channels()
        await manager.shutdown_kernel(now=True)


def _children_seconds() -> float:
    """Return the processor seconds of all children that have ended: what a loaded machine does not stretch."""
    spent = os.times()
    return spent.children_user + spent.children_system


def _table(times: dict[str, list[float]], work: dict[str, list[float]]) -> None:
    plain = statistics.median(times["plain"])
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}")
    print(f"{'start':9} {'median s':>9} {'min':>6} {'max':>6} {'later':>6} {'aim':>5} {'processor s':>12}")
    for kind, taken in times.items():
        middle, spent = statistics.median(taken), statistics.median(work[kind])
        aim = f"{AIM:.1f}" if kind == "captured" else ""
        later = middle - plain
        print(f"{kind:9} {middle:9.2f} {min(taken):6.2f} {max(taken):6.2f} {later:6.2f} {aim:>5} {spent:12.2f}")


if __name__ == "__main__":
    main()
