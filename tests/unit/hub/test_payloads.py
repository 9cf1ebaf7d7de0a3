"""What a menu state says of an image, from its labels."""

from datetime import UTC, datetime

import pytest
from strata_hub.catalogue import Catalogue, Image, ImageMetadata
from strata_hub.judgement import judge
from strata_hub.payloads import payload
from strata_hub.policy import PolicyConfig
from strata_hub.state import ImageEntry
from strata_hub.tags.rubin import RubinScheme

NOW = datetime(2026, 11, 21, tzinfo=UTC)
DIGEST = f"sha256:{'a' * 64}"


def entry(labels: dict[str, str], policy: PolicyConfig | None = None) -> ImageEntry:
    metadata = ImageMetadata(DIGEST, "application/vnd.oci.image.manifest.v1+json", NOW, labels)
    image = Image(DIGEST, (RubinScheme().parse("w_2026_47"),), metadata)
    catalogue = Catalogue("registry.example.org/lab", NOW, (image,))
    judgement = judge(catalogue, policy or PolicyConfig(), NOW)
    (only,) = payload("lab", "Lab", "rubin", catalogue, judgement).images
    return only


def test_the_stack_is_what_the_image_says_of_it() -> None:
    assert (
        entry({"io.strata.stack": "science 2026.2", "org.opencontainers.image.title": "Lab"}).stack == "science 2026.2"
    )


def test_without_that_the_standard_title_and_version_are_shown() -> None:
    labels = {"org.opencontainers.image.title": "Lab", "org.opencontainers.image.version": "2.1"}
    assert entry(labels).stack == "Lab 2.1"


def test_a_note_on_the_image_is_shown() -> None:
    assert entry({"io.strata.note": "Needs 4 GB."}).note == "Needs 4 GB."


@pytest.mark.parametrize(("label", "shown"), [("passed", "passed"), ("failed", "failed"), ("<b>ok</b>", ""), ("", "")])
def test_only_known_results_of_a_test_are_shown(label: str, shown: str) -> None:
    assert entry({"io.strata.tested": label}).tested == shown


def test_the_note_of_a_recommendation_is_not_told_twice() -> None:
    policy = PolicyConfig.model_validate(
        {"recommended": {"tutorials": {"tag": "w_2026_47", "title": "Recommended", "note": "Start here."}}}
    )
    only = entry({}, policy)
    assert only.recommendation is not None
    assert (only.recommendation.note, only.note) == ("Start here.", "")
