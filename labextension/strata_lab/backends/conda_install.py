"""Filling an empty prefix with conda packages; runs in the worker process only."""

import asyncio
import hashlib
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from rattler import MatchSpec, PackageCache, PackageRecord, PrefixRecord, RepoDataRecord
from rattler import install as rattler_install
from rattler.config import Config
from rattler.exceptions import InstallerError
from rattler.networking import Client
from rattler.package_streaming import PackageArchive, download_to_writer

from strata_lab.backends.conda_checks import Archive, archive_problem, clashes
from strata_lab.backends.conda_solve import Json, Problem, check, locked_document

_AT_ONCE = 8
_LIMIT = 8_000_000_000


class _Received:
    """Take an archive's bytes, count and hash them, and tell the progress of all archives together."""

    def __init__(self, target: Path, told: "_Told") -> None:
        self._file = target.open("wb")
        self._hash = hashlib.sha256()
        self._size = 0
        self._told = told

    def write(self, data: bytes) -> int:
        """Take the next bytes."""
        self._size += len(data)
        if self._size > _LIMIT:
            raise Problem("refused", "An archive is larger than any package.")
        self._hash.update(data)
        self._told.add(len(data))
        return self._file.write(data)

    def close(self) -> str:
        """Return the SHA-256 of what came."""
        self._file.close()
        return self._hash.hexdigest()


class _Told:
    """Progress in bytes, as lines on standard error."""

    def __init__(self, total: int) -> None:
        self._total, self._done, self._next = total, 0, 0

    def add(self, count: int) -> None:
        """Count bytes, and tell about every hundredth."""
        self._done += count
        if self._done >= self._next:
            self._next = self._done + max(self._total // 100, 1)
            sys.stderr.write(json.dumps({"done": self._done, "total": self._total}) + "\n")
            sys.stderr.flush()


def _copy(path: Path, received: _Received) -> None:
    with path.open("rb") as source:
        while data := source.read(1 << 20):
            received.write(data)


async def _fetch(item: Json, folder: Path, told: _Told) -> Path:
    url = str(item["url"])
    target = folder / f"{item['sha256']}-{url.rpartition('/')[2]}"
    received = _Received(target, told)
    try:
        if urlsplit(url).scheme == "file":
            await asyncio.to_thread(_copy, Path(unquote(urlsplit(url).path)), received)
        else:
            await download_to_writer(Client(), url, received)
    except OSError as error:
        raise Problem("channel", f"{url} cannot be fetched: {error}") from error
    if received.close() != item["sha256"]:
        target.unlink()
        raise Problem("refused", f"{url} is not the file that was agreed on: its SHA-256 differs.")
    return target


async def _look(item: Json, path: Path) -> Json:
    """Read what an archive says of itself, in the installer's own reading, and judge it."""
    archive = await PackageArchive.from_path(path)
    texts = await archive.read_files(["info/index.json", "info/paths.json", "info/link.json"])
    if texts["info/index.json"] is None or texts["info/paths.json"] is None:
        raise Problem("refused", f"{item['name']} has no list of its files.")
    index = json.loads(texts["info/index.json"])
    listed = json.loads(texts["info/paths.json"])["paths"]
    points = json.loads(texts["info/link.json"] or b"{}").get("noarch", {}).get("entry_points", [])
    links = {}
    async for entry in archive.stream("pkg"):
        if entry.is_hardlink:
            raise Problem("refused", f"{item['name']} has a hard link in its archive.")
        if entry.is_symlink:
            links[entry.name.removeprefix("./")] = entry.link_target or ""
    soft = {path["_path"] for path in listed if path.get("path_type") == "softlink"}
    return {
        "index": index,
        "name": index.get("name", ""),
        "version": index.get("version", ""),
        "build": index.get("build", ""),
        "noarch_python": index.get("noarch") == "python",
        "files": {path["_path"]: path.get("sha256") or "" for path in listed if path["_path"] not in soft},
        "links": links | {path: links.get(path, "") for path in soft},
        "commands": [point.partition("=")[0].strip() for point in points],
    }


def _archive(item: Json, said: Json) -> Archive:
    build = str(item["build"]).partition("/")[0]
    if (said["name"], said["version"], said["build"]) != (item["name"], item["version"], build):
        raise Problem("refused", f"The archive of {item['name']} says that it is {said['name'][:60]!r}.")
    fields = {key: said[key] for key in ("name", "version", "build", "noarch_python", "files", "links")}
    archive = Archive(**fields, commands=tuple(said["commands"]))
    problem = archive_problem(archive)
    if problem:
        raise Problem("refused", f"{item['name']} {item['version']} is not safe to install: {problem}.")
    return archive


def _record(item: Json, said: Json, url: str, scratch: Path) -> RepoDataRecord:
    index = scratch / f"{item['sha256']}.json"
    index.write_text(json.dumps(said["index"]), encoding="utf-8")
    package = PackageRecord.from_index_json(index, item["size"], item["sha256"], None)
    return RepoDataRecord(package, str(item["url"]).rpartition("/")[2], url, item["index"])


def _site_packages(items: list[Json], seen: dict[str, Json]) -> str:
    for item in items:
        if item["name"] == "python":
            said: str | None = seen[item["sha256"]]["index"].get("python_site_packages_path")
            return said or f"lib/python{'.'.join(str(item['version']).split('.')[:2])}/site-packages"
    return "lib/python/site-packages"


async def install(request: Json) -> Json:
    """Fill ``prefix`` with exactly ``packages``, and return ``notes``.

    Each archive is fetched, hashed, read and judged before the installer sees it; what an archive says of itself is
    remembered under its hash, so that an extracted one in the cache needs no second look.
    """
    packages, cache, prefix = request["packages"], Path(request["cache"]), Path(request["prefix"])
    check(packages, request["channels"])
    folders = {name: cache / name for name in ("packages", "archives", "seen")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    index = await PackageCache(folders["packages"]).index()
    seen: dict[str, Json] = {}
    missing = []
    for item in packages:
        note = folders["seen"] / f"{item['sha256']}.json"
        try:
            said = json.loads(note.read_bytes())
        except (OSError, ValueError):
            missing.append(item)
            continue
        if index.contains_record(_record(item, said, item["url"], folders["archives"])):
            seen[item["sha256"]] = said
        else:
            missing.append(item)
    fetched = await _fetch_all(missing, folders["archives"])
    for item in missing:
        seen[item["sha256"]] = await _look(item, fetched[item["sha256"]])
    bad, notes = clashes([_archive(item, seen[item["sha256"]]) for item in packages], _site_packages(packages, seen))
    if bad:
        raise Problem("refused", " ".join(bad[:5]))
    records = []
    for item in packages:
        here = fetched.get(item["sha256"])
        records.append(_record(item, seen[item["sha256"]], here.as_uri() if here else item["url"], folders["archives"]))
    await _link(records, request, prefix, folders["packages"])
    for item in missing:
        note = folders["seen"] / f"{item['sha256']}.json"
        note.with_suffix(".new").write_text(json.dumps(seen[item["sha256"]]), encoding="utf-8")
        note.with_suffix(".new").replace(note)
        fetched[item["sha256"]].unlink(missing_ok=True)
    _finish(prefix, {item["name"]: item for item in packages})
    return {"notes": notes}


async def installed(request: Json) -> Json:
    """Return ``packages``, what the records of ``prefix`` say that it holds."""
    return {"packages": await asyncio.to_thread(_read_records, Path(request["prefix"]))}


def _read_records(prefix: Path) -> list[Json]:
    return [locked_document(PrefixRecord.from_path(path)) for path in sorted(prefix.glob("conda-meta/*.json"))]


async def _fetch_all(items: list[Json], folder: Path) -> dict[str, Path]:
    told = _Told(sum(item["size"] or 0 for item in items))
    free = asyncio.Semaphore(_AT_ONCE)

    async def one(item: Json) -> tuple[str, Path]:
        async with free:
            return item["sha256"], await _fetch(item, folder, told)

    return dict(await asyncio.gather(*(one(item) for item in items)))


async def _link(records: list[RepoDataRecord], request: Json, prefix: Path, cache: Path) -> None:
    config = Config()
    # A shared inode would let a change in one generation reach the cache and every other generation.
    config.set("allow-hard-links", "false")
    config.set("allow-symbolic-links", "false")
    specs: list[Any] = [MatchSpec(text)._match_spec for text in request["specs"]]  # noqa: SLF001 (the installer takes nothing else)
    try:
        await rattler_install(
            records,
            prefix,
            package_cache=PackageCache(cache),
            installed_packages=[],
            execute_link_scripts=bool(request["link_scripts"]),
            show_progress=False,
            requested_specs=specs,
            config=config,
        )
    except InstallerError as error:
        raise Problem("failed", str(error)) from error


def _finish(prefix: Path, items: dict[str, Json]) -> None:
    for path in (prefix / "conda-meta").glob("*.json"):
        record = json.loads(path.read_bytes())
        record["url"] = items[record["name"]]["url"]
        record.pop("extracted_package_dir", None)
        path.write_text(json.dumps(record, indent=1), encoding="utf-8")
        path.chmod(0o644)
    # Backups that honour the tag would leave the user's environments out.
    (prefix / "CACHEDIR.TAG").unlink(missing_ok=True)
