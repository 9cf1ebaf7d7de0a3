"""Solving conda specifications; runs in the worker process only."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from rattler import (
    BuildString,
    Gateway,
    MatchSpec,
    NoArchType,
    PackageRecord,
    RepoDataRecord,
    SourceConfig,
    Subdir,
    VirtualPackage,
)
from rattler import solve as rattler_solve
from rattler.exceptions import GatewayError, InvalidMatchSpecError, SolverError

from strata_lab.backends.conda_checks import record_problem

Json = dict[str, Any]
CacheAction = Literal["cache-or-fetch", "no-cache"]


class Problem(Exception):
    """What the parent turns into an error of its own: ``kind`` is one of unsatisfiable, input, refused and channel."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def locked_document(record: RepoDataRecord) -> Json:
    """Return a record as the fields of `strata_lab.environments.Locked`."""
    return {
        "name": record.name.source,
        "version": str(record.version),
        "build": f"{record.build}/{record.subdir}",
        "url": record.url,
        "sha256": record.sha256.hex() if record.sha256 else None,
        "size": record.size,
        "index": record.channel,
        "requires": list(record.depends),
    }


def as_record(locked: Json) -> RepoDataRecord:
    """Return a record made from what is known of a package that was locked before."""
    build, _, subdir = str(locked["build"]).partition("/")
    depends = list(locked["requires"])
    is_python = subdir == "noarch" and any(text.split()[0] == "python" for text in depends if text)
    noarch = NoArchType("python" if is_python else "generic") if subdir == "noarch" else None
    tail = build.rpartition("_")[2]
    package = PackageRecord(
        locked["name"],
        locked["version"],
        BuildString(build),
        int(tail) if tail.isdecimal() else 0,
        subdir,
        noarch=noarch,
        depends=depends,
        sha256=bytes.fromhex(locked["sha256"]),
        size=locked["size"],
    )
    url = str(locked["url"])
    return RepoDataRecord(package, url.rpartition("/")[2], url, locked["index"] or url.rsplit("/", 2)[0])


async def _offered(gateway: Gateway, request: Json, names: Iterable[str]) -> list[RepoDataRecord]:
    platforms = [Subdir.current(), Subdir("noarch")]
    found = await gateway.query(
        request["channels"], platforms, list(names), recursive=False, channel_relations="disabled"
    )
    return [record for source in found for record in source]


async def _solved(request: Json, specs: list[MatchSpec], cache: CacheAction) -> list[RepoDataRecord]:
    gateway = Gateway(Path(request["cache"]) / "repodata", default_config=SourceConfig(cache_action=cache))
    more = [MatchSpec(name) for name in request["optional"] if await _offered(gateway, request, [name])]
    wanted = [item for item in request["locked"] if item["url"] and item["sha256"] and item["build"]]
    offered = {record.sha256: record for record in await _offered(gateway, request, [item["name"] for item in wanted])}
    try:
        return await rattler_solve(
            request["channels"],
            [*specs, *more],
            gateway=gateway,
            locked_packages=[offered.get(bytes.fromhex(item["sha256"])) or as_record(item) for item in wanted],
            virtual_packages=VirtualPackage.detect(),
            timeout=timedelta(seconds=request["timeout"]),
            channel_relations="disabled",
        )
    except SolverError as error:
        raise Problem("unsatisfiable", str(error)) from error


async def solve(request: Json) -> Json:
    """Return ``packages``, everything that the prefix must hold.

    The request names ``channels``, ``specs``, ``optional`` specs (left out where no channel has them), ``locked``
    packages that are kept where they fit, a ``cache`` folder and ``timeout`` seconds.
    """
    specs = []
    for text in request["specs"]:
        try:
            specs.append(MatchSpec(text, strict=True))
        except (InvalidMatchSpecError, ValueError) as error:
            raise Problem("input", f"{text!r} is not a conda specification: {error}") from error
    try:
        found = await _solved(request, specs, "cache-or-fetch")
    except GatewayError:
        # "304 Not Modified" is taken for a failure where a server sets no lifetime: ask once more without the cache.
        try:
            found = await _solved(request, specs, "no-cache")
        except GatewayError as error:
            raise Problem("channel", str(error)) from error
    packages = [locked_document(record) for record in found]
    check(packages, request["channels"])
    return {"packages": sorted(packages, key=lambda item: str(item["name"]))}


def check(packages: Iterable[Json], channels: Iterable[str]) -> None:
    """Refuse packages whose records could not be trusted with a path or an address.

    Raises
    ------
    Problem
        Of kind ``refused``.
    """
    subdirs = ("noarch", str(Subdir.current()))
    channels = list(channels)
    for item in packages:
        build, _, subdir = item["build"].partition("/")
        record = {key: str(item[key] or "") for key in ("name", "version", "url", "sha256")}
        problem = record_problem(record | {"build": build, "subdir": subdir}, channels, subdirs)
        if problem:
            raise Problem("refused", f"{item['name'][:60]!r} cannot be trusted: {problem}.")
