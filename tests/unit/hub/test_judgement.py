"""What a policy makes of a catalogue: where each image stands, or why it is hidden."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from strata_hub.catalogue import Catalogue, ImageMetadata
from strata_hub.judgement import Judgement, judge
from support.catalogues import NOW, catalogue_of, digest_of, policy_of
from support.policies import NAMES, POLICIES

HEX = "0" * 64


def judged(names: Mapping[str, str] | Iterable[str] | Catalogue, **policy: object) -> Judgement:
    catalogue = names if isinstance(names, Catalogue) else catalogue_of(names)
    return judge(catalogue, policy_of(**policy), NOW)


def sections(judgement: Judgement) -> dict[str, str | None]:
    return {item.image.tag.text: item.section for item in judgement.shown}


def hidden(judgement: Judgement) -> dict[str, tuple[str, str]]:
    return {item.tag: (item.code, item.reason) for item in judgement.hidden}


def test_newest_of_each_kind_have_a_section_and_the_others_are_reachable() -> None:
    weeklies = [f"w_2026_{week:02}" for week in range(20, 25)]
    judgement = judged([*weeklies, "d_2026_05_01", "r29_0_0", "r30_0_0_rc1"], kinds={"weekly": {"count": 2}})
    assert sections(judgement) == {
        "r29_0_0": "release", "w_2026_24": "weekly", "w_2026_23": "weekly", "w_2026_22": None, "w_2026_21": None,
        "w_2026_20": None, "d_2026_05_01": "daily", "r30_0_0_rc1": None,
    }  # fmt: skip
    reasons = {item.image.tag.text: item.reason for item in judgement.shown}
    assert reasons["w_2026_22"] == "Only the newest 2 weeklies have a place of their own."
    assert reasons["r30_0_0_rc1"] == "No release candidates have a place of their own."
    assert reasons["w_2026_24"] == ""
    assert not judgement.hidden
    assert not judgement.problems


def test_the_newest_build_of_a_version_is_shown_and_older_ones_stay_reachable() -> None:
    judgement = judged(
        [
            "w_2026_22_rsp9",
            "w_2026_22_rsp10",
            "w_2026_22",
            "w_2026_21_rsp1",
            "w_2026_21_c0044.007",
            "w_2026_21_c0044.006",
        ],
        kinds={"weekly": {"count": 3}},
    )
    assert sections(judgement) == {
        "w_2026_22_rsp10": "weekly", "w_2026_22_rsp9": None, "w_2026_22": None,
        "w_2026_21_c0044.007": "weekly", "w_2026_21_c0044.006": None, "w_2026_21_rsp1": "weekly",
    }  # fmt: skip
    assert {item.reason for item in judgement.shown if item.section is None} == {
        "There is a newer build of 2026_22.",
        "There is a newer build of 2026_21.",
    }


def test_recommended_images_stand_first_by_rank_and_take_no_place_from_their_kind() -> None:
    judgement = judged(
        {"w_2026_24": "a", "w_2026_23": "b", "w_2026_22": "c", "recommended": "b", "w_2026_21": "d"},
        kinds={"weekly": {"count": 1}},
        recommended={
            "new": {"tag": "w_2026_24", "rank": 2, "note": "Try it."},
            "old": {"tag": "recommended", "rank": 1},
        },
    )
    assert list(sections(judgement).items()) == [
        ("w_2026_23", "recommended"), ("w_2026_24", "recommended"), ("w_2026_22", "weekly"), ("w_2026_21", None),
    ]  # fmt: skip
    first, second, *_ = judgement.shown
    assert (first.title, first.alias, first.rank, first.note) == ("Recommended (Weekly 2026_23)", "recommended", 0, "")
    assert (second.title, second.alias, second.rank, second.note) == ("Weekly 2026_24", "", 1, "Try it.")
    assert first.reason == ""


def test_equal_ranks_go_by_name() -> None:
    judgement = judged(["w_2026_22", "w_2026_23"], recommended={"b": "w_2026_23", "a": "w_2026_22"})
    assert [item.image.tag.text for item in judgement.shown] == ["w_2026_22", "w_2026_23"]


def test_an_alias_is_titled_by_what_it_stands_for_and_a_title_of_ones_own_wins() -> None:
    names = {"w_2026_22_c0044.007_foo": "a", "recommended_c0044": "a"}
    (only,) = judged(names, recommended={"x": "recommended_c0044"}).shown
    assert only.title == "Recommended (Weekly 2026_22, SAL Cycle 0044, Build 007 [foo])"
    (only,) = judged(names, recommended={"x": {"tag": "recommended_c0044", "title": "For tonight"}}).shown
    assert (only.title, only.alias) == ("For tonight", "recommended_c0044")
    (only,) = judged(["recommended_c0044"], recommended={"x": "recommended_c0044"}).shown
    assert only.title == "Recommended (SAL Cycle 0044)"


def test_a_newer_build_than_the_recommended_one_is_shown_with_its_kind() -> None:
    judgement = judged(["w_2026_22_rsp2", "w_2026_22_rsp1", "w_2026_22"], recommended={"x": "w_2026_22_rsp1"})
    assert sections(judgement) == {"w_2026_22_rsp1": "recommended", "w_2026_22_rsp2": "weekly", "w_2026_22": None}


def test_of_two_recommendations_of_one_image_the_higher_gives_the_title() -> None:
    names = {"w_2026_22": "a", "recommended": "a"}
    one = {"tag": "recommended", "title": "One", "rank": 1, "groups": ["g"]}
    (only,) = judged(names, recommended={"one": one, "two": {"tag": "w_2026_22", "title": "Two", "rank": 2}}).shown
    assert (only.title, only.section, only.group_sections) == ("One", "recommended", {})
    two = {"tag": "w_2026_22", "title": "Two", "rank": 2, "groups": ["h"]}
    (only,) = judged(names, recommended={"one": one, "two": two}).shown
    assert (only.title, only.section) == ("One", "weekly")
    assert only.group_sections == {"g": "recommended", "h": "recommended"}


def test_a_recommendation_may_be_for_a_group_only() -> None:
    recommended = {"x": {"tag": "w_2026_22", "groups": ["testers"]}}
    judgement = judged(["w_2026_22"], recommended=recommended)
    (only,) = judgement.shown
    assert (only.section, only.groups, only.group_sections) == ("weekly", (), {"testers": "recommended"})
    judgement = judged(["w_2026_22"], recommended=recommended, kinds={"weekly": {"allowed": False}})
    (only,) = judgement.shown
    assert (only.section, only.groups, only.group_sections) == (None, ("testers",), {"testers": "recommended"})


def test_an_expired_recommendation_is_none_and_the_administrator_is_told() -> None:
    def at(expires: datetime) -> Judgement:
        return judged(["w_2026_22"], recommended={"x": {"tag": "w_2026_22", "expires": expires}})

    assert sections(at(NOW + timedelta(seconds=1))) == {"w_2026_22": "recommended"}
    assert sections(at(NOW)) == {"w_2026_22": "weekly"}
    assert at(NOW).problems == ("The recommendation 'x' expired on 2026-11-21: remove or renew it.",)


def test_what_a_policy_names_and_does_not_exist_is_told_to_the_administrator() -> None:
    judgement = judged(
        ["w_2026_22", "w_2026_21", f"sha256-{HEX}.sig"],
        recommended={"a": "w_2026_23", "b": f"sha256-{HEX}.sig"},
        pins={
            "p": "r1_0",
            "q": digest_of("nothing"),
            "r": {"tag": "w_2026_22", "digest": digest_of("w_2026_21")},
            "s": {"tag": "w_2026_19", "digest": digest_of("w_2026_21")},
        },
    )
    repository = "registry.example.org/lab/science"
    new, old = digest_of("w_2026_22"), digest_of("w_2026_21")
    signature = f"It is the signature of the image sha256:{HEX}, not an image."
    assert judgement.problems == (
        f"The recommended image 'a' does not exist: {repository} has no tag w_2026_23.",
        f"The recommended image 'b' cannot be started: sha256-{HEX}.sig is no image. {signature}",
        f"The pinned image 'p' does not exist: {repository} has no tag r1_0.",
        f"The pinned image 'q' does not exist: no tag of {repository} names {digest_of('nothing')}.",
        f"The pinned image 'r' was given as w_2026_22 and {old}, but w_2026_22 names {new} now; the digest counts.",
        f"The pinned image 's' was given as w_2026_19 and {old}, but w_2026_19 is gone; the digest counts.",
    )


def test_recommended_by_digest_is_found_among_all_names() -> None:
    assert sections(judged(["w_2026_22"], recommended={"x": digest_of("w_2026_22")})) == {"w_2026_22": "recommended"}


CYCLES = {"w_2026_22_c0044.007": "a", "w_2026_22_c0045.001": "b", "w_2026_22_k0044": "c", "w_2026_22": "d"}


def test_only_approved_cycles_are_shown_and_images_without_one_are_hidden() -> None:
    judgement = judged(CYCLES, approved_cycles=[44])
    assert sections(judgement) == {"w_2026_22_c0044.007": "weekly"}
    assert hidden(judgement) == {
        "w_2026_22_c0045.001": ("cycle", "SAL Cycle 0045, Build 001 is not among the approved cycles."),
        "w_2026_22_k0044": ("cycle", "SAL Cycle 0044 is not among the approved cycles."),
        "w_2026_22": ("cycle.none", "None of its own tags names a cycle, and only approved cycles are allowed."),
    }


def test_a_cycle_filter_looks_at_what_an_alias_stands_for() -> None:
    names = {"recommended_c0044": "a", "w_2026_22_c0045": "a", "recommended": "b", "w_2026_21_c0044": "b"}
    recommended = {"bad": "recommended_c0044", "good": "recommended"}
    judgement = judged(names, approved_cycles=[44], recommended=recommended)
    assert sections(judgement) == {"w_2026_21_c0044": "recommended"}
    assert judgement.problems == (
        "The recommended image 'bad' is not shown: SAL Cycle 0045 is not among the approved cycles.",
    )
    assert hidden(judged(["recommended_c0044"], approved_cycles=[44]))["recommended_c0044"][0] == "cycle.none"


def test_every_cycle_that_an_image_names_has_to_be_approved() -> None:
    names = dict.fromkeys(["w_2026_22_c0044", "exp_w_2026_22_c0045"], "a")
    assert not judged(names, approved_cycles=[44]).shown
    assert judged(names, approved_cycles=[44, 45]).shown


@pytest.mark.parametrize("cycles", [[], None])
def test_an_empty_list_of_cycles_denies_everything(cycles: object) -> None:
    judgement = judged(
        CYCLES, approved_cycles=cycles, recommended={"x": "w_2026_22"}, pins={"y": "w_2026_22_c0044.007"}
    )
    assert not judgement.shown
    assert len(judgement.hidden) == len(CYCLES)
    assert "The list of approved cycles is empty: no image may be started." in judgement.problems


def test_an_absent_list_of_cycles_filters_nothing() -> None:
    assert len(judged(CYCLES).shown) == len(CYCLES)


def test_experimental_and_unrecognised_images_are_hidden_unless_allowed() -> None:
    names = ["exp_foo", "tickets-1"]
    assert hidden(judged(names)) == {
        "exp_foo": ("kind", "Experimental images are not allowed."),
        "tickets-1": ("kind", "Images with an unrecognised tag are not allowed."),
    }
    allowed = {"experimental": {"allowed": True, "count": 1}, "unrecognised": {"allowed": True, "count": 1}}
    assert sections(judged(names, kinds=allowed)) == {"exp_foo": "experimental", "tickets-1": "unrecognised"}


def test_an_alias_of_an_image_without_another_name_is_in_all_images() -> None:
    assert sections(judged(["latest"], kinds={"alias": {"count": 5}})) == {"latest": None}
    assert hidden(judged(["latest"], kinds={"alias": {"allowed": False}}))["latest"] == (
        "kind",
        "Aliases are not allowed.",
    )


def test_an_alias_whose_target_is_not_known_is_hidden() -> None:
    catalogue = catalogue_of(["latest", "w_2026_22"], unexamined=["latest", "w_2026_22"])
    judgement = judged(catalogue)
    assert hidden(judgement) == {"latest": ("unresolved", "What the alias latest stands for is not known yet.")}
    assert sections(judgement) == {"w_2026_22": "weekly"}


def test_an_age_window_counts_from_the_version_and_hides_what_has_no_date() -> None:
    names = ["w_2026_47", "w_2026_43", "w_2026_42", "r29_0_0"]
    judgement = judged(names, kinds={"weekly": {"max_age_days": 30.5}, "release": {"max_age_days": 3}})
    assert sections(judgement) == {"w_2026_47": "weekly", "w_2026_43": "weekly"}
    assert hidden(judgement) == {
        "w_2026_42": ("age", "Weeklies may be 30.5 days old, and it is of 2026-10-15."),
        "r29_0_0": ("age.unknown", "Releases may be 3 days old, and its age is not known."),
    }


def test_the_limit_of_an_age_is_within_it() -> None:
    created = {"r29_0_0": NOW - timedelta(days=3), "r28_0_0": NOW - timedelta(days=3, seconds=1)}
    judgement = judged(catalogue_of([*created], created=created), kinds={"release": {"max_age_days": 3}})
    assert sections(judgement) == {"r29_0_0": "release"}


def test_a_rebuild_does_not_make_a_version_younger() -> None:
    created = {"r29_0_0": datetime(2020, 1, 1, tzinfo=UTC), "r29_0_0_rsp9": NOW}
    judgement = judged(catalogue_of(["r29_0_0", "r29_0_0_rsp9"], created=created), support={"years": 3})
    assert hidden(judgement)["r29_0_0_rsp9"] == (
        "support",
        "Releases are supported for 3 years, and it is of 2020-01-01.",
    )


def test_a_version_window_has_two_ends() -> None:
    names = ["r30_0_0", "r29_9_9", "r29_0_0", "r28_9_0", "w_2026_01"]
    judgement = judged(names, kinds={"release": {"min_version": "29", "max_version": "29"}})
    assert sections(judgement) == {"r29_9_9": "release", "r29_0_0": "release", "w_2026_01": "weekly"}
    assert hidden(judgement) == {
        "r30_0_0": ("version", "Releases are allowed up to 29."),
        "r28_9_0": ("version", "Releases are allowed from 29 on."),
    }
    weekly = judged(["w_2026_21", "w_2026_22"], kinds={"weekly": {"min_version": "2026_22"}})
    assert hidden(weekly) == {"w_2026_21": ("version", "Weeklies are allowed from 2026.22 on.")}


RELEASES = ["r31_0_0_rc1", "r30_1_0", "r30_0_0", "r29_0_0", "r29_0_0_rc1", "r28_0_0", "r27_2_0", "r27_2_0_rc1"]


def test_supported_are_this_release_and_the_two_before_it() -> None:
    judgement = judged(RELEASES, support={"previous_releases": 2})
    assert hidden(judgement) == {
        "r27_2_0": ("support", "Supported are releases from 28 on."),
        "r27_2_0_rc1": ("support", "Supported are releases from 28 on."),
    }


def test_a_release_may_be_more_than_its_first_number() -> None:
    judgement = judged(RELEASES, support={"previous_releases": 1, "release_numbers": 2})
    assert set(sections(judgement)) == {"r30_1_0", "r30_0_0", "r31_0_0_rc1"}
    assert hidden(judgement)["r29_0_0"] == ("support", "Supported are releases from 30.0 on.")


def test_support_without_a_number_of_releases_is_by_age_alone() -> None:
    created = {"r1_0": NOW - timedelta(days=1000), "r9_0": NOW - timedelta(days=1200)}
    judgement = judged(catalogue_of([*created], created=created), support={"previous_releases": None, "years": 3})
    assert sections(judgement) == {"r1_0": "release"}


def test_a_release_that_nobody_may_start_supports_none() -> None:
    exclude = {"bad": {"tags": "r31*", "reason": "withdrawn"}}
    judgement = judged(["r31_0_0", "r30_0_0", "r29_0_0"], support={"previous_releases": 1}, exclude=exclude)
    assert set(sections(judgement)) == {"r30_0_0", "r29_0_0"}


def test_a_repository_without_releases_supports_its_candidates() -> None:
    assert judged(["r31_0_0_rc1"], support={}).shown


def test_exclusions_are_by_any_name_or_by_digest_and_bind_recommendations() -> None:
    judgement = judged(
        {"w_2026_22": "a", "latest_weekly": "a", "w_2026_21": "b", "w_2026_20": "c"},
        exclude={"one": {"tags": "latest_*", "reason": "not yet."}, "two": {"digest": digest_of("b"), "reason": "CVE"}},
        recommended={"x": "w_2026_22"},
        pins={"y": "w_2026_21"},
    )
    assert hidden(judgement) == {
        "w_2026_22": ("excluded", "Excluded: not yet."),
        "w_2026_21": ("excluded", "Excluded: CVE"),
    }
    assert judgement.problems == ("The recommended image 'x' is not shown: Excluded: not yet.",)


def test_images_for_other_architectures_are_hidden() -> None:
    other = ImageMetadata(digest_of("o"), "m", None, architecture="s390x")
    catalogue = catalogue_of(
        {"w_2026_22": "n", "w_2026_22-arm64": "a", "w_2026_22-x86_64": "x", "w_2026_21": "o"}, metadata={"o": other}
    )
    judgement = judged(catalogue, architectures=["amd64", "ppc64le"])
    assert hidden(judgement) == {
        "w_2026_22-arm64": ("architecture", "It is for arm64, and the nodes are amd64, ppc64le."),
        "w_2026_21": ("architecture", "It is for s390x, and the nodes are amd64, ppc64le."),
    }
    assert not hidden(judged(catalogue))
    unexamined = catalogue_of(["w_2026_22", "w_2026_22-arm64"], unexamined=["w_2026_22", "w_2026_22-arm64"])
    assert set(hidden(judged(unexamined, architectures=["amd64"]))) == {"w_2026_22-arm64"}


def test_a_recommendation_or_a_pin_opens_every_window() -> None:
    limits = {
        "weekly": {"max_age_days": 1}, "release": {"min_version": "29"}, "experimental": {"allowed": False},
    }  # fmt: skip
    names = ["w_2020_01", "r1_0", "exp_foo"]
    support = {"previous_releases": 0}
    assert not judged(names, kinds=limits, support=support).shown
    pins = {name.replace("_", "-"): {"tag": name, "note": "kept"} for name in names}
    pinned = judged(names, kinds=limits, support=support, pins=pins)
    assert {item.note for item in pinned.shown} == {"kept"}
    assert len(pinned.shown) == len(names)
    recommended = judged(
        names, kinds=limits, support=support, recommended={"a": "w_2020_01", "b": "r1_0", "c": "exp_foo"}
    )
    assert set(sections(recommended).values()) == {"recommended"}


def test_groups_see_more() -> None:
    names = ["w_2026_47", "w_2026_46", "w_2026_45", "w_2020_01", "exp_foo", "r29_0_0", "r1_0"]
    judgement = judged(
        names,
        kinds={"weekly": {"count": 1, "max_age_days": 400}},
        support={"previous_releases": 0},
        groups={
            "dev": {"kinds": {"weekly": {"count": 2, "max_age_days": None}, "experimental": {"allowed": True}}},
            "old": {"unsupported": True},
        },
    )
    placed = {item.image.tag.text: (item.section, item.groups, dict(item.group_sections)) for item in judgement.shown}
    assert placed == {
        "r29_0_0": ("release", (), {}),
        "r1_0": (None, ("old",), {"old": "release"}),
        "w_2026_47": ("weekly", (), {}),
        "w_2026_46": (None, (), {"dev": "weekly"}),
        "w_2026_45": (None, (), {}),
        "w_2020_01": (None, ("dev",), {}),
        "exp_foo": (None, ("dev",), {}),
    }
    assert not judgement.hidden


def test_a_group_with_narrower_limits_loses_nothing() -> None:
    judgement = judged(["w_2026_22"], groups={"few": {"kinds": {"weekly": {"count": 0, "allowed": False}}}})
    (only,) = judgement.shown
    assert (only.section, only.groups, only.group_sections) == ("weekly", (), {})


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(names=NAMES, document=POLICIES)
def test_every_image_is_either_shown_or_hidden_with_a_reason(
    names: dict[str, str], document: dict[str, object]
) -> None:
    """For every image not shown there is a reason."""
    catalogue = catalogue_of(names)
    judgement = judge(catalogue, policy_of(**document), NOW)
    told = [item.image.tag.text for item in judgement.shown] + [item.tag for item in judgement.hidden]
    everything = [image.tag.text for image in catalogue.images] + [item.tag.text for item in catalogue.set_apart]
    assert sorted(told) == sorted(everything)
    assert all(item.code and item.reason.endswith((".", ": bad")) for item in judgement.hidden)
    assert all((item.section is None) == bool(item.reason) or item.groups for item in judgement.shown)
    approved = document.get("approved_cycles")
    for item in judgement.shown if isinstance(approved, list) else ():
        own = {tag.cycle for tag in item.image.tags if tag.kind != "alias"} - {None}
        assert own
        assert own <= set(approved)
