"""Proofs that were given already: the same bytes on the same stack import as they did the last time."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from strata_lab import probes
from strata_lab.backends.base import Proof, Work
from strata_lab.environments import Locked
from strata_lab.layout import make_private


def recall(work: Work, locked: Sequence[Locked], imports: Mapping[str, Sequence[str]]) -> Proof | None:
    """Return the proof of exactly these files on exactly this stack, if it was given."""
    try:
        document = json.loads(_place(work, locked, imports).read_text(encoding="utf-8"))
        return Proof(imports=tuple(document["imports"]), notes=tuple(document["notes"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep(work: Work, locked: Sequence[Locked], imports: Mapping[str, Sequence[str]], proof: Proof) -> Proof:
    """Remember a proof without problems, and return it."""
    path = _place(work, locked, imports)
    if proof.problems:
        return proof
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps({"imports": proof.imports, "notes": proof.notes}), encoding="utf-8")
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
    return proof


def _place(work: Work, locked: Sequence[Locked], imports: Mapping[str, Sequence[str]]) -> Path:
    said = [
        work.stack.fingerprint,
        sorted(work.stack.environ.items()),
        sorted((item.name, item.version, item.sha256 or "") for item in locked),
        sorted((name, list(modules)) for name, modules in imports.items()),
        hashlib.sha256(probes.VERIFY.read_bytes()).hexdigest(),
    ]
    name = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]
    return make_private(make_private(work.cache) / "proofs") / f"{name}.json"
