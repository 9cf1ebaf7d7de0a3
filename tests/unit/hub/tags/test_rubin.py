"""The rubin scheme: forms, fields, display."""

import pytest
from strata_hub.tags import Tag, TagKind, scheme

RUBIN = scheme("rubin")


def parse(text: str) -> Tag:
    return RUBIN.parse(text)


@pytest.mark.parametrize(
    ("text", "kind", "display"),
    [
        ("r29_2_0", "release", "Release r29.2.0"),
        ("r29_2_0_rsp2648", "release", "Release r29.2.0"),
        ("v29_2_0", "release", "Release r29.2.0"),
        ("r170", "release", "Release r17.0.0"),
        ("r17_0", "release", "Release r17.0.0"),
        ("r17_0_20200101", "release", "Release r17.0.0"),
        ("r30_0_10_rc1_rsp2975", "release_candidate", "Release Candidate r30.0.10-rc1"),
        ("r30_0_10_rsp2975_rc1", "release_candidate", "Release Candidate r30.0.10-rc1"),
        ("r13_0_rc1", "release_candidate", "Release Candidate r13.0.0-rc1"),
        ("w_2026_22", "weekly", "Weekly 2026_22"),
        ("w_2026_22_c0044.007", "weekly", "Weekly 2026_22 (SAL Cycle 0044, Build 007)"),
        ("w_2026_22_k0002", "weekly", "Weekly 2026_22 (SAL Cycle 0002)"),
        ("w_2026_22-x86_64", "weekly", "Weekly 2026_22 (amd64)"),
        ("w_2026_22_foo_rsp3_bar", "weekly", "Weekly 2026_22 [foo_bar]"),
        ("w_2026_22_20269999", "weekly", "Weekly 2026_22 [20269999]"),
        ("d_2026_11_03", "daily", "Daily 2026_11_03"),
        ("exp_w_2025_20_execution-kernel", "experimental", "Experimental Weekly 2025_20 [execution-kernel]"),
        ("exp_foo", "experimental", "Experimental foo"),
        ("exp_exp_foo", "experimental", "Experimental exp_foo"),
        ("recommended", "alias", "Recommended"),
        ("recommended_c0044", "alias", "Recommended (SAL Cycle 0044)"),
        ("latest_daily_c0044.007", "alias", "Latest Daily (SAL Cycle 0044, Build 007)"),
        ("latest_release-arm64", "alias", "Latest Release (arm64)"),
        ("7.2.0", "unrecognised", "7.2.0"),
        ("u-ajt-foo", "unrecognised", "u-ajt-foo"),
    ],
)
def test_a_tag_has_a_kind_and_a_name_for_people(text: str, kind: str, display: str) -> None:
    tag = parse(text)
    assert (tag.kind, tag.display, tag.text) == (kind, display, text)
    assert bool(tag.reason) == (tag.kind is TagKind.UNRECOGNISED)
