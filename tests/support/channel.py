"""A conda channel in a folder: real ``.conda`` archives and repodata, honest or hostile."""

import hashlib
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conda_package_streaming.create import conda_builder
from strata_demo.prefix import make_prefix

PLATFORM = "linux-64"
Json = dict[str, Any]


@dataclass(frozen=True)
class Package:
    """What one archive holds.

    ``files`` are paths with their contents, ``links`` symbolic links with their targets, ``index`` and ``paths``
    replace what would be written into the metadata, for archives that lie.
    """

    name: str
    version: str
    depends: tuple[str, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    entry_points: tuple[str, ...] = ()
    noarch: str | None = None
    build: str = "0"
    index: Mapping[str, Any] = field(default_factory=dict)
    paths: tuple[Json, ...] = ()

    @property
    def subdir(self) -> str:
        """The folder of the channel that it belongs into."""
        return "noarch" if self.noarch else PLATFORM

    @property
    def stem(self) -> str:
        """The archive's name without its extension."""
        return f"{self.name}-{self.version}-{self.build}"


def module(name: str, version: str, *, depends: Iterable[str] = (), text: str = "", **more: Any) -> Package:
    """Return a pure Python package with one module that knows its version."""
    folder = f"site-packages/{name}"
    info = f"site-packages/{name}-{version}.dist-info"
    files = {
        f"{folder}/__init__.py": f"__version__ = {version!r}\n{text}".encode(),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/INSTALLER": b"conda\n",
    }
    files |= more.pop("files", {})
    return Package(name, version, ("python", *depends), files, noarch="python", **more)


def python(folder: Path) -> Package:
    """Return the running interpreter as a package, made in an empty folder."""
    prefix = folder / "python"
    make_prefix(Path(sys.executable), prefix)
    files, links = {}, {}
    for path in sorted(prefix.rglob("*")):
        where = path.relative_to(prefix).as_posix()
        if path.is_symlink():
            if not where.startswith("lib/python3/"):
                links[where] = str(path.readlink())
        elif path.is_file() and "__pycache__" not in path.parts:
            files[where] = path.read_bytes()
    major, minor = sys.version_info[:2]
    version = ".".join(str(part) for part in sys.version_info[:3])
    index = {"python_site_packages_path": f"lib/python{major}.{minor}/site-packages"}
    return Package("python", version, files=files, links=links, index=index)


class Channel:
    """A channel that packages are put into.

    Parameters
    ----------
    folder
        Where its ``noarch`` and platform folders lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._records: dict[str, dict[str, Json]] = {"noarch": {}, PLATFORM: {}}
        for subdir in self._records:
            (folder / subdir).mkdir(parents=True)
        self._write()

    @property
    def url(self) -> str:
        """Its address."""
        return self.folder.as_uri()

    def add(self, *packages: Package, record: Mapping[str, Any] | None = None) -> None:
        """Build archives and list them; ``record`` replaces fields of what the repodata says of them."""
        for package in packages:
            self._add(package, record or {})
        self._write()

    def _add(self, package: Package, record: Mapping[str, Any]) -> None:
        folder = self.folder / package.subdir
        archive = folder / f"{package.stem}.conda"
        index: Json = {
            "name": package.name,
            "version": package.version,
            "build": package.build,
            "build_number": 0,
            "depends": list(package.depends),
            "subdir": package.subdir,
            **({"noarch": package.noarch} if package.noarch else {"arch": "x86_64", "platform": "linux"}),
            **package.index,
        }
        _build(archive, package, index)
        content = archive.read_bytes()
        facts = {
            "sha256": hashlib.sha256(content).hexdigest(),
            "md5": hashlib.md5(content).hexdigest(),
            "size": len(content),
        }
        self._records[package.subdir][archive.name] = {**index, **facts, **record}

    def _write(self) -> None:
        for subdir, records in self._records.items():
            document = {"info": {"subdir": subdir}, "packages": {}, "packages.conda": records, "repodata_version": 1}
            (self.folder / subdir / "repodata.json").write_text(json.dumps(document))


def _build(archive: Path, package: Package, index: Json) -> None:
    entries: list[Json] = [
        {
            "_path": path,
            "path_type": "hardlink",
            "sha256": hashlib.sha256(content).hexdigest(),
            "size_in_bytes": len(content),
        }
        for path, content in package.files.items()
    ]
    entries += [{"_path": path, "path_type": "softlink"} for path in package.links]
    information: dict[str, Any] = {
        "index.json": index,
        "paths.json": {"paths": entries + list(package.paths), "paths_version": 1},
    }
    if package.noarch == "python":
        points = {"type": "python", "entry_points": list(package.entry_points)}
        information["link.json"] = {"noarch": points, "package_metadata_version": 1}
    with conda_builder(package.stem, archive.parent, compression_level=1) as tar:
        for name, document in information.items():
            _add(tar, f"info/{name}", json.dumps(document).encode())
        _add(tar, "info/files", "\n".join([*package.files, *package.links]).encode())
        for path, target in package.links.items():
            link = tarfile.TarInfo(path)
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)
        for path, content in package.files.items():
            _add(tar, path, content, executable=path.startswith("bin/"))


def _add(tar: tarfile.TarFile, path: str, content: bytes, *, executable: bool = False) -> None:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(content), 0o755 if executable else 0o644
    tar.addfile(entry, io.BytesIO(content))


def installed_files(*distributions: str) -> dict[str, bytes]:
    """Return the files of distributions of the running environment, as a package for its Python holds them."""
    program = (
        "import importlib.metadata as m, json, sys;"
        "print(json.dumps([[str(f), str(f.locate())] for d in sys.argv[1:] for f in m.files(d) or []]))"
    )
    done = subprocess.run([sys.executable, "-c", program, *distributions], check=True, capture_output=True, text=True)
    site = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    found = {}
    for where, path in json.loads(done.stdout):
        if not where.startswith("..") and not where.endswith(".pyc") and Path(path).is_file():
            found[f"{site}/{where}"] = Path(path).read_bytes()
    return found
