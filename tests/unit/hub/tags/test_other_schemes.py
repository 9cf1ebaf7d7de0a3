"""The semver and calver schemes, configured aliases, and how schemes are found."""

from importlib.metadata import EntryPoint

import pytest
from strata_hub.errors import ConfigurationError
from strata_hub.tags import TagKind, loading, scheme
from strata_hub.tags.calver import CalverScheme
from strata_hub.tags.rubin import RubinScheme

SEMVER = scheme("semver")
CALVER = CalverScheme()
NONE = "it has none of the forms of the"


@pytest.mark.parametrize(
    ("text", "kind", "display"),
    [
        ("1.2.3", "release", "Release 1.2.3"),
        ("v1.2.3", "release", "Release 1.2.3"),
        ("v1.2.3-rc.1", "release_candidate", "Release Candidate 1.2.3-rc.1"),
        ("1.2.3-rc1", "release_candidate", "Release Candidate 1.2.3-rc1"),
        ("1.2.3_rc1", "release_candidate", "Release Candidate 1.2.3-rc1"),
        ("1.2.3-alpha.1", "release_candidate", "Pre-release 1.2.3-alpha.1"),
        ("1.2.3-1", "release_candidate", "Pre-release 1.2.3-1"),
        ("1.2.3-amd64", "release", "Release 1.2.3 (amd64)"),
        ("1.2.3-rc.1-x86_64", "release_candidate", "Release Candidate 1.2.3-rc.1 (amd64)"),
        ("1.2.3-x-y-z", "release_candidate", "Pre-release 1.2.3-x-y-z"),
        ("1.2.3_rsp5_c0044-arm64", "release", "Release 1.2.3 (SAL Cycle 0044) (arm64)"),
        ("latest", "alias", "Latest"),
    ],
)
def test_semantic_versions(text: str, kind: str, display: str) -> None:
    tag = SEMVER.parse(text)
    assert (tag.kind, tag.display, tag.reason) == (kind, display, "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1.2", "a semantic version has three numbers; shorter ones move, so name them as aliases"),
        ("v1", "a semantic version has three numbers; shorter ones move, so name them as aliases"),
        ("1.2.3.4", "a semantic version has three numbers, not four"),
        ("01.2.3", "a number of a semantic version has no leading zero"),
        ("1.02.3", "a number of a semantic version has no leading zero"),
        ("1.2.3-01", "the number 01 in its pre-release has a leading zero"),
        ("1.2.3-rc..1", "a part of its pre-release is empty"),
        ("1.2.3-rc.1_rc2", "a candidate number belongs to a release, once"),
        ("1.2.3-", "'-' after the version is no known architecture"),
        ("1.2.3\n", "it ends with a line break"),
        ("stable", f"{NONE} semver scheme: MAJOR.MINOR.PATCH, MAJOR.MINOR.PATCH-PRERELEASE, or an alias"),
    ],
)  # fmt: skip
def test_what_is_no_semantic_version_says_why(text: str, reason: str) -> None:
    tag = SEMVER.parse(text)
    assert (tag.kind, tag.reason) == (TagKind.UNRECOGNISED, reason)


def test_precedence_is_that_of_the_specification() -> None:
    """1.0.0-alpha < 1.0.0-alpha.1 < 1.0.0-alpha.beta < 1.0.0-beta < … (rule 11)."""
    prereleases = ["alpha", "alpha.1", "alpha.beta", "beta", "beta.2", "beta.11", "rc.1"]
    ascending = [f"1.0.0-{name}" for name in ("0", "2", "11", *prereleases)]
    assert [tag.text for tag in sorted(map(SEMVER.parse, reversed(ascending)))] == ascending
    versions = ["1.0.0", "2.0.0", "2.1.0", "2.1.1", "2.1.10"]
    assert [tag.text for tag in sorted(map(SEMVER.parse, reversed(versions)))] == versions
    assert SEMVER.parse("1.0.0-rc.1") < SEMVER.parse("1.0.0")


@pytest.mark.parametrize(
    ("text", "display"),
    [
        ("2026.11.03", "Release 2026.11.03"),
        ("2026-11-03", "Release 2026.11.03"),
        ("v2026.11.3", "Release 2026.11.03"),
        ("2026-11", "Release 2026.11"),
        ("2026.11", "Release 2026.11"),
        ("2026.11.03.2", "Release 2026.11.03.2"),
        ("2026-11-03-1", "Release 2026.11.03.1"),
        ("2026.11.03_rsp5", "Release 2026.11.03"),
        ("2026-11-03-rc.1-arm64", "Release Candidate 2026.11.03-rc.1 (arm64)"),
        ("2026.11-beta", "Pre-release 2026.11-beta"),
    ],
)
def test_calendar_versions(text: str, display: str) -> None:
    tag = CALVER.parse(text)
    assert (tag.display, tag.reason) == (display, "")
    assert tag.date is not None
    assert tag.date.strftime("%Y-%m") == "2026-11"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-11-31", "there is no date 2026-11-31"),
        ("2026.13", "there is no date 2026-13"),
        ("2026", "a year alone is no version of this scheme"),
        ("2026-11.03", f"{NONE} calver scheme: {CALVER.spellings}"),
    ],
)  # fmt: skip
def test_what_is_no_calendar_version_says_why(text: str, reason: str) -> None:
    tag = CALVER.parse(text)
    assert (tag.kind, tag.reason) == (TagKind.UNRECOGNISED, reason)


def test_calendar_versions_are_ordered_by_date_then_counter() -> None:
    ascending = ["2025.12.31", "2026-11", "2026.11.03-rc.1", "2026-11-03", "2026.11.03.2", "2026.11.03.10", "2026.12"]
    by_version = [tag.text for tag in sorted(map(CALVER.parse, ascending)) if tag.kind is TagKind.RELEASE]
    assert by_version == [text for text in ascending if "rc" not in text]
    assert CALVER.parse("2026-11-03") == CALVER.parse("v2026.11.3")


@pytest.mark.parametrize(
    ("text", "title"),
    [("stable", "Stable"), ("stable_c0044", "Stable (SAL Cycle 0044)"), ("stable-arm64", "Stable (arm64)"),
     ("w_moving", "W Moving"), ("w_moving.x_y", "W Moving X Y"), ("w_2026_22", "W 2026 22")],
)  # fmt: skip
def test_a_deployment_names_its_own_aliases(text: str, title: str) -> None:
    tag = scheme("rubin", ("stable", "w_moving*", "w_2026_22")).parse(text)
    assert (tag.kind, tag.display, tag.version) == (TagKind.ALIAS, title, "")


def test_an_alias_without_an_open_end_takes_no_other_text() -> None:
    rubin = scheme("rubin", ["stable"])
    assert rubin.parse("stable_foo").reason == "the alias 'stable' takes a cycle after it, and no other text"
    assert rubin.parse("stables").kind is TagKind.UNRECOGNISED
    assert rubin.parse("r29_2_0").kind is TagKind.RELEASE
    assert scheme("rubin").parse("stable").kind is TagKind.UNRECOGNISED


def test_an_alias_that_ends_like_an_architecture_is_an_alias() -> None:
    tag = scheme("semver", ["for-arm64"]).parse("for-arm64")
    assert (tag.display, tag.architecture) == ("For Arm64", "")


@pytest.mark.parametrize("alias", ["", "a b", "x*y", "-x", "a/b", "x\n", "x" * 129])
def test_an_alias_that_can_never_be_a_tag_is_refused(alias: str) -> None:
    with pytest.raises(ConfigurationError, match="can never be a tag"):
        scheme("rubin", [alias])


def test_tags_of_different_schemes_compare() -> None:
    tags = [scheme(name).parse(text) for name in ("rubin", "semver", "calver")
            for text in ("1.2.3", "r1_2_3", "2026-11", "latest", "exp_x", "", "1.2.3-rc.1", "r1_2_3_rc1")]  # fmt: skip
    assert len(sorted(tags)) == len(tags)
    assert scheme("semver").parse("1.2.3") == scheme("rubin").parse("r1_2_3")


def test_a_scheme_is_found_by_its_entry_point() -> None:
    assert isinstance(scheme("rubin"), RubinScheme)
    assert set(loading.known_schemes()) >= {"rubin", "semver", "calver"}


def test_an_unknown_scheme_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ConfigurationError, match="There is no tag scheme 'rubins'") as caught:
        scheme("rubins")
    assert caught.value.hint == f"Known are {', '.join(loading.known_schemes())}."


@pytest.mark.parametrize("value", ["no_such_module:Scheme", "strata_hub.tags.rubin:NoSuchScheme"])
def test_a_scheme_that_cannot_be_loaded_is_a_sentence(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint(name="site", value=value, group=loading.GROUP)
    monkeypatch.setattr(loading, "entry_points", lambda group: [broken])
    with pytest.raises(ConfigurationError, match="The tag scheme 'site' cannot be loaded from"):
        scheme("site")
