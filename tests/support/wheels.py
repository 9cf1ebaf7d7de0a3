"""Real wheels, made in memory."""

import base64
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_EPOCH = (2024, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Wheel:
    """A wheel's file name and bytes."""

    filename: str
    data: bytes

    @property
    def name(self) -> str:
        """The distribution's name as the file name spells it, with '-'."""
        return self.filename.split("-", 1)[0].replace("_", "-").lower()

    @property
    def sha256(self) -> str:
        """The hash of the file."""
        return hashlib.sha256(self.data).hexdigest()


def make_sdist(name: str, version: str, *, side_effect: str = "pass") -> Wheel:
    """Return a source distribution with a build backend of its own, which needs nothing from an index.

    Parameters
    ----------
    side_effect
        A statement that the backend runs when it is imported.
    """
    wheel = make_wheel(name, version)
    module = name.replace("-", "_")
    backend = f"""
{side_effect}
import base64
WHEEL = base64.b64decode({base64.b64encode(wheel.data).decode()!r})
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with open(wheel_directory + "/{wheel.filename}", "wb") as stream:
        stream.write(WHEEL)
    return "{wheel.filename}"
"""
    project = f"""[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "{name}"
dynamic = ["version"]
"""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in {"backend.py": backend, "pyproject.toml": project}.items():
            entry = tarfile.TarInfo(f"{module}-{version}/{path}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return Wheel(f"{module}-{version}.tar.gz", buffer.getvalue())


def make_wheel(
    name: str,
    version: str,
    *,
    requires: Iterable[str] = (),
    files: Mapping[str, str] | None = None,
    entry_points: str = "",
    extras: Iterable[str] = (),
    requires_python: str = "",
    tag: str = "py3-none-any",
    record: Mapping[str, str] | None = None,
) -> Wheel:
    """Return a wheel; by default with one module of its own name that knows its version.

    Parameters
    ----------
    record
        Further rows of RECORD, path to hash, whatever they say.
    """
    module = name.replace("-", "_").replace(".", "_").lower()
    info = f"{module}-{version}.dist-info"
    contents = dict(files) if files is not None else {f"{module}/__init__.py": f'__version__ = "{version}"\n'}
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    metadata += [f"Requires-Python: {requires_python}"] if requires_python else []
    metadata += [f"Provides-Extra: {extra}" for extra in extras]
    metadata += [f"Requires-Dist: {requirement}" for requirement in requires]
    contents[f"{info}/METADATA"] = "\n".join(metadata) + "\n"
    contents[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n"
    if entry_points:
        contents[f"{info}/entry_points.txt"] = entry_points
    rows = [f"{path},sha256={_digest(text)},{len(text.encode())}" for path, text in contents.items()]
    rows += [f"{path},{digest}," for path, digest in (record or {}).items()]
    contents[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,"]) + "\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in contents.items():
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), text)
    return Wheel(f"{module}-{version}-{tag}.whl", buffer.getvalue())


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
