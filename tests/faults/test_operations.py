"""A kill, or an error, at every system call that changes the disk: the environment is the old one or the new one.

After each case the next start sweeps, the same operation succeeds when it is tried again, and nothing is left over. The
environment variable ``FAULTS`` is the share of the cases that is tried; which ones does not depend on chance.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.faults import EXIST, TRIED, Fault, ForkServer, Outcome, chosen
from support.index import package_index
from support.lab import prefix_stack
from support.wheels import make_wheel

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed"),
]

ERRORS = ("ENOSPC", "EDQUOT", "EIO", "ESTALE", "ENOLCK", "EACCES", "EROFS", "EXDEV", "EINTR")
WHEELS = (
    make_wheel("lines", "1.0"),
    make_wheel("lines", "1.1"),
    make_wheel("spectra", "1.0", requires=["lines"]),
)
CREATE = {"action": "create", "environment": "mine", "requirements": ["lines==1.0"]}
INSTALL = {"action": "install", "environment": "mine", "requirements": ["spectra"]}
LOOSEN = {"action": "install", "environment": "mine", "requirements": ["lines"]}
UPGRADE = {"action": "upgrade", "environment": "mine", "names": []}
REMOVE = {"action": "remove", "environment": "mine", "names": ["spectra"]}
UNDO = {"action": "undo", "environment": "mine"}
DELETE = {"action": "delete", "environment": "mine"}

# What has been done before, what is done under the fault, and what the environment holds before and after.
OLD, BOTH, NEWER = ["lines==1.0"], ["lines==1.0", "spectra==1.0"], ["lines==1.1"]
SCENARIOS: dict[str, tuple[list[Any], Any, list[str] | None, list[str] | None]] = {
    "create": ([], CREATE, None, OLD),
    "install": ([CREATE], INSTALL, OLD, BOTH),
    "upgrade": ([CREATE, LOOSEN], UPGRADE, OLD, NEWER),
    "remove": ([CREATE, INSTALL], REMOVE, BOTH, OLD),
    "undo": ([CREATE, INSTALL], UNDO, BOTH, OLD),
    "sweep": ([CREATE, INSTALL, "litter"], "sweep", BOTH, BOTH),
    "delete": ([CREATE], DELETE, OLD, None),
}


@pytest.fixture(scope="module")
def index() -> Iterator[str]:
    with package_index(WHEELS) as served:
        yield served.simple


class Bench:
    """One scenario with one installer: a prepared home, and a place in which each case gets a copy of it."""

    def __init__(self, server: ForkServer, folder: Path, index: str, installer: str, scenario: str) -> None:
        self.server = server
        self.folder = folder
        self.base = {
            "cache": str(folder / "cache"),
            "python": str(prefix_stack()),
            "index": index,
            "installer": installer,
        }
        before, self.change, self.old, self.new = SCENARIOS[scenario]
        self.prepared = folder / "prepared"
        self.prepared.mkdir()
        self.home = folder / "home"
        self.home.mkdir()
        for change in before:
            if change == "litter":
                _litter(self.home)
            else:
                assert self._run([change]).result == {}, change
        shutil.copytree(self.home, self.prepared, symlinks=True, dirs_exist_ok=True)

    def case(self, do: list[Any], *, look: bool = False) -> dict[str, Any]:
        return {**self.base, "home": str(self.home), "do": do, "look": look}

    def fresh(self) -> None:
        """Put the home back to what was prepared; at the same place, since scripts name their interpreter."""
        shutil.rmtree(self.home)
        shutil.copytree(self.prepared, self.home, symlinks=True)

    def _run(self, do: list[Any], *, look: bool = False) -> Outcome:
        return self.server.run(self.case(do, look=look))

    def faults(self, effects: tuple[str, ...]) -> list[Fault]:
        self.fresh()
        counts = self.server.record(self.case([self.change]))
        return [
            Fault(call, number, effect)
            for call, count in sorted(counts.items())
            for number in range(1, count + 1)
            for effect in effects
        ]

    def try_one(self, fault: Fault) -> None:
        """Meet `fault`, then look, sweep, try again, and look again."""
        self.fresh()
        met = self.server.run_with(self.case([self.change]), fault)
        if met.result is not None:
            assert "error" not in met.result, f"{fault}: not one of our errors: {met.result}"
        seen = self._run([], look=True).result
        assert seen is not None
        assert "environments" in seen, f"{fault}: {seen}"
        assert seen["current_missing"] == [], f"{fault}: {seen}"
        held = self._held(seen, fault)
        assert held in (self.old, self.new), f"{fault}: neither old nor new: {seen}"
        if met.status == 0 and met.result == {}:
            assert held == self.new, f"{fault}: told as done, but {seen}"
        if held != self.new:
            again = self._run([self.change])
            assert again.result == {}, f"{fault}: trying again: {again}"
        after = self._run(["sweep"], look=True).result
        assert after is not None
        assert self._held(after, fault) == self.new, f"{fault}: after trying again: {after}"
        for kind in ("hidden", "locks", "incomplete"):
            assert after[kind] == [], f"{fault}: left over: {after}"

    def _held(self, seen: dict[str, Any], fault: Fault) -> list[str] | None:
        mine = seen["environments"].get("mine")
        if mine is None:
            return None
        assert mine["trouble"] == "", f"{fault}: it does not hold what its record says: {seen}"
        pins: list[str] = mine["pins"]
        return pins


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("installer", ["uv", "pip"])
@pytest.mark.parametrize("kind", ["kill", "error"])
def test_the_old_or_the_new_environment_at_every_call(
    tmp_path: Path, index: str, installer: str, scenario: str, kind: str
) -> None:
    driver = Path(__file__).with_name("driver.py")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    with ForkServer(driver, tmp_path / "server", environment) as server:
        bench = Bench(server, tmp_path, index, installer, scenario)
        faults = bench.faults(("KILL",) if kind == "kill" else ERRORS)
        name = f"{kind} {installer} {scenario}"
        EXIST[name] += len(faults)
        assert faults
        for fault in faults:
            if chosen(f"{name} {fault}"):
                bench.try_one(fault)
                TRIED[name] += 1


def _litter(home: Path) -> None:
    """Leave what interrupted operations leave: half-made generations, a temporary pointer, a lock of nobody."""
    root = home / ".strata"
    half = root / "generations/20200101T000000-0123456789ab"
    (half / "lib/python3.11/site-packages").mkdir(parents=True)
    (half / "lib/python3.11/site-packages/half.py").write_text("x = 1\n")
    (root / "environments/mine/.current.0123456789ab").symlink_to("../../generations/20200101T000000-0123456789ab")
