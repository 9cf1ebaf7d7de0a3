"""The table of contents of a wheel that lies on an index, without fetching the wheel.

A wheel is a zip file, whose directory stands at its end: one request for the last 64 kB tells files and sizes.
"""

import io
import json
import os
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx

from strata_lab.backends import files
from strata_lab.backends.base import Work
from strata_lab.environments import Locked
from strata_lab.layout import make_private
from strata_lab.progress import check

_TAIL = 65_536
_MOST = 8_000_000
_AT_ONCE = 8
_TIMEOUT = httpx.Timeout(10.0)


@dataclass(frozen=True, slots=True)
class Listing:
    """What a wheel's directory says.

    Attributes
    ----------
    download, disk
        Bytes: of the file, and of its contents in blocks of 4 kB.
    paths
        Relative to site-packages.
    """

    download: int
    disk: int
    paths: frozenset[str]


class _Tail(io.RawIOBase):
    """The end of a file, seekable as if it were the whole."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data, self._size, self._at = data, size, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = (0, self._at, self._size)[whence] + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        start = self._at - (self._size - len(self._data))
        if start < 0:
            raise zipfile.BadZipFile("outside of the tail")
        data = self._data[start:] if size < 0 else self._data[start : start + size]
        self._at += len(data)
        return data


def listings(packages: Sequence[Locked], work: Work) -> dict[str, Listing]:
    """Return the listings that can be had, by the wheels' SHA-256."""
    folder = make_private(make_private(work.cache) / "wheels")
    found = {sha: listing for item in packages if (sha := item.sha256 or "") and (listing := _kept(folder, sha))}
    wanted = [item for item in packages if item.sha256 and item.url and item.sha256 not in found]
    if not wanted:
        return found
    with httpx.Client(timeout=_TIMEOUT, follow_redirects=True, trust_env=True) as client:
        pool = ThreadPoolExecutor(_AT_ONCE)
        try:
            for item, listing in zip(
                wanted, pool.map(lambda item: _fetched(client, item.url or ""), wanted), strict=True
            ):
                check(work.cancelled)
                if listing is not None:
                    found[item.sha256 or ""] = listing
                    _keep(folder, item.sha256 or "", listing)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return found


def directory(data: bytes, size: int) -> Listing | None:
    """Return what the directory at the end of a zip file says; null when it begins before the data."""
    try:
        with zipfile.ZipFile(_Tail(data, size)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        return None
    disk = sum(files.on_disk(entry.file_size) for entry in entries)
    return Listing(size, disk, files.relevant(entry.filename for entry in entries))


def _fetched(client: httpx.Client, url: str) -> Listing | None:
    tail = _TAIL
    try:
        while tail <= _MOST:
            with client.stream(
                "GET", url, headers={"Range": f"bytes=-{tail}", "Accept-Encoding": "identity"}
            ) as answer:
                size = _total(answer)
                if size is None or (answer.status_code == httpx.codes.OK and size > _MOST):
                    return None
                data = b"".join(_bounded(answer))
            listing = directory(data, size)
            if listing is not None or len(data) >= size:
                return listing
            tail *= 11
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
    return None


def _bounded(answer: httpx.Response) -> list[bytes]:
    chunks, total = [], 0
    for chunk in answer.iter_raw():
        total += len(chunk)
        if total > _MOST:
            raise ValueError("the answer is longer than was asked for")
        chunks.append(chunk)
    return chunks


def _total(answer: httpx.Response) -> int | None:
    if answer.status_code == httpx.codes.PARTIAL_CONTENT:
        text = answer.headers.get("content-range", "").rpartition("/")[2]
    elif answer.status_code == httpx.codes.OK:
        text = answer.headers.get("content-length", "")
    else:
        return None
    return int(text) if text.isascii() and text.isdigit() else None


def _kept(folder: Path, sha256: str) -> Listing | None:
    try:
        document = json.loads((folder / f"{sha256}.json").read_text(encoding="utf-8"))
        return Listing(int(document["download"]), int(document["disk"]), frozenset(document["paths"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(folder: Path, sha256: str, listing: Listing) -> None:
    text = json.dumps({"download": listing.download, "disk": listing.disk, "paths": sorted(listing.paths)})
    temporary = folder / f".{sha256}.{os.getpid()}"
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(folder / f"{sha256}.json")
    except OSError:
        temporary.unlink(missing_ok=True)
