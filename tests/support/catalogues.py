"""Catalogues as a busy repository would give: thousands of tags, and small ones spelled out."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from strata_hub.catalogue import Catalogue, ImageMetadata, TagRecord, build
from strata_hub.policy import PolicyConfig, read_policy
from strata_hub.tags import Tag, TagScheme, scheme

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
REPOSITORY = "registry.example.org/lab/science"


def digest_of(name: str) -> str:
    """Return a digest that is that of `name` and nothing else."""
    return f"sha256:{sha256(name.encode()).hexdigest()}"


def catalogue_of(
    names: Mapping[str, str] | Iterable[str],
    *,
    created: Mapping[str, datetime] | None = None,
    unexamined: Iterable[str] = (),
    tag_scheme: TagScheme | None = None,
    listed_at: datetime = NOW,
    metadata: Mapping[str, ImageMetadata] | None = None,
) -> Catalogue:
    """Return a catalogue of tags.

    Parameters
    ----------
    names
        Tags, each of an image of its own; or for each tag the name of its image, the same for tags of one image.
    created
        By name of the image, when it was built.
    unexamined
        Tags whose digest is not known.
    metadata
        By name of the image, what is known of it in place of the usual.
    """
    images = names if isinstance(names, Mapping) else {name: name for name in names}
    parse = (tag_scheme or scheme("rubin")).parse
    unknown = set(unexamined)
    about = {}
    for image in images.values():
        digest = digest_of(image)
        usual = ImageMetadata(digest, "application/vnd.oci.image.manifest.v1+json", (created or {}).get(image))
        about[digest] = (metadata or {}).get(image, usual)
    records = [
        TagRecord(parse(name), None if name in unknown else digest_of(image), listed_at)
        for name, image in images.items()
    ]
    return build(REPOSITORY, listed_at, records, about)


def policy_of(**document: object) -> PolicyConfig:
    """Return a policy from what YAML would hold."""
    return read_policy(document)


def rubin_names(number: int, now: datetime) -> list[str]:
    """Return names as a repository has them after years: weeklies and dailies, rebuilds, cycles, releases, aliases."""
    names = ["recommended", "latest_weekly", "latest_daily", "latest_release", "recommended_c0044"]
    day = now
    while len(names) < number:
        year, week, weekday = day.isocalendar()
        names.append(f"d_{day:%Y_%m_%d}")
        if weekday == 1:
            weekly = f"w_{year}_{week:02}"
            names += [weekly, f"{weekly}_rsp{2000 + week}", f"{weekly}_rsp{2100 + week}"]
            names += [
                f"{weekly}_c{year - 1980:04}.{week % 7:03}",
                f"{weekly}_c{year - 1980:04}.{week % 7:03}_rsp{week}",
            ]
        if weekday == 2:
            release = f"r{year - 1997}_{week // 13}_{week % 13}"
            names += [
                f"{release}_rc1_rsp{week}",
                f"{release}_rsp{week}",
                f"{release}_rsp{week + 60}_{day:%Y%m%d}T1200Z",
            ]
        if weekday == 3:
            names += [f"exp_w_{year}_{week:02}_trial", f"tickets-DM-{10000 + week}-{year}"]
        day -= timedelta(days=1)
    return names[:number]


def metadata_of(tags: Iterable[Tag], now: datetime) -> tuple[list[TagRecord], dict[str, ImageMetadata]]:
    """Return records and metadata of tags that have all been examined; each alias stands for an image of its own."""
    records = [TagRecord(tag, digest_of(tag.text), now) for tag in tags]
    labels = {"org.opencontainers.image.title": "Science", "org.opencontainers.image.version": "29.2"}
    metadata = {}
    for record in records:
        digest = record.digest or ""
        kind = "application/vnd.oci.image.manifest.v1+json"
        metadata[digest] = ImageMetadata(digest, kind, now, labels, 4_000_000_000, "amd64")
    return records, metadata
