"""What to examine first, and what a spawner reads."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from strata_hub.catalogue import ImageMetadata
from strata_hub.examination import still_wanted, wanted
from strata_hub.judgement import judge
from strata_hub.payloads import payload
from strata_hub.state import ImageEntry, RepositoryError
from strata_hub.tags import TagKind, scheme
from support.catalogues import NOW, catalogue_of, digest_of, policy_of, rubin_names

RUBIN = scheme("rubin")


def test_a_first_menu_of_200_from_10000_tags_wants_only_those() -> None:
    kinds = {"weekly": {"count": 60}, "daily": {"count": 60}, "release": {"count": 79}}
    policy = policy_of(kinds=kinds, recommended={"x": "recommended"})
    tags = wanted(map(RUBIN.parse, rubin_names(10_000, NOW)), policy, NOW)
    assert len(tags) == 200
    assert tags[0].text == "recommended"
    assert [sum(tag.kind == kind for tag in tags) for kind in ("alias", "release", "weekly", "daily")] == [
        1,
        79,
        60,
        60,
    ]


def test_builds_of_one_version_do_not_fill_the_window() -> None:
    names = [f"w_2026_22_rsp{build}" for build in range(500)] + ["w_2026_21", "w_2026_20", "w_2026_19"]
    tags = wanted(map(RUBIN.parse, names), policy_of(), NOW)
    assert [tag.text for tag in tags] == ["w_2026_22_rsp499", "w_2026_21", "w_2026_20"]


def test_what_only_an_examination_can_tell_is_wanted() -> None:
    policy = policy_of(
        approved_cycles=[44],
        recommended={"x": "recommended"},
        kinds={"release": {"max_age_days": 30}},
        support={"years": 3},
    )
    names = ["recommended", "latest", "r29_0_0_c0044", "r29_0_0_c0045", "w_2020_01", "d_2026_11_20_c0044"]
    tags = wanted(map(RUBIN.parse, names), policy, NOW)
    assert [tag.text for tag in tags] == ["recommended", "r29_0_0_c0044", "d_2026_11_20_c0044"]
    assert not wanted(map(RUBIN.parse, names), policy_of(approved_cycles=[]), NOW)


def test_what_groups_see_is_wanted_too() -> None:
    policy = policy_of(groups={"dev": {"kinds": {"experimental": {"allowed": True, "count": 1}}}})
    assert [tag.text for tag in wanted(map(RUBIN.parse, ["exp_a", "exp_b"]), policy, NOW)] == ["exp_b"]


def test_another_is_wanted_for_what_turned_out_to_be_no_image() -> None:
    chart = ImageMetadata(digest_of("chart"), "m", None, runnable=False)
    names = {"w_2026_24": "chart", "w_2026_23": "a", "w_2026_22": "b", "w_2026_21": "c"}
    policy = policy_of(kinds={"weekly": {"count": 2}})
    catalogue = catalogue_of(names, unexamined=["w_2026_22", "w_2026_21"], metadata={"chart": chart})
    assert [tag.text for tag in still_wanted(catalogue, policy, NOW)] == ["w_2026_22"]
    complete = catalogue_of(names, unexamined=["w_2026_21"], metadata={"chart": chart})
    assert still_wanted(complete, policy, NOW) == ()


def test_a_digest_without_metadata_is_wanted() -> None:
    catalogue = catalogue_of(["w_2026_22"])
    (image,) = catalogue.images
    bare = replace(catalogue, images=(replace(image, metadata=None),))
    assert [tag.text for tag in still_wanted(bare, policy_of(), NOW)] == ["w_2026_22"]


def entries(names: dict[str, str], about: ImageMetadata | None = None, **policy: object) -> list[ImageEntry]:
    catalogue = catalogue_of(names, metadata={"a": about} if about else None)
    made = payload("main", "Science", "rubin", catalogue, judge(catalogue, policy_of(**policy), NOW))
    assert (made.name, made.title, made.scheme, made.repository) == ("main", "Science", "rubin", catalogue.repository)
    assert made.listed_at == NOW
    return list(made.images)


def test_an_entry_tells_everything_that_a_form_shows() -> None:
    labels = {"org.opencontainers.image.title": "Science", "org.opencontainers.image.version": "29.2"}
    about = ImageMetadata(digest_of("a"), "m", NOW - timedelta(days=1), labels, 4_000, "amd64")
    names = {"w_2026_22_c0044.007_rsp3": "a", "recommended": "a", "w_2026_22_c0044.007": "a"}
    (entry,) = entries(names, about, recommended={"x": {"tag": "recommended", "note": "Good."}})
    assert entry.model_dump(exclude_defaults=True) == {
        "digest": digest_of("a"),
        "tag": "w_2026_22_c0044.007_rsp3",
        "names": ("w_2026_22_c0044.007", "recommended"),
        "kind": TagKind.WEEKLY,
        "display": "Weekly 2026_22 (SAL Cycle 0044, Build 007)",
        "version": "2026_22",
        "cycle": "SAL Cycle 0044, Build 007",
        "cycle_number": 44,
        "created": NOW - timedelta(days=1),
        "size": 4_000,
        "architecture": "amd64",
        "stack": "Science 29.2",
        "section": "recommended",
        "recommendation": {
            "title": "Recommended (Weekly 2026_22, SAL Cycle 0044, Build 007)",
            "note": "Good.",
            "alias": "recommended",
            "rank": 0,
        },
    }


def test_a_date_comes_from_the_image_then_its_build_then_its_version() -> None:
    assert entries({"w_2026_22_20260601": "x"})[0].created == datetime(2026, 6, 1, tzinfo=UTC)
    assert entries({"w_2026_22": "x"})[0].created == datetime(2026, 5, 28, tzinfo=UTC)
    assert entries({"r29_0_0": "x"})[0].created is None


def test_the_cycle_is_told_by_a_name_of_the_image_and_not_by_an_alias() -> None:
    (entry,) = entries({"r29_0_0": "a", "w_2026_22_c0044.007": "a", "latest_c0045": "a"})
    assert (entry.tag, entry.cycle, entry.cycle_number) == ("r29_0_0", "SAL Cycle 0044, Build 007", 44)
    (entry,) = entries({"r29_0_0": "a", "latest_c0045": "a"})
    assert (entry.cycle, entry.cycle_number) == ("", None)


def test_older_labels_tell_the_stack_where_the_standard_ones_do_not() -> None:
    def stack(labels: dict[str, str]) -> str:
        return entries({"w_2026_22": "a"}, ImageMetadata(digest_of("a"), "m", None, labels))[0].stack

    assert stack({"org.label-schema.name": "Old", "org.label-schema.version": "1"}) == "Old 1"
    assert stack({"org.opencontainers.image.version": "29.2", "org.label-schema.name": "Old"}) == "29.2"
    assert stack({}) == ""


def test_groups_and_reasons_reach_the_menu_state() -> None:
    old, new = "w_2026_21", "w_2026_22"
    groups = {"dev": {"kinds": {"weekly": {"count": 2}, "experimental": {"allowed": True}}}}
    made = {
        entry.tag: entry
        for entry in entries({old: "x", new: "y", "exp_a": "z"}, groups=groups, kinds={"weekly": {"count": 1}})
    }
    assert made[old].group_sections == {"dev": "weekly"}
    assert made[old].why == "Only the newest 1 weeklies have a place of their own."
    assert made[old].section_for({"dev"}) == "weekly"
    assert made[old].section_for({"other"}) is None
    assert made[new].section_for(set()) == "weekly"
    assert made["exp_a"].visible_to({"dev"})
    assert not made["exp_a"].visible_to({"other"})
    assert made[new].visible_to(())


def test_the_most_prominent_place_counts_for_who_is_in_several_groups() -> None:
    entry = ImageEntry(digest=None, tag="x", kind=TagKind.WEEKLY, display="x", section="weekly",
                       group_sections={"a": "daily", "b": "recommended"})  # fmt: skip
    assert [entry.section_for(groups) for groups in ((), ("a",), ("a", "b"))] == ["weekly", "weekly", "recommended"]


def test_hidden_images_problems_and_the_last_error_reach_the_menu_state() -> None:
    catalogue = catalogue_of(["exp_a"])
    error = RepositoryError(code="registry.denied", message="No.", since=NOW)
    judgement = judge(catalogue, policy_of(pins={"x": "r1_0"}), NOW)
    made = payload("main", "Science", "rubin", catalogue, judgement, error)
    assert made.error == error
    assert [(item.tag, item.digest, item.code) for item in made.hidden] == [("exp_a", digest_of("exp_a"), "kind")]
    assert made.hidden[0].reason == "Experimental images are not allowed."
    assert made.problems == judgement.problems
    assert len(made.problems) == 1
