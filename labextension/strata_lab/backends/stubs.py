"""Wheels that hold nothing but the metadata of the stack's distributions.

uv looks at indexes, not at the stack. Told that each of the stack's distributions is at hand in exactly its version,
also those that no index knows (conda-built, ``+local``), it resolves against the stack as it is and explains conflicts
with it.
"""

import os
import shutil
import zipfile
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from strata_lab.layout import make_private
from strata_lab.stack import Distribution, Stack

_EPOCH = (1980, 1, 1, 0, 0, 0)


def stub_folder(stack: Stack, cache: Path) -> Path:
    """Return the folder of a stack's stubs, made at most once per fingerprint."""
    parent = make_private(make_private(cache) / "stubs")
    folder = parent / stack.fingerprint
    if folder.is_dir():
        return folder
    part = parent / f".{stack.fingerprint}.{os.getpid()}"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o700)
    for distribution in stack.by_name.values():
        if is_version(distribution.version):
            _write(part, distribution)
    try:
        part.rename(folder)
    except OSError:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def pins(stack: Stack, free: frozenset[str]) -> list[str]:
    """Return ``name==version`` for each distribution of the stack that must keep its version."""
    return [
        f"{item.name}=={item.version}"
        for item in stack.by_name.values()
        if item.name not in free and is_version(item.version)
    ]


def is_version(text: str) -> bool:
    """Whether a resolver can understand a version: conda packages may have others."""
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _write(folder: Path, distribution: Distribution) -> None:
    name = canonicalize_name(distribution.name).replace("-", "_")
    version = str(Version(distribution.version))
    lines = ["Metadata-Version: 2.1", f"Name: {distribution.name}", f"Version: {version}"]
    lines += [f"Provides-Extra: {extra}" for extra in distribution.extras]
    lines += [f"Requires-Dist: {requirement}" for requirement in distribution.requires]
    info = f"{name}-{version}.dist-info"
    wheel = "Wheel-Version: 1.0\nGenerator: strata\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {f"{info}/METADATA": "\n".join(lines) + "\n", f"{info}/WHEEL": wheel}
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), text)
