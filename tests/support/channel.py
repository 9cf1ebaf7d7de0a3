"""A conda channel in a folder, with real packages that the tests make."""

import asyncio
import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from conda_package_streaming.create import conda_builder
from rattler import Subdir
from rattler.index import index_fs


class Channel:
    """Packages under one folder; `index` makes it a channel."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "noarch").mkdir(parents=True, exist_ok=True)
        (folder / str(Subdir.current())).mkdir(exist_ok=True)

    @property
    def url(self) -> str:
        """The channel's address."""
        return self.folder.as_uri()

    def add(
        self,
        name: str,
        version: str,
        files: Mapping[str, str] | None = None,
        *,
        depends: Sequence[str] = (),
        python: bool = True,
        entry_points: Sequence[str] = (),
        links: Mapping[str, str] | None = None,
    ) -> Path:
        """Make one package of text files, noarch python by default, and return its path."""
        index: dict[str, object] = {
            "name": name,
            "version": version,
            "build": "0",
            "build_number": 0,
            "depends": list(depends),
            "subdir": "noarch",
            "arch": None,
            "platform": None,
            "license": "BSD-3-Clause",
        }
        if python:
            index["noarch"] = "python"
        paths = [
            {
                "_path": path,
                "path_type": "hardlink",
                "sha256": hashlib.sha256(text.encode()).hexdigest(),
                "size_in_bytes": len(text.encode()),
            }
            for path, text in (files or {}).items()
        ]
        paths += [{"_path": path, "path_type": "softlink", "size_in_bytes": 0} for path in links or {}]
        target = self.folder / "noarch" / f"{name}-{version}-0.conda"
        target.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory() as scratch:
            root = Path(scratch)
            (root / "info").mkdir()
            (root / "info/index.json").write_text(json.dumps(index))
            (root / "info/paths.json").write_text(json.dumps({"paths": paths, "paths_version": 1}))
            (root / "info/files").write_text("".join(f"{path['_path']}\n" for path in paths))
            if python:
                link = {"noarch": {"type": "python", "entry_points": list(entry_points)}, "package_metadata_version": 1}
                (root / "info/link.json").write_text(json.dumps(link))
            for path, text in (files or {}).items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
            for path, leads_to in (links or {}).items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).symlink_to(leads_to)
            with conda_builder(f"{name}-{version}-0", target.parent) as archive:
                for entry in sorted(root.rglob("*")):
                    if entry.is_symlink() or not entry.is_dir():
                        archive.add(str(entry), str(entry.relative_to(root)), recursive=False)
        return target

    def index(self) -> "Channel":
        """Write the channel's repodata."""
        asyncio.run(index_fs(self.folder, force=True))
        return self
