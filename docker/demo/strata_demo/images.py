"""The demo repository's images: some years of tags in the rubin scheme, each with a manifest and a config blob.

Dates are counted back from the day on which the repository is made, so that the newest daily build is always of today.
"""

import gzip
import hashlib
import io
import json
import random
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"

WEEKS, DAYS = 170, 60
LAYER_BYTES = 4_000_000
CYCLES = (43, 44, 45)
OLD_STACK, NEW_STACK = "Science stack 2025", "Science stack 2026"


@dataclass(frozen=True)
class DemoImage:
    """One image: every tag that names it, when it was built, and what its labels say."""

    tags: tuple[str, ...]
    created: datetime
    stack: str
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Blob:
    """Bytes with their digest."""

    media_type: str
    content: bytes

    @cached_property
    def digest(self) -> str:
        """The digest as the distribution protocol writes it."""
        return f"sha256:{hashlib.sha256(self.content).hexdigest()}"

    def descriptor(self) -> dict[str, object]:
        """Return the blob's OCI content descriptor."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.content)}


@dataclass(frozen=True)
class Built:
    """An image as a registry stores it."""

    tags: tuple[str, ...]
    manifest: Blob
    blobs: tuple[Blob, ...]


def demo_images(now: datetime) -> list[DemoImage]:
    """Return the repository's images, as of `now`."""
    weeklies = list(_weeklies(now))
    weeklies[2] = DemoImage(
        (*weeklies[2].tags, "recommended"),
        weeklies[2].created,
        weeklies[2].stack,
        {"io.strata.note": "Tested with the tutorial notebooks.", "io.strata.tested": "passed"},
    )
    weeklies[0] = DemoImage((*weeklies[0].tags, "latest_weekly"), weeklies[0].created, weeklies[0].stack)
    releases = list(_releases(now))
    releases[0] = DemoImage((*releases[0].tags, "latest_release"), releases[0].created, releases[0].stack)
    dailies = [
        DemoImage(
            (f"d_{day:%Y_%m_%d}", *(("latest_daily",) if back == 0 else ())), day.replace(hour=4, minute=30), NEW_STACK
        )
        for back in range(DAYS)
        for day in [now - timedelta(days=back)]
    ]
    return [*weeklies, *releases, *dailies, *_cycles(now), *_others(now)]


def _weeklies(now: datetime) -> Iterator[DemoImage]:
    for back in range(WEEKS):
        day = now - timedelta(weeks=back, days=1)
        year, week, _ = day.isocalendar()
        stack = NEW_STACK if back < WEEKS // 2 else OLD_STACK
        name = f"w_{year}_{week:02}"
        yield DemoImage((name,), day, stack)
        if back and back % 13 == 0:
            for build in (3001 - back, 3007 - back):
                yield DemoImage((f"{name}_rsp{build}",), day + timedelta(days=2, minutes=build), stack)


def _releases(now: datetime) -> Iterator[DemoImage]:
    for back, (major, minor) in enumerate([(30, 1), (30, 0), (29, 2), (29, 1), (29, 0), (28, 0), (27, 0), (26, 0)]):
        day = now - timedelta(days=20 + 120 * back)
        stack = NEW_STACK if major == 30 else OLD_STACK  # noqa: PLR2004 -- the release from which the new stack is used
        for patch in (2, 1, 0):
            for build in (2991, 2980):
                name = f"r{major}_{minor}_{patch}_rsp{build - 40 * back}"
                yield DemoImage((name,), day - timedelta(days=30 * (2 - patch), hours=2991 - build), stack)
        for candidate in (2, 1):
            name = f"r{major}_{minor}_0_rc{candidate}"
            yield DemoImage((name,), day - timedelta(days=70 + 7 * (2 - candidate)), stack)
    yield DemoImage(("r170",), now - timedelta(days=1500), OLD_STACK)


def _cycles(now: datetime) -> Iterator[DemoImage]:
    for position, cycle in enumerate(reversed(CYCLES)):
        for revision in (7, 3):
            day = now - timedelta(weeks=6 + 12 * position + (7 - revision), days=1)
            year, week, _ = day.isocalendar()
            name = f"w_{year}_{week:02}_c{cycle:04}.{revision:03}"
            alias = (f"recommended_c{cycle:04}",) if revision == 7 else ()  # noqa: PLR2004 -- the newest revision above
            yield DemoImage((name, *alias), day + timedelta(hours=5), NEW_STACK)


def _others(now: datetime) -> Iterator[DemoImage]:
    year, week, _ = (now - timedelta(weeks=4)).isocalendar()
    names = [f"exp_w_{year}_{week:02}_execution-kernel", "exp_r29_2_0_nogpu", "exp_tutorial"]
    names += ["7.2.0", "tickets-DM-33559", "test-branch"]
    for back, name in enumerate(names):
        yield DemoImage((name,), now - timedelta(days=9 + back), NEW_STACK)


def build(image: DemoImage) -> Built:
    """Return `image` as manifest and blobs, the same bytes each time."""
    layer, diff_id = _layer(image.stack)
    labels = {
        "org.opencontainers.image.created": _stamp(image.created),
        "org.opencontainers.image.version": image.tags[0],
        "org.opencontainers.image.title": "Science lab",
        "io.strata.stack": image.stack,
        **image.labels,
    }
    config = Blob(
        CONFIG_TYPE,
        _json(
            {
                "architecture": "amd64",
                "os": "linux",
                "created": _stamp(image.created),
                "config": {"Labels": labels, "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"]},
                "rootfs": {"type": "layers", "diff_ids": [diff_id]},
            }
        ),
    )
    manifest = Blob(
        MANIFEST_TYPE,
        _json(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "config": config.descriptor(),
                "layers": [layer.descriptor()],
            }
        ),
    )
    return Built(image.tags, manifest, (config, layer))


@cache
def _layer(stack: str) -> tuple[Blob, str]:
    """Return the layer of every image with that stack, and its digest before compression."""
    content = random.Random(stack).randbytes(LAYER_BYTES)  # noqa: S311 -- bytes that do not compress, the same each time
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        entry = tarfile.TarInfo("opt/stack/contents")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    plain = raw.getvalue()
    compressed = gzip.compress(plain, compresslevel=1, mtime=0)
    return Blob(LAYER_TYPE, compressed), f"sha256:{hashlib.sha256(plain).hexdigest()}"


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
