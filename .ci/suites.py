"""Run every suite in two lanes side by side, then once more, alone, what failed among the tests on real parts.

Two cores are shared by real databases, registries, browsers and a Kubernetes node while the lanes run. A test on real
parts that fails then is run a second time on the quiet machine, and named in the output: it must pass there, or the run
fails. Style, types, unit tests and contracts get no second run.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path

REPORTS = Path(".strata/reports")
# The share of the cases of faults that fits the time; the same ones each time.
FAULTS = "0.03"
ENDS_AT = time.monotonic() + 58 * 60
LANES = (("test",), ("test-faults", "cluster-bin", "test-cluster"))
_FAILED = re.compile(r"\*\*\* \[[^]]*: ([\w-]+)\] Error")
REAL = ("integration", "browser", "test-faults", "test-cluster")


def main() -> int:
    """Return 0 if every suite passed."""
    started = time.monotonic()
    for step in (["make", "system-packages"], ["make", "sync"]):
        subprocess.run(step, check=True)
    REPORTS.mkdir(parents=True, exist_ok=True)
    for old in REPORTS.rglob("*.xml"):
        old.unlink()
    os.environ.setdefault("FAULTS", FAULTS)
    failed: list[str] = []
    lanes = [threading.Thread(target=_lane, args=(lane, failed, started)) for lane in LANES]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    counts = _counts(REPORTS.glob("*.xml"))
    certain = [suite for suite in failed if suite not in REAL]
    for suite in [suite for suite in failed if suite in REAL]:
        again = REPORTS / f"again/{suite}.xml"
        print(f"\n=== {suite}: what failed beside the other lane, once more and alone", flush=True)
        if _make(suite, again.parent, ["PYTEST_ARGS=--last-failed --last-failed-no-failures=none"]):
            certain.append(suite)
        else:
            passed = _counts([again])["passed"]
            print(f"=== {suite}: {passed} passed only in the second run: {', '.join(_names(again))}", flush=True)
            counts["passed"] += passed
            counts["failed"] -= passed
    print(f"\n{time.monotonic() - started:.0f} s; suites that failed: {', '.join(certain) or 'none'}")
    print(f"{counts['passed']} passed, {max(counts['failed'], len(certain))} failed, {counts['skipped']} skipped")
    return 1 if certain else 0


def _lane(suites: tuple[str, ...], failed: list[str], started: float) -> None:
    for suite in suites:
        print(f"=== {suite} begins at {time.monotonic() - started:.0f} s", flush=True)
        failed += _make(suite, REPORTS, [])


def _make(target: str, reports: Path, more: list[str]) -> list[str]:
    """Make one target and print its output in one piece, so that lanes do not mix; return which suites failed."""
    log = REPORTS / f"{target}.log"
    with log.open("wb") as output:
        command = ["make", "--keep-going", target, f"REPORTS={reports}", *more]
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status = process.wait(max(1.0, ENDS_AT - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            status = process.wait()
    told = log.read_text(errors="replace")
    print(f"\n=== {target}: status {status}\n{told}", flush=True)
    return sorted(set(_FAILED.findall(told))) or [target] if status else []


def _counts(reports: Iterable[Path]) -> dict[str, int]:
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for report in reports:
        for suite in ET.parse(report).getroot().iter("testsuite"):
            numbers = {name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")}
            failures = numbers["failures"] + numbers["errors"]
            counts["failed"] += failures
            counts["skipped"] += numbers["skipped"]
            counts["passed"] += numbers["tests"] - failures - numbers["skipped"]
    return counts


def _names(report: Path) -> list[str]:
    cases = ET.parse(report).getroot().iter("testcase")
    return [f"{case.get('classname', '')}::{case.get('name', '')}" for case in cases]


if __name__ == "__main__":
    sys.exit(main())
