"""The rubin scheme: forms, fields, display, order."""

from datetime import UTC, datetime

import pytest
from strata_hub.tags import Tag, TagKind, scheme

RUBIN = scheme("rubin")
FORMS = (
    "it has none of the forms of the rubin scheme: rMM_m_p, rMM_m_p_rcN, w_YYYY_WW, d_YYYY_MM_DD, exp_…, or an alias"
)
HEX = "0123456789abcdef" * 4


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
        ("r9_1", "release", "Release r9.1.0"),
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
        ("w_2026_22_c0044.007_foo-arm64", "weekly", "Weekly 2026_22 (SAL Cycle 0044, Build 007) (arm64) [foo]"),
        ("d_2026_11_03", "daily", "Daily 2026_11_03"),
        ("d_2024_02_29_rsp1", "daily", "Daily 2024_02_29"),
        ("exp_w_2025_20_execution-kernel", "experimental", "Experimental Weekly 2025_20 [execution-kernel]"),
        ("exp_r30_0_10_rc2_rsp2981_nojsd", "experimental", "Experimental Release Candidate r30.0.10-rc2 [nojsd]"),
        ("exp_latest_weekly", "experimental", "Experimental Latest Weekly"),
        ("exp_foo", "experimental", "Experimental foo"),
        ("exp_w_2026_54", "experimental", "Experimental w_2026_54"),
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


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        ("w_2026_22\n", "it ends with a line break"),
        ("w_2026_22\r\n", "it ends with a line break"),
        ("latest\n", "it ends with a line break"),
        ("exp_foo\n", "it ends with a line break"),
        ("w_2026_22\n\n", "no tag may have the character '\\n' (at position 10)"),
        ("w_2026_22_é", "no tag may have the character '\\xe9' (at position 11)"),
        ("w_\uff12026_22", "no tag may have the character '\\uff12' (at position 3)"),
        ("a b", "no tag may have the character ' ' (at position 2)"),
        ("-w_2026_22", "no tag starts with '-'"),
        (".w", "no tag starts with '.'"),
        ("w" * 129, "it has 129 characters, and a tag has at most 128"),
        ("w_2026_54", "no year has a week 54"),
        ("w_2026_00", "no year has a week 00"),
        ("w_2026_1", "a weekly is written w_YYYY_WW, with two digits for the week"),
        ("w_1026_01", "a weekly is written w_YYYY_WW, with two digits for the week"),
        ("W_2026_01", "a weekly is written w_YYYY_WW, with two digits for the week"),
        ("d_2026_02_30", "there is no day 2026-02-30"),
        ("d_2026_2_3", "a daily is written d_YYYY_MM_DD, with two digits for month and day"),
        ("r29.2.0", "a release is written rMM_m_p, with underscores"),
        ("r29_2_0-rc1", "'-rc1' after the version is no known architecture"),
        ("w_2026_22-", "'-' after the version is no known architecture"),
        ("w_2026_22_", "a field between its underscores is empty"),
        ("w_2026_22__rsp1", "a field between its underscores is empty"),
        ("w_2026_22_rsp1_rsp2", "it has more than one build counter"),
        ("w_2026_22_c0001_k0001", "it has more than one cycle"),
        ("w_2026_22_20260101_20260102", "it has more than one build date"),
        ("r29_2_0_rc1_rc2", "it has more than one candidate number"),
        ("w_2026_22_rc1", "a candidate number belongs to a release, once"),
        ("exp_", "nothing follows 'exp_'"),
        ("tickets-DM-33559", FORMS),
        ("w2026_22", FORMS),
        (f"sha256-{HEX}.sig", f"it is the signature of the image sha256:{HEX}, not an image"),
        (f"sha256-{HEX}.att", f"it is an attestation about the image sha256:{HEX}, not an image"),
        (f"sha256-{HEX}.sbom", f"it is the software bill of materials of the image sha256:{HEX}, not an image"),
        (f"sha256-{HEX}", f"it lists what is attached to the image sha256:{HEX}, not an image"),
        (f"sha256-{HEX[1:]}.sig", FORMS),
        (f"sha256-{HEX}.other", FORMS),
    ],
)
def test_what_is_not_recognised_says_why(text: str, reason: str) -> None:
    tag = parse(text)
    assert (tag.kind, tag.display, tag.reason) == (TagKind.UNRECOGNISED, text, reason)
    assert not tag.immutable


def test_fields_are_read() -> None:
    tag = parse("r29_2_0_k0044.007_20260601T123456Z_foo_rsp2648_bar-aarch64")
    assert tag.version == "r29.2.0"
    assert tag.numbers == (29, 2, 0)
    assert (tag.build, tag.cycle, tag.fields.letter, tag.fields.revision) == (2648, 44, "k", 7)
    assert tag.cycle_text == "SAL Cycle 0044, Build 007"
    assert tag.built_at == datetime(2026, 6, 1, 12, 34, 56, tzinfo=UTC)
    assert (tag.architecture, tag.extra) == ("arm64", "foo_bar")
    assert tag.date is None
    assert tag.immutable


@pytest.mark.parametrize(
    ("clock", "moment"),
    [
        ("20260601", datetime(2026, 6, 1, tzinfo=UTC)),
        ("20260601T1234", datetime(2026, 6, 1, 12, 34, tzinfo=UTC)),
        ("20260601T1234Z", datetime(2026, 6, 1, 12, 34, tzinfo=UTC)),
        ("20260601T123456", datetime(2026, 6, 1, 12, 34, 56, tzinfo=UTC)),
        ("20260601T2460", None),
        ("20260601T12", None),
        ("20261301", None),
    ],
)
def test_a_build_date_is_utc_and_what_is_no_date_is_extra_text(clock: str, moment: datetime | None) -> None:
    tag = parse(f"w_2026_22_{clock}")
    assert tag.built_at == moment
    assert tag.extra == ("" if moment else clock)


def test_the_build_counter_and_the_build_date_are_not_visible_to_users() -> None:
    assert parse("w_2026_22_rsp5_20260601").display == parse("w_2026_22").display


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("w_2026_22", "2026-05-28"),
        ("w_2020_53", "2020-12-31"),
        ("w_2022_52", "2022-12-29"),
        ("w_2022_53", "2022-12-31"),
        ("w_2023_01", "2023-01-05"),
        ("d_2026_11_03", "2026-11-03"),
        ("exp_w_2026_22", "2026-05-28"),
    ],
)
def test_a_version_is_dated_and_a_week_that_a_year_does_not_have_is_clamped(text: str, date: str) -> None:
    tag = parse(text)
    assert tag.date is not None
    assert tag.date.isoformat() == f"{date}T00:00:00+00:00"


@pytest.mark.parametrize(
    "spellings",
    [
        ("r170", "r17_0", "r17_0_0", "v170", "v17_0_0", "r17_00_0"),
        ("w_2026_22_c0044.007", "w_2026_22_c44.7"),
        ("w_2026_22_rsp7", "w_2026_22_rsp007"),
        ("w_2026_22_20260601", "w_2026_22_20260601T0000Z", "w_2026_22_20260601T000000"),
        ("w_2026_22-arm64", "w_2026_22-aarch64", "w_2026_22-arm64v8"),
        ("w_2026_22_foo_bar", "w_2026_22_bar_foo"),
        ("recommended_c0044", "recommended_c44"),
    ],
)
def test_spellings_of_one_meaning_are_equal_and_hash_equally(spellings: tuple[str, ...]) -> None:
    tags = [parse(text) for text in spellings]
    assert len(set(tags)) == 1
    assert len({tag.key for tag in tags}) == 1
    assert not any(one < other or one > other for one in tags for other in tags)
    assert all(one <= other and one >= other for one in tags for other in tags)


NEWEST_FIRST = [
    "recommended_c0045",
    "recommended_c0044.008",
    "recommended_c0044",
    "recommended_k0002",
    "recommended_c0002",
    "latest_weekly",
    "r30_0_0",
    "r29_10_0",
    "r29_2_10",
    "r29_2_9_c0045_rsp1",
    "r29_2_9_c0044.010_rsp9",
    "r29_2_9_c0044.009",
    "r29_2_9_c0044",
    "r29_2_9_rsp100",
    "r29_2_9_rsp99_20260601T1201",
    "r29_2_9_rsp99_20260601T1200",
    "r29_2_9_rsp99",
    "r29_2_9_rsp99-amd64",
    "r29_2_9_rsp99_foo",
    "r29_2_9_rsp99_bar",
    "r29_2_9",
    "r170",
    "r30_0_0_rc10",
    "r30_0_0_rc2",
    "r30_0_0_rc2-arm64",
    "r29_0_0_rc9",
    "w_2023_01",
    "w_2022_53",
    "w_2022_52",
    "d_2026_11_03",
    "d_2026_10_31",
    "exp_recommended",
    "exp_r30_0_0",
    "exp_r30_0_0_rc1",
    "exp_w_2026_22",
    "exp_w_2026_22_foo",
    "exp_d_2026_11_03",
    "exp_foo",
    "exp_bar",
    "zebra",
    "7.2.0",
]


def test_greater_is_newer_in_every_respect() -> None:
    assert [tag.text for tag in sorted(map(parse, sorted(NEWEST_FIRST)), reverse=True)] == NEWEST_FIRST
    assert len(set(map(parse, NEWEST_FIRST))) == len(NEWEST_FIRST)


def test_a_tag_is_no_string() -> None:
    assert parse("w_2026_22") != "w_2026_22"
    assert parse("w_2026_22") != parse("w_2026_23")


@pytest.mark.parametrize("text", ["recommended", "exp_w_2026_22", "exp_foo", "whatever"])
def test_what_may_move_is_not_immutable(text: str) -> None:
    assert not parse(text).immutable


def test_builds_of_one_version_are_one_line() -> None:
    builds = ["w_2026_22", "w_2026_22_rsp7", "w_2026_22_rsp8_20260601"]
    assert len({parse(text).line for text in builds}) == 1
    others = ["w_2026_22_c0044", "w_2026_22_k0044", "w_2026_22-arm64", "w_2026_22_foo", "exp_w_2026_22", "w_2026_23"]
    assert len({parse(text).line for text in (*builds, *others)}) == 1 + len(others)


def test_revisions_of_a_cycle_are_builds_of_one_line() -> None:
    assert parse("w_2026_22_c0044.007").line == parse("w_2026_22_c0044.008_rsp1").line
