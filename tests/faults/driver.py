"""What each forked case does: open the operations on a home and carry out, sweep or look at environments."""

import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "docker/demo"))

from strata_lab.changes import parse_change
from strata_lab.errors import StrataError
from strata_lab.operations import Operations
from strata_lab.plans import Consent
from support.faults import serve
from support.lab import Lab


def perform(case: dict[str, Any]) -> dict[str, Any]:
    """Carry out ``case["do"]``, a list of changes or ``sweep``; then describe what there is if ``look`` is asked."""
    lab = Lab(Path(case["home"]), Path(case["cache"]), Path(case["python"]), indexes={"main": case["index"]})
    operations = lab.operations(installer=case["installer"], lock_wait=case.get("lock_wait", 0))
    for change in case["do"]:
        if change == "sweep":
            operations.sweep()
        else:
            try:
                operations.execute(parse_change(change), Consent())
            except StrataError as error:
                return {"refused": error.code, "message": error.sentence()}
    return look(lab, operations) if case.get("look") else {}


def look(lab: Lab, operations: Operations) -> dict[str, Any]:
    """Return what each environment holds by its record, what its interpreter imports, and what lies about."""
    found: dict[str, Any] = {}
    for status in operations.environments():
        assert status.record, f"{status.name} has no readable record: {status.reasons}"
        pins = sorted(item.pin for item in status.record.locked)
        found[status.name] = {"pins": pins, "state": status.state, "trouble": _trouble(lab, status.name, pins)}
    root = lab.home / ".strata"
    generations = {path.name for path in (root / "generations").glob("*")}
    named = {path.readlink().name for path in root.glob("environments/*/current")}
    return {
        "environments": found,
        "current_missing": sorted(named - generations),
        "hidden": sorted(str(path.relative_to(root)) for path in root.rglob(".*") if _ours(path)),
        "locks": sorted(path.name for path in (root / "locks").glob("*")),
        "incomplete": sorted(
            name for name in generations if not (root / "generations" / name / "record.json").exists()
        ),
    }


def _ours(path: Path) -> bool:
    return "site-packages" not in path.parts


def _trouble(lab: Lab, name: str, pins: list[str]) -> str:
    """Return what the environment's own interpreter says against its record; empty when all is as recorded."""
    python = lab.layout.current(name) / "bin/python"
    modules = [pin.partition("==")[0].replace("-", "_") for pin in pins]
    versions = "".join(f"assert version({pin.partition('==')[0]!r}) == {pin.partition('==')[2]!r};" for pin in pins)
    code = f"from importlib.metadata import version; {versions}" + "".join(f"import {module};" for module in modules)
    done = subprocess.run([python, "-B", "-s", "-P", "-c", code], check=False, capture_output=True, text=True)
    return done.stderr if done.returncode else ""


if __name__ == "__main__":
    serve(perform)
