"""The proof that a new generation works: its own interpreter imports what is new, in the versions installed."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from strata_lab import probes
from strata_lab.backends.base import Proof, Work
from strata_lab.environments import Locked
from strata_lab.errors import VerificationFailed

_TIMEOUT = 300.0


def proof(
    python: Sequence[str | Path],
    imports: Mapping[str, Sequence[str]],
    locked: tuple[Locked, ...],
    work: Work,
    *,
    first: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Proof:
    """Return what the interpreter of a generation says of it.

    Parameters
    ----------
    python
        The interpreter with its options.
    imports
        Modules by the name of what brings them; one of each must be importable.
    locked
        What the interpreter must see, in these versions.
    first
        A folder that must come first on its path.
    environment
        Variables that it runs with.

    Raises
    ------
    VerificationFailed
        If it does not start.
    """
    versions = {item.name: item.version for item in locked}
    task = {"site": str(first or ""), "front": first is not None, "versions": versions, "imports": imports}
    with TemporaryDirectory(dir=work.home) as scratch:
        asked, answer = Path(scratch, "asked.json"), Path(scratch, "answer.jsonl")
        asked.write_text(json.dumps(task), encoding="utf-8")
        finished = work.run([*python, probes.VERIFY, asked, answer], timeout=_TIMEOUT, environment=environment)
        try:
            lines = [json.loads(line) for line in answer.read_text(encoding="utf-8").splitlines()]
        except (OSError, ValueError) as error:
            last = (finished.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise VerificationFailed(f"The new environment's interpreter does not start: {last[:300]}.") from error
    return _judged(lines, imports, locked)


def _judged(lines: list[dict[str, str]], imports: Mapping[str, Sequence[str]], locked: tuple[Locked, ...]) -> Proof:
    imported = [line["module"] for line in lines if line["kind"] == "imported"]
    problems = [line["sentence"] for line in lines if line["kind"] == "problem"]
    failed = {line["module"]: line["sentence"] for line in lines if line["kind"] == "failed"}
    trying = [line["module"] for line in lines if line["kind"] == "trying"]
    if not lines or lines[-1]["kind"] != "end":
        problems.append(f"The interpreter died while importing {trying[-1] if trying else 'nothing'}.")
    notes = []
    for name, modules in imports.items():
        wrong = [failed[module] for module in modules if module in failed]
        if wrong and not set(modules) & set(imported):
            problems.append(f"{name} cannot be imported: {wrong[0]}")
        else:
            notes += wrong
    return Proof(imports=tuple(imported), problems=tuple(problems), notes=tuple(notes), locked=locked)
