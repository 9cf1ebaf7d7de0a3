"""The demo repository: what a scheme makes of its tags, and the images behind them."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from strata_demo.images import build, demo_images
from strata_demo.installs import STACKS
from strata_demo.layout import read_layout, write_layout
from strata_hub.tags import TagKind
from strata_hub.tags.rubin import RubinScheme

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def kinds(now: datetime) -> dict[TagKind, list[str]]:
    scheme = RubinScheme()
    found: dict[TagKind, list[str]] = {}
    for image in demo_images(now):
        for text in image.tags:
            found.setdefault(scheme.parse(text).kind, []).append(text)
    return found


def test_every_kind_of_tag_is_there() -> None:
    assert set(kinds(NOW)) == set(TagKind)


def test_there_are_some_hundred_tags_over_several_years() -> None:
    images = demo_images(NOW)
    assert sum(len(image.tags) for image in images) > 300
    assert max(image.created for image in images) - min(image.created for image in images) > (
        NOW - NOW.replace(year=2023)
    )


@pytest.mark.parametrize("now", [NOW, datetime(2027, 1, 1, tzinfo=UTC), datetime(2028, 2, 29, 23, 59, tzinfo=UTC)])
def test_no_tag_names_two_images_and_none_is_of_the_future(now: datetime) -> None:
    images = demo_images(now)
    tags = [tag for image in images for tag in image.tags]
    assert len(tags) == len(set(tags))
    assert all(image.created.date() <= now.date() for image in images)


def test_an_alias_stands_beside_the_tag_that_it_means() -> None:
    for alias in ("recommended", "latest_weekly", "latest_daily", "latest_release"):
        (image,) = [image for image in demo_images(NOW) if alias in image.tags]
        assert len(image.tags) == 2


def test_both_stacks_are_used() -> None:
    assert {image.stack for image in demo_images(NOW)} == set(STACKS.values())


def test_an_image_is_the_same_bytes_each_time_and_its_manifest_names_its_blobs() -> None:
    image = demo_images(NOW)[0]
    first, second = build(image), build(image)
    assert first.manifest.digest == second.manifest.digest
    manifest = json.loads(first.manifest.content)
    named = {manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])}
    assert named == {blob.digest for blob in first.blobs}


def test_a_layout_gives_back_what_was_written(tmp_path: Path) -> None:
    images = [build(image) for image in demo_images(NOW)[:5]]
    count = write_layout(images, tmp_path)
    read = dict(read_layout(tmp_path))
    assert len(read) == count
    assert read["recommended"].digest == next(image.manifest.digest for image in images if "recommended" in image.tags)
