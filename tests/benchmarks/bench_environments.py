"""Environments: how long they take, against the tools that people use, in one run.

``python tests/benchmarks/bench_environments.py``. A stack with astropy is made once under ``.strata/bench`` from PyPI.
"Warm" means that every wheel is in the cache of whoever is measured.
"""

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from strata_demo.prefix import make_prefix
from strata_lab.changes import Create, Install, Redo, Undo
from strata_lab.operations import Operations
from support.lab import Lab, install_into_stack
from support.wheels import make_wheel
from uv import find_uv_bin

ROOT = Path(__file__).parents[2]
PYPI = "https://pypi.org/simple"
STACK = ("astropy==6.1.7", "numpy==2.2.6", "scipy", "photutils==1.13.0", "matplotlib", "ipykernel", "pip")
WANTED = ("astroquery", "specutils")
_FILE_CALLS = "trace=%file,getdents64"


def main() -> None:
    """Print the table."""
    python = stack()
    with tempfile.TemporaryDirectory(prefix="strata-bench-") as folder:
        home = Path(folder, "home")
        home.mkdir()
        lab = Lab(home, Path(folder, "cache"), python, indexes={"pypi": PYPI})
        operations = lab.operations()
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}")
        print(f"{'':66} {'seconds':>8} {'aim':>6}")
        creating(operations, Path(folder))
        installing(operations, python, Path(folder))
        switching(operations)
        starting(Path(folder))
        calls(lab)


def row(label: str, seconds: float, aim: str = "", more: str = "") -> None:
    print(f"{label:66} {seconds:8.3f} {aim:>6} {more}", flush=True)


def timed(action: Callable[[], object], rounds: int = 5, before: Callable[[], object] = lambda: None) -> float:
    """Return the median of several runs, seconds."""
    taken = []
    for _ in range(rounds):
        before()
        begun = time.perf_counter()
        action()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def stack() -> Path:
    folder = ROOT / ".strata" / "bench" / f"astropy-{sys.version_info[0]}.{sys.version_info[1]}"
    python = folder / "bin" / "python"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        make_prefix(Path(sys.executable), folder)
        install = [find_uv_bin(), "pip", "install", "-q", "--compile-bytecode", "--break-system-packages", "--python"]
        subprocess.run([*install, python, *STACK], check=True)
        (folder / "done").touch()
    return python


def creating(operations: Operations, folder: Path) -> None:
    names = iter(f"created{number}" for number in range(100))
    ours = timed(lambda: operations.execute(Create(environment=next(names))))
    record = operations.environments()[0]
    kernel = operations.layout.generation(record.live or "") / "bin" / "python"
    usable = timed(lambda: subprocess.run([kernel, "-c", "import ipykernel"], check=True))
    target = folder / "venv"
    # The stack is copied without ensurepip, so its twin makes the venv.
    base = Path(sys.base_prefix) / "bin" / "python3"
    venv = [base, "-I", "-m", "venv", "--system-site-packages", target]
    theirs = timed(lambda: subprocess.run(venv, check=True), 3, lambda: shutil.rmtree(target, ignore_errors=True))
    row(
        "overlay, from request to an environment that is switched in",
        ours,
        "0.25",
        f"{theirs / ours:.0f} times as fast",
    )
    row("  its interpreter's start with ipykernel imported", usable)
    row("  python -m venv --system-site-packages", theirs)


def installing(operations: Operations, python: Path, folder: Path) -> None:
    operations.execute(Create(environment="mine"))
    change = Install(environment="mine", requirements=WANTED)
    begun = time.perf_counter()
    plan = operations.plan(change)
    row("plan of astroquery and specutils, nothing cached", time.perf_counter() - begun)
    begun = time.perf_counter()
    record = operations.execute(change)
    row("  install: fetched, imports proved for the first time", time.perf_counter() - begun)
    back = Undo(environment="mine")
    proofs = operations.layout.cache / "proofs"
    operations.execute(back)
    unproved = timed(lambda: operations.execute(change), 1, lambda: shutil.rmtree(proofs, ignore_errors=True))
    row("  install warm, imports proved anew", unproved)
    ours = timed(lambda: operations.execute(change), 3, lambda: operations.execute(back))
    size = sum(path.stat().st_size for path in tree(operations.layout.generation(record.generation))) / 1e6
    shape = f"{size:.0f} MB, {len(plan.added)} packages"
    row("  install warm, these bytes proved on this stack before", ours, "1.0", shape)
    rivals(python, folder, ours)


def rivals(python: Path, folder: Path, ours: float) -> None:
    told = [
        python,
        "-I",
        "-c",
        "import importlib.metadata as m; print(*{f'{d.name}=={d.version}' for d in m.distributions()})",
    ]
    pins = subprocess.run(told, check=True, capture_output=True, text=True).stdout.split()
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(pins), encoding="utf-8")
    target = folder / "rival"

    def fresh() -> None:
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run([python, "-I", "-m", "venv", "--system-site-packages", "--without-pip", target], check=True)

    pip = [sys.executable, "-m", "pip", "--python", target / "bin/python", "install", "-q", "-c", constraints, *WANTED]
    uv = [find_uv_bin(), "pip", "install", "-q", "--python", target / "bin/python", "-c", constraints, *WANTED]
    for label, command in (("pip", pip), ("uv", uv)):
        fresh()
        subprocess.run(command, check=True)
        theirs = timed(lambda command=command: subprocess.run(command, check=True), 2, fresh)  # type: ignore[misc]
        size = sum(path.stat().st_size for path in tree(target)) / 1e6
        row(f"  {label} with constraints, warm", theirs, "", f"{size:.0f} MB, {theirs / ours:.1f} times as long")


def tree(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def switching(operations: Operations) -> None:
    undo = timed(lambda: operations.execute(Undo(environment="mine")), 5, lambda: ready(operations))
    row("undo", undo, "0.050")
    row("sweep with nothing to do", timed(operations.sweep))
    row("list and judge all environments", timed(operations.environments))


def ready(operations: Operations) -> None:
    if operations.environment("mine").can_redo:
        operations.execute(Redo(environment="mine"))


def starting(folder: Path) -> None:
    """The check at the start of a lab: a stack of 500 distributions that is not the one of yesterday."""
    python = make_prefix(Path(sys.executable), folder / "big")
    wheels = [make_wheel(f"d{n}", "1.0", requires=[f"d{(n + k) % 500}>=1" for k in (1, 2, 3)]) for n in range(500)]
    install_into_stack(python, *wheels)
    home = folder / "bighome"
    home.mkdir()
    lab = Lab(home, folder / "bigcache", python)
    for number in range(5):
        lab.operations().execute(Create(environment=f"e{number}"))
    install_into_stack(python, make_wheel("another", "1.0"))

    def cold() -> None:
        shutil.rmtree(lab.cache / "stacks")

    row("stack of 500 distributions described by its interpreter", timed(lab.stack, 3, cold))
    described = lab.stack()
    row("  again, nothing changed", timed(lab.stack))
    operations = Operations(lab.layout, described)
    row("check of 5 environments against it at start", timed(operations.environments), "0.15")


def calls(lab: Lab) -> None:
    """Metadata calls in the home, per operation: on a network home each costs a round trip."""
    strace = shutil.which("strace")
    if strace is None:
        print("metadata calls: strace is not installed here")
        return
    print(f"{'':66} {'calls':>8} {'5 ms':>6}")
    for label, code in (
        ("metadata calls in the home: list and judge", "operations.environments()"),
        ("  redo", "operations.execute(Redo(environment='mine'))"),
        ("  undo", "operations.execute(Undo(environment='mine'))"),
        ("  create", "operations.execute(Create(environment='counted'))"),
        ("  rename", "operations.execute(Rename(environment='counted', new_name='other'))"),
        ("  delete", "operations.execute(Delete(environment='other'))"),
    ):
        count = counted(strace, lab, code)
        print(f"{label:66} {count:8} {count * 0.005:5.2f} s", flush=True)


def counted(strace: str, lab: Lab, code: str) -> int:
    program = f"""
import os
from pathlib import Path
from support.lab import Lab
from strata_lab.changes import Create, Delete, Redo, Rename, Undo
lab = Lab(Path({str(lab.home)!r}), Path({str(lab.cache)!r}), Path({str(lab.stack_python)!r}), indexes={lab.indexes!r})
operations = lab.operations()
operations.sweep()
os.access("/begin", 0)
{code}
os.access("/end", 0)
"""
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as log:
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'tests'}:{ROOT / 'docker' / 'demo'}"}
        command = [strace, "-f", "-y", "-e", _FILE_CALLS, "-o", log.name, sys.executable, "-c", program]
        subprocess.run(command, env=environ, check=True)
        text = log.read()
    text = text[text.index('"/begin"') : text.index('"/end"')]
    return len(re.findall(rf"^.*{re.escape(str(lab.home))}.*$", text, re.MULTILINE))


if __name__ == "__main__":
    main()
