"""Labs to make environments in: a machinery, stacks of every kind, an index, a home."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from strata_demo.prefix import make_prefix
from strata_lab import activation, image_contract
from strata_lab.guard import Policy
from strata_lab.image_contract import ImageContract
from strata_lab.layout import Layout
from strata_lab.operations import Operations
from strata_lab.stack import Stack, describe

from support.inventory import Inventory, inventory
from support.wheels import Wheel, make_wheel

KEPT = Path(__file__).parents[2] / ".strata" / "lab-tests"
STACK_WHEELS = (
    make_wheel("starmath", "1.0"),
    make_wheel("skyplot", "2.0", requires=["starmath<2", "colours>=1"]),
    make_wheel("colours", "1.5+conda.1"),
    make_wheel("kubernetes-asyncio", "32.0", files={"kubernetes_asyncio/__init__.py": "real = True\n"}),
)
_PYTHON = Path(sys.executable)


@dataclass(frozen=True)
class Lab:
    """One user's lab.

    Attributes
    ----------
    home
        The user's home.
    stack_python
        The stack's interpreter.
    """

    home: Path
    cache: Path
    stack_python: Path
    kind: str = "prefix"
    indexes: Mapping[str, str] = field(default_factory=dict)
    activation: Mapping[str, object] | None = None
    title: str = "Science"

    @property
    def layout(self) -> Layout:
        """Where things lie."""
        return Layout(self.home / ".strata", self.cache)

    @property
    def contract(self) -> ImageContract:
        """The image's contract."""
        return image_contract.parse(
            json.dumps(
                {
                    "contract": 1,
                    "machinery": {"prefix": sys.prefix},
                    "stack": {
                        "title": self.title,
                        "kind": self.kind,
                        "python": str(self.stack_python),
                        "activation": self.activation,
                    },
                    "indexes": [{"name": name, "url": url} for name, url in self.indexes.items()],
                }
            )
        )

    def stack(self) -> Stack:
        """Describe the stack, inside its activation."""
        environ = activation.environment(self.contract, {"HOME": str(self.home), "PATH": "/usr/bin:/bin"})
        return describe(self.contract, self.cache, environ=environ)

    def operations(self, **policy: object) -> Operations:
        """Return the engine; `policy` are settings of :class:`~strata_lab.guard.Policy`."""
        return Operations(
            self.layout,
            self.stack(),
            Policy.of(self.contract, **policy),
            environ={"JUPYTERHUB_USER": "ada", "STRATA_IMAGE": "registry.example/lab:1@sha256:" + "0" * 64},
        )

    def everything(self) -> Inventory:
        """Return mode, size and hash or target of all that lies in the home."""
        return inventory(self.home)


def prefix_stack() -> Path:
    """Return the interpreter of a plain-prefix stack, made once per checkout."""
    return _made("prefix", _make_prefix) / "bin" / "python"


def venv_stack() -> Path:
    """Return the interpreter of a stack that is itself a venv, on an interpreter of its own."""
    base = prefix_stack()

    def make(folder: Path) -> None:
        subprocess.run([base, "-I", "-m", "venv", "--without-pip", folder], check=True, capture_output=True)
        _install(folder / "bin" / "python", STACK_WHEELS[:3])

    return _made("venv", make) / "bin" / "python"


def script_stack(folder: Path, products: int = 3) -> tuple[Path, Path]:
    """Return interpreter and set-up script of a stack whose products come by PYTHONPATH, made in `folder`."""
    products_folder = folder / "products"
    wheels = [*STACK_WHEELS[:3], *(make_wheel(f"product{number}", "1.0") for number in range(products))]
    for wheel in wheels:
        place = products_folder / wheel.name / "1.0" / "python"
        place.mkdir(parents=True)
        unpack(wheel, place)
    lines = [
        f'export PYTHONPATH="{path}${{PYTHONPATH:+:$PYTHONPATH}}"'
        for path in sorted(products_folder.glob("*/*/python"))
    ]
    script = folder / "load.sh"
    script.write_text("export STACK_SITE=$1\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return _made("bare", _make_bare) / "bin" / "python", script


def unpack(wheel: Wheel, folder: Path) -> None:
    """Extract a wheel as it is."""
    with zipfile.ZipFile(io.BytesIO(wheel.data)) as archive:
        archive.extractall(folder)


def copy_prefix(target: Path) -> Path:
    """Return the interpreter of a copy of the plain-prefix stack to which a test may add and from which it may remove.

    The files are links to those of the original: replace them, never write into them.
    """
    shutil.copytree(prefix_stack().parent.parent, target, symlinks=True, copy_function=_link)
    return target / "bin" / "python"


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target)


def install_into_stack(python: Path, *wheels: Wheel) -> None:
    """Install wheels into a stack, replacing what has the same name."""
    site = next((python.parent.parent / "lib").glob("python3.*")) / "site-packages"
    for wheel in wheels:
        module = wheel.filename.split("-")[0]
        for old in [*site.glob(f"{module}-*.dist-info"), *site.glob(module)]:
            shutil.rmtree(old)
        unpack(wheel, site)


def _make_bare(folder: Path) -> None:
    make_prefix(_PYTHON, folder)
    site = next((folder / "lib").glob("python3.*")) / "site-packages"
    for source in _PYTHON.parent.parent.glob("lib/python3.*/site-packages/pip*"):
        shutil.copytree(source, site / source.name, ignore=shutil.ignore_patterns("__pycache__"))


def _make_prefix(folder: Path) -> None:
    _make_bare(folder)
    _install(folder / "bin" / "python", STACK_WHEELS)


def _install(python: Path, wheels: tuple[Wheel, ...]) -> None:
    site = next((python.parent.parent / "lib").glob("python3.*")) / "site-packages"
    for wheel in wheels:
        unpack(wheel, site)


def _made(name: str, make: Callable[[Path], None]) -> Path:
    described = f"{sys.version}{[wheel.sha256 for wheel in STACK_WHEELS]}{Path(__file__).read_text(encoding='utf-8')}"
    folder = KEPT / f"{name}-{hashlib.sha256(described.encode()).hexdigest()[:12]}"
    if not folder.is_dir():
        KEPT.mkdir(parents=True, exist_ok=True)
        part = KEPT / f".{folder.name}.{os.getpid()}"
        shutil.rmtree(part, ignore_errors=True)
        make(part)
        try:
            part.rename(folder)
        except OSError:
            shutil.rmtree(part, ignore_errors=True)
    return folder
