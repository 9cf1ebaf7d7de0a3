"""Stacks as images have them: a plain prefix, a conda prefix with activate scripts, and one that a script sets up."""

import json
import sys
import sysconfig
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from strata_demo.prefix import make_prefix
from strata_lab import activation as stack_activation
from strata_lab import image_contract
from strata_lab.layout import Layout
from strata_lab.operations import Operations
from strata_lab.stack import describe

PRODUCTS = 150
SETUP_SECONDS = "0.4"


def plain(folder: Path) -> Path:
    """Make a prefix with ipykernel in it and nothing else; return its interpreter."""
    return prefix_with(folder / "stack", "ipykernel")


def machinery(folder: Path) -> Path:
    """Make a plain prefix that holds JupyterLab and Strata: unlike a venv, it reads ``~/.local`` unless told not to."""
    python = prefix_with(folder / "machinery", "jupyterlab", "strata-lab", "ipykernel")
    for name in ("etc", "share"):
        (folder / "machinery" / name).symlink_to(Path(sys.prefix) / name)
    return python


def prefix_with(prefix: Path, *names: str) -> Path:
    """Make a prefix that sees some of the distributions of this Python, and what they need; return its interpreter."""
    make_prefix(Path(sys.executable), prefix)
    site = next(prefix.glob("lib/python3.*/site-packages"))
    source = Path(sysconfig.get_path("purelib"))
    for name in set().union(*(closure(asked) for asked in names)):
        for entry in _top_level(name):
            target = site / entry
            if not target.exists() and (source / entry).exists():
                target.symlink_to(source / entry)
    return prefix / "bin" / "python3"


def closure(name: str) -> set[str]:
    """Return the names of a distribution and of all that it needs here."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        found.add(current)
        for text in metadata.requires(current) or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return found


def _top_level(name: str) -> set[str]:
    files = metadata.files(name) or []
    return {path.parts[0] for path in files if path.parts[0] not in {"..", "__pycache__"}}


def with_activate_script(folder: Path) -> Path:
    """Make a conda-like prefix whose activate script sets variables; return its interpreter."""
    python = plain(folder)
    scripts = python.parent.parent / "etc" / "conda" / "activate.d"
    scripts.mkdir(parents=True)
    (python.parent.parent / "conda-meta").mkdir()
    (scripts / "10-proj.sh").write_text(
        'export PROJ_DATA="$CONDA_PREFIX/share/proj"\nexport PATH="$CONDA_PREFIX/extra:$PATH"\n'
    )
    (scripts / "20-fish.fish").write_text("set -gx WRONG 1\n")
    return python


def with_products(folder: Path, *, count: int = PRODUCTS) -> tuple[Path, Path]:
    """Make a stack that a script sets up with `count` folders on PYTHONPATH; return its interpreter and the script."""
    python = plain(folder)
    products = folder / "products"
    for index in range(count):
        name = f"product{index:03d}"
        modules = products / name / "1.0" / "python"
        info = modules / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (modules / name).mkdir()
        (modules / name / "__init__.py").write_text('VERSION = "1.0"\n')
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "RECORD").write_text(f"{name}/__init__.py,,\n{name}-1.0.dist-info/METADATA,,\n")
    script = folder / "setup.bash"
    script.write_text(
        f"setup() {{ export SETUP_$1=yes; }}\nexport -f setup\nsleep {SETUP_SECONDS}\n"
        f'export STACK_SITE="$1"\nfor product in {products}/*/1.0; do\n'
        '  export PYTHONPATH="$product/python${PYTHONPATH:+:$PYTHONPATH}"\n'
        '  export LD_LIBRARY_PATH="$product/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"\ndone\n'
    )
    return python, script


def contract(
    folder: Path,
    python: Path,
    kind: str,
    *,
    title: str = "Survey stack 2026.47",
    index: str | None = None,
    activation: Mapping[str, object] | None = None,
) -> Path:
    """Write an image contract and return its path."""
    path = folder / "image.json"
    document = {
        "contract": 1,
        "machinery": {"prefix": sys.prefix},
        "stack": {"title": title, "kind": kind, "python": str(python), "activation": activation},
        "indexes": [{"name": "site", "url": index}] if index else [],
    }
    path.write_text(json.dumps(document))
    return path


def operations(folder: Path, home: Path) -> Operations:
    """Return the engine on the stack whose contract lies in `folder`, for a lab whose files lie there too."""
    environ = {"HOME": str(home), "XDG_CACHE_HOME": str(folder / "cache"), "USER": "tester"}
    contract = image_contract.load(folder / "image.json")
    layout = Layout.of(contract, environ)
    return Operations(layout, describe(contract, layout.cache, environ=stack_activation.environment(contract, environ)))
