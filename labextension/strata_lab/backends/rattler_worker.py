"""Solve and install conda packages, in a process of its own: ``python -I -m … REQUEST RESULT``, two JSON files.

A solve can take a gigabyte of memory, an install goes on writing when its task is cancelled, and the interpreter often
crashes when it ends after py-rattler's threads have run. So the parent starts this as a child, kills its group to
cancel, reads the result file and never the exit status, and this ends by ``os._exit``.
"""

import asyncio
import hashlib
import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import rattler
from rattler import (
    Gateway,
    InstallerReporter,
    MatchSpec,
    PackageRecord,
    PrefixRecord,
    RepoDataRecord,
    SourceConfig,
    Subdir,
    VirtualPackage,
)
from rattler.exceptions import GatewayError, SolverError

_SOLVE_LIMIT = timedelta(minutes=5)


class _Progress:
    """Tells the parent, on standard error, what is being linked; called on py-rattler's own threads."""

    def on_link_start(self, operation: int, package_name: str) -> int:
        print(f"Linking {package_name}", file=sys.stderr, flush=True)  # noqa: T201 -- the parent reads it
        return operation


def described(record: PackageRecord) -> dict[str, Any]:
    """Return what the parent needs to know of a record."""
    return {
        "name": record.name.normalized,
        "version": str(record.version),
        "build": f"{record.build}/{record.subdir}",
        "url": str(getattr(record, "url", "")) or None,
        "channel": str(getattr(record, "channel", "")) or None,
        "sha256": record.sha256.hex() if record.sha256 else None,
        "size": record.size,
        "depends": list(record.depends),
    }


async def solve(request: dict[str, Any]) -> dict[str, Any]:
    """Return all packages of an environment that holds the asked specifications."""
    gateway = _gateway(request)
    preferred = await _records(gateway, request["channels"], request["preferred"], required=False)
    records = await rattler.solve(
        request["channels"],
        [MatchSpec(spec) for spec in request["specs"]],
        gateway=gateway,
        platforms=_platforms(),
        locked_packages=preferred,
        virtual_packages=VirtualPackage.detect(),
        timeout=_SOLVE_LIMIT,
    )
    return {"packages": [described(record) for record in records]}


async def install(request: dict[str, Any]) -> dict[str, Any]:
    """Fill the prefix with exactly the asked packages; each must have the hash that was recorded."""
    records = await _records(_gateway(request), request["channels"], request["packages"], required=True)
    for record in records:
        _check_archive(record)
    await rattler.install(
        records,
        request["prefix"],
        cache_dir=Path(request["cache"]) / "packages",
        execute_link_scripts=bool(request["link_scripts"]),
        show_progress=False,
        # py-rattler's own wrapper is refused here.
        requested_specs=[MatchSpec(spec)._match_spec for spec in request["specs"]],  # noqa: SLF001
        reporter=cast("InstallerReporter", _Progress()),
    )
    return {"packages": installed(request)["packages"]}


def installed(request: dict[str, Any]) -> dict[str, Any]:
    """Return what the prefix's own records say."""
    records = Path(request["prefix"]).glob("conda-meta/*.json")
    return {"packages": [described(PrefixRecord.from_path(path)) for path in sorted(records)]}


async def _records(
    gateway: Gateway, channels: list[str], wanted: list[dict[str, Any]], *, required: bool
) -> list[RepoDataRecord]:
    """Return the channels' records of exactly these packages: name, version, build and hash."""
    if not wanted:
        return []
    specs = [f"{package['name']} =={package['version']} {package['build'].partition('/')[0]}" for package in wanted]
    found = await gateway.query(channels, _platforms(), specs, recursive=False)
    by_hash = {record.sha256.hex(): record for source in found for record in source if record.sha256}
    missing = [package["name"] for package in wanted if package["sha256"] not in by_hash]
    if missing and required:
        raise LookupError(f"The channels no longer hold these packages as they were recorded: {', '.join(missing)}.")
    return [by_hash[package["sha256"]] for package in wanted if package["sha256"] in by_hash]


def _gateway(request: dict[str, Any]) -> Gateway:
    config = SourceConfig(cache_action=request.get("cache_action", "cache-or-fetch"))
    return Gateway(cache_dir=Path(request["cache"]) / "repodata", default_config=config)


def _check_archive(record: RepoDataRecord) -> None:
    """Compare a package in a local channel with its recorded hash, which py-rattler does for downloads only."""
    url = urlsplit(str(record.url))
    if url.scheme != "file":
        return
    with Path(unquote(url.path)).open("rb") as archive:
        found = hashlib.file_digest(archive, "sha256").digest()
    if found != record.sha256:
        raise ValueError(f"{record.file_name} is not the package that its channel describes.")


def _platforms() -> list[Subdir]:
    return [Subdir.current(), Subdir("noarch")]


async def _answer(request: dict[str, Any]) -> dict[str, Any]:
    if request["task"] == "solve":
        return await solve(request)
    if request["task"] == "install":
        return await install(request)
    return installed(request)


async def _carry_out(request: dict[str, Any]) -> dict[str, Any]:
    try:
        return await _answer(request)
    except GatewayError as error:
        if "cache_action" in request:
            return {"error": "GatewayError", "message": str(error)}
        # py-rattler takes "304 Not Modified" for a failure where a server sets no lifetime: ask without the cache.
        return await _carry_out({**request, "cache_action": "no-cache"})
    except SolverError as error:
        return {"error": "unsatisfiable", "message": str(error)}
    except Exception as error:  # noqa: BLE001 -- whatever py-rattler raises is the parent's to translate
        return {"error": type(error).__name__, "message": str(error)}


def main(request: Path, result: Path) -> None:
    """Carry out the request in one file and write the result into the other."""
    answer = asyncio.run(_carry_out(json.loads(request.read_text())))
    unfinished = result.with_suffix(".part")
    unfinished.write_text(json.dumps(answer))
    unfinished.replace(result)
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
