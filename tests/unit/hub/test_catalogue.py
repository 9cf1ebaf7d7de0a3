"""The catalogue: names, digests and metadata brought together."""

from strata_hub.catalogue import ImageMetadata, TagRecord, build
from strata_hub.tags import scheme
from support.catalogues import NOW, REPOSITORY, catalogue_of, digest_of

HEX = "0" * 64


def names_of(names: dict[str, str]) -> list[list[str]]:
    return [[tag.text for tag in image.tags] for image in catalogue_of(names).images]


def test_several_names_of_one_digest_are_one_image_with_the_most_specific_first() -> None:
    one = ["latest_weekly", "w_2026_22", "recommended", "w_2026_22_rsp5", "exp_foo", "odd", "w_2026_22_rsp5_20260601"]
    assert names_of(dict.fromkeys(one, "one")) == [
        ["w_2026_22_rsp5_20260601", "w_2026_22_rsp5", "w_2026_22", "exp_foo", "odd", "recommended", "latest_weekly"]
    ]


def test_an_image_that_is_a_release_and_a_weekly_goes_by_its_release() -> None:
    assert names_of(dict.fromkeys(["w_2026_22", "r29_0_0_rc1", "d_2026_05_28", "r29_0_0"], "one")) == [
        ["r29_0_0", "w_2026_22", "d_2026_05_28", "r29_0_0_rc1"]
    ]


def test_of_equal_names_the_longer_one_is_more_specific_and_letters_decide_the_rest() -> None:
    assert names_of(dict.fromkeys(["r170", "r17_0_0", "v17_0_0", "r17_0"], "one")) == [
        ["r17_0_0", "v17_0_0", "r17_0", "r170"]
    ]


def test_images_are_newest_first_within_each_kind() -> None:
    texts = [
        "latest",
        "zoo",
        "exp_x",
        "d_2026_01_01",
        "d_2026_01_02",
        "w_2026_01",
        "w_2026_02",
        "r1_0_rc1",
        "r1_0",
        "r2_0",
    ]
    assert [image.tag.text for image in catalogue_of(texts).images] == [
        "r2_0", "r1_0", "w_2026_02", "w_2026_01", "d_2026_01_02", "d_2026_01_01", "r1_0_rc1", "exp_x", "zoo", "latest",
    ]  # fmt: skip


def test_the_order_does_not_depend_on_the_order_of_the_listing() -> None:
    texts = ["r170", "r17_0_0", "w_2026_22-arm64", "w_2026_22-aarch64", "recommended_c44", "recommended_c044"]
    forward = [image.tag.text for image in catalogue_of(texts).images]
    assert [image.tag.text for image in catalogue_of(reversed(texts)).images] == forward


def test_a_tag_that_was_not_asked_about_is_an_image_of_its_own() -> None:
    catalogue = catalogue_of(["w_2026_22", "w_2026_21"], unexamined=["w_2026_22", "w_2026_21"])
    assert [(image.tag.text, image.digest, image.metadata) for image in catalogue.images] == [
        ("w_2026_22", None, None),
        ("w_2026_21", None, None),
    ]
    assert [tag.text for tag in catalogue.unexamined] == ["w_2026_22", "w_2026_21"]


def test_signatures_and_attestations_are_set_apart_with_a_reason() -> None:
    catalogue = catalogue_of([f"sha256-{HEX}.sig", f"sha256-{HEX}.att", "w_2026_22"], unexamined=[f"sha256-{HEX}.att"])
    assert [image.tag.text for image in catalogue.images] == ["w_2026_22"]
    assert [(item.tag.text[-4:], item.code, item.reason) for item in catalogue.set_apart] == [
        (".att", "attachment", f"It is an attestation about the image sha256:{HEX}, not an image."),
        (".sig", "attachment", f"It is the signature of the image sha256:{HEX}, not an image."),
    ]
    assert [tag.text[-4:] for tag in catalogue.unexamined] == [".att"]


def test_what_cannot_be_run_is_set_apart_with_what_its_manifest_says() -> None:
    chart = ImageMetadata(digest_of("chart"), "m", None, runnable=False, reason="its config is a Helm chart")
    bare = ImageMetadata(digest_of("bare"), "m", None, runnable=False)
    catalogue = catalogue_of({"w_2026_22": "chart", "w_2026_21": "bare"}, metadata={"chart": chart, "bare": bare})
    assert catalogue.images == ()
    assert [(item.tag.text, item.digest, item.code, item.reason) for item in catalogue.set_apart] == [
        ("w_2026_21", digest_of("bare"), "artifact", "Its manifest is no image."),
        ("w_2026_22", digest_of("chart"), "artifact", "Its config is a Helm chart."),
    ]


def test_metadata_is_that_of_the_repository_and_nothing_else() -> None:
    one, other = (ImageMetadata(digest_of(name), "m", NOW) for name in ("one", "other"))
    record = TagRecord(scheme("rubin").parse("w_2026_22"), one.digest, NOW)
    catalogue = build(REPOSITORY, NOW, [record], {one.digest: one, other.digest: other})
    assert catalogue.metadata == {one.digest: one}
    assert catalogue.images[0].metadata is one
    assert (catalogue.repository, catalogue.listed_at) == (REPOSITORY, NOW)


def test_an_empty_repository_is_an_empty_catalogue() -> None:
    catalogue = catalogue_of([])
    assert (catalogue.images, catalogue.set_apart, catalogue.unexamined) == ((), (), ())
