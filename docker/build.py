"""Build the stack, lab and hub images with buildah from this checkout, without a public registry.

``python docker/build.py lab`` leaves an OCI layout under ``.strata/images`` and prints its path. Everything is kept by
content: what did not change is not made again. It needs root, buildah and busybox.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / ".strata/images"
UV = ROOT / ".strata/tools/bin/uv"
sys.path[:0] = [str(ROOT / "docker"), str(ROOT / "docker/demo")]

from rootfs import make_rootfs  # noqa: E402 - its folder was put on the path above
from strata_demo.prefix import make_prefix  # noqa: E402 - as above

TITLES = {"lab": "Science lab 2026", "lab-next": "Science lab 2027"}
STACK_REQUIREMENTS = ROOT / "docker/demo/stacks/science-2026.txt"
MACHINERY_PYTHON = "/opt/strata/python/bin/python3"


def main() -> int:
    """Build the image that the command line names: ``lab``, ``lab-next`` or ``hub``."""
    builders: dict[str, Callable[[], Path]] = {
        "lab": lambda: lab("lab"),
        "lab-next": lambda: lab("lab-next"),
        "hub": hub,
    }
    if len(sys.argv[1:]) != 1 or sys.argv[1] not in builders:
        print(f"say one of {', '.join(builders)}", file=sys.stderr)
        return 2
    print(builders[sys.argv[1]]())
    return 0


def lab(name: str) -> Path:
    """Return the OCI layout of a lab image."""
    machinery, below = _venv("machinery"), stack()
    contract = {
        "contract": 1,
        "machinery": {"prefix": "/opt/strata/machinery"},
        "stack": {"title": TITLES[name], "kind": "prefix", "python": "/opt/stack/bin/python3", "activation": None},
        "indexes": [{"name": "pypi", "url": "https://pypi.org/simple"}],
        "channels": [],
        "environments": None,
        "cache": None,
    }
    document = json.dumps(contract, indent=2).encode()
    containerfile = ROOT / "docker/lab/Containerfile"

    def make(folder: Path) -> None:
        context = folder / "context"
        context.mkdir()
        (context / "image.json").write_bytes(document)
        (context / "machinery").symlink_to(machinery, target_is_directory=True)
        arguments = {"STACK": f"oci:{below}", "TITLE": TITLES[name]}
        _image(folder, containerfile, {"machinery": machinery, "image.json": context / "image.json"}, arguments)

    return _kept(name, make, containerfile.read_bytes(), document, machinery.parent.name, below.parent.name) / "oci"


def hub() -> Path:
    """Return the OCI layout of the hub image."""
    below, containerfile = stack(), ROOT / "docker/hub/Containerfile"
    installed = _venv("hub")

    def make(folder: Path) -> None:
        _image(folder, containerfile, {"hub": installed}, {"BASE": f"oci:{below}"})

    return _kept("hub-image", make, containerfile.read_bytes(), installed.parent.name, below.parent.name) / "oci"


def stack() -> Path:
    """Return the OCI layout of a stack with a Python prefix of its own."""
    containerfile = ROOT / "docker/stack/Containerfile"

    def make(folder: Path) -> None:
        interpreter = make_prefix(_python(), folder / "stack")
        target = ["--python", interpreter, "--prefix", folder / "stack", "--break-system-packages"]
        _uv("pip", "install", *target, "--require-hashes", "-r", STACK_REQUIREMENTS)
        # Nothing may depend on where the prefix was made.
        shutil.rmtree(folder / "stack/bin/__pycache__", ignore_errors=True)
        _point_scripts(folder / "stack/bin", str(interpreter), "/opt/stack/bin/python3")
        make_rootfs(folder / "rootfs", [interpreter, folder / "stack/lib", _venv("machinery"), _venv("hub")])
        _image(folder, containerfile, {"rootfs": folder / "rootfs", "stack": folder / "stack"}, {})

    parts = (STACK_REQUIREMENTS.read_bytes(), containerfile.read_bytes(), (ROOT / "docker/rootfs.py").read_bytes())
    return _kept("stack", make, *parts, sys.version) / "oci"


def _venv(group: str) -> Path:
    """Return a folder with ``python`` and a venv named after `group`, to be copied to ``/opt/strata``."""

    def make(folder: Path) -> None:
        tree = folder / "tree"
        interpreter = make_prefix(_python(), tree / "python")
        venv = tree / group
        _uv("venv", "--relocatable", "--python", interpreter, venv)
        environment = {"UV_PROJECT_ENVIRONMENT": str(venv)}
        options = ["--frozen", "--no-default-groups", "--only-group", group, "--no-editable", "--compile-bytecode"]
        _uv("sync", *options, "--python", venv / "bin/python", "--project", ROOT, **environment)
        for link in ("python", "python3", interpreter.name):
            (venv / "bin" / link).unlink(missing_ok=True)
            (venv / "bin" / link).symlink_to(MACHINERY_PYTHON)
        config = venv / "pyvenv.cfg"
        lines = [line for line in config.read_text("utf-8").splitlines() if not line.startswith("home")]
        config.write_text("\n".join([f"home = {Path(MACHINERY_PYTHON).parent}", *lines]) + "\n", "utf-8")

    return _kept(group, make, *_sources(group), sys.version) / "tree"


def _sources(group: str) -> list[bytes]:
    project = ROOT / ("labextension" if group == "machinery" else "spawner")
    package = project / ("strata_lab" if group == "machinery" else "src/strata_hub")
    files = [ROOT / "uv.lock", project / "pyproject.toml"]
    files += [path for path in sorted(package.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    return [part for path in files for part in (str(path.relative_to(ROOT)).encode(), path.read_bytes())]


def _kept(name: str, make: Callable[[Path], None], *parts: bytes | str) -> Path:
    """Return the folder of `name` for exactly these parts, made once and moved to its place when it is complete."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8, "big") + content)
    target = IMAGES / f"{name}-{digest.hexdigest()[:20]}"
    if not target.exists():
        unfinished = IMAGES / f".{target.name}.{os.getpid()}"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        print(f"building {name}", file=sys.stderr, flush=True)
        make(unfinished)
        try:
            unfinished.rename(target)
        except OSError:
            # Somebody else was faster with the same content.
            shutil.rmtree(unfinished)
    return target


def _image(folder: Path, containerfile: Path, contexts: dict[str, Path], arguments: dict[str, str]) -> None:
    """Build an image from `containerfile`, whose context holds each of `contexts` by name, into ``folder/oci``."""
    context = folder / "context"
    context.mkdir(exist_ok=True)
    for name, source in contexts.items():
        place = context / name
        if place.is_symlink():
            place.unlink()
        if source != place:
            _linked(source, place)
    storage = ["--storage-driver", "overlay", "--root", str(folder / "storage"), "--runroot", str(folder / "run")]
    for key, value in arguments.items():
        if value.startswith("oci:"):
            # Only an image of the local storage can be built upon where there is no registry.
            below = f"localhost/strata/{key.lower()}:below"
            _run(
                [
                    "skopeo",
                    "copy",
                    "--quiet",
                    value,
                    f"containers-storage:[overlay@{folder}/storage+{folder}/run]{below}",
                ]
            )
            arguments = {**arguments, key: below}
    given = [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
    build = [
        "build",
        "--pull-never",
        "--isolation",
        "chroot",
        "--file",
        str(containerfile),
        "--tag",
        "image",
        *given,
        str(context),
    ]
    _run(["buildah", *storage, *build])
    _run(["buildah", *storage, "push", "--format", "oci", "image", f"oci:{folder / 'oci'}"])
    for part in ("storage", "run", "context", "rootfs", "stack"):
        shutil.rmtree(folder / part, ignore_errors=True)


def _linked(source: Path, place: Path) -> None:
    """Put `source` at `place` without copying its bytes."""
    if source.is_dir():
        shutil.copytree(source, place, symlinks=True, copy_function=os.link)
    else:
        os.link(source, place)


def _point_scripts(folder: Path, old: str, new: str) -> None:
    for script in folder.iterdir():
        if script.is_file() and not script.is_symlink():
            content = script.read_bytes()
            if content.startswith(b"#!"):
                script.write_bytes(content.replace(old.encode(), new.encode(), 1))


def _python() -> Path:
    """Return a Python that is recent enough for the machinery: the one that runs this."""
    return Path(sys.executable)


def _uv(*words: object, **environment: str) -> None:
    dropped = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
    clean = {name: value for name, value in os.environ.items() if name not in dropped}
    _run([str(UV), *map(str, words), "--quiet", "--no-progress"], {**clean, **environment})


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:3])} … ended with {done.returncode}: {done.stderr[-3000:]}")


if __name__ == "__main__":
    sys.exit(main())
