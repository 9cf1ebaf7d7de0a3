"""What retention proposes to delete, and what it never does."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strata_hub.catalogue import Catalogue, ImageMetadata
from strata_hub.retention import Proposal, propose
from support.catalogues import NOW, catalogue_of, digest_of, policy_of
from support.policies import HIDDEN, NAMES, POLICIES

HEX = "0" * 64
RULES = {"weekly": {"count": 2, "days": 30, "builds": 1}}
OLD = ["w_2026_04", "w_2026_03", "w_2026_02", "w_2026_01"]


def proposed(
    names: Mapping[str, str] | Iterable[str] | Catalogue,
    rules: Mapping[str, object] | None = None,
    in_use: Iterable[str] | None = (),
    **policy: object,
) -> Proposal:
    catalogue = names if isinstance(names, Catalogue) else catalogue_of(names)
    document = {"kinds": HIDDEN, "retention": {"kinds": RULES if rules is None else rules}, **policy}
    return propose(catalogue, policy_of(**document), None if in_use is None else [*in_use], NOW)


def deleted(proposal: Proposal) -> list[str]:
    assert not proposal.refused
    return [deletion.tags[0] for deletion in proposal.deletions]


def kept(proposal: Proposal) -> dict[str, tuple[str, str]]:
    assert not proposal.refused
    return {item.tags[0]: (item.code, item.reason) for item in proposal.kept}


def test_what_is_old_and_beyond_the_number_goes_oldest_first_with_a_reason() -> None:
    proposal = proposed(["w_2026_47", *OLD], rules={"weekly": {"count": 2, "days": 30}})
    assert deleted(proposal) == ["w_2026_01", "w_2026_02", "w_2026_03"]
    assert kept(proposal) == {
        "w_2026_47": ("rule", "w_2026_47 is younger than 30 days."),
        "w_2026_04": ("rule", "w_2026_04 is among the newest 2."),
    }
    first = proposal.deletions[0]
    assert first.reason == "w_2026_01 is older than 30 days and not among the newest 2 of its kind."
    assert first.digest == digest_of("w_2026_01")


def test_an_image_goes_with_all_of_its_names_or_not_at_all() -> None:
    names = {"w_2026_04": "a", "w_2026_03": "b", "w_2026_02": "c", "w_2026_02_rsp1": "c", "w_2026_01": "d", "r1_0": "d"}
    proposal = proposed(names)
    assert [deletion.tags for deletion in proposal.deletions] == [("w_2026_02_rsp1", "w_2026_02")]
    assert kept(proposal)["r1_0"] == ("rule", "No rule deletes tags like r1_0.")
    assert proposal.deletions[0].reason == (
        "w_2026_02_rsp1 is older than 30 days and not among the newest 2 of its kind; "
        "w_2026_02 is older than 30 days and not among the newest 2 of its kind."
    )


def test_older_builds_of_a_version_that_is_kept_may_go() -> None:
    names = ["w_2026_04_rsp3", "w_2026_04_rsp2", "w_2026_04", "w_2026_03"]
    assert deleted(proposed(names)) == ["w_2026_04", "w_2026_04_rsp2"]
    assert proposed(names).deletions[0].reason == (
        "w_2026_04 is older than 30 days and not among the newest 1 builds of its version."
    )
    assert deleted(proposed(names, rules={"weekly": {"count": 2, "days": 30}})) == []
    assert deleted(proposed(names, rules={"weekly": {"count": 0, "days": 30}})) == [
        "w_2026_03", "w_2026_04", "w_2026_04_rsp2", "w_2026_04_rsp3",
    ]  # fmt: skip


def test_what_anything_names_stays() -> None:
    names = {name: name for name in OLD} | {"recommended": "w_2026_01", "d_2020_01_01": "d", "latest": "d"}
    rules = {"weekly": {"count": 0, "days": 1}, "daily": {"count": 0, "days": 1}}
    proposal = proposed(
        names,
        rules=rules,
        in_use=[digest_of("w_2026_02")],
        recommended={"x": "recommended"},
        pins={"y": "w_2026_03"},
    )
    assert kept(proposal) == {
        "w_2026_01": ("recommended", "It is recommended."),
        "w_2026_02": ("running", "A lab runs it."),
        "w_2026_03": ("pinned", "It is pinned."),
        "d_2020_01_01": ("alias", "The alias latest stands for it."),
    }
    assert deleted(proposal) == ["w_2026_04"]


def test_what_has_a_place_in_somebodys_menu_stays() -> None:
    rules = {"weekly": {"count": 0, "days": 1}}
    proposal = proposed(
        OLD,
        rules=rules,
        kinds={"weekly": {"count": 1}},
        groups={"dev": {"kinds": {"weekly": {"count": 2}}}},
    )
    assert kept(proposal) == dict.fromkeys(OLD[:2], ("menu", "It has a place of its own in the menu."))


def test_what_has_no_known_age_stays_and_a_rebuild_counts_from_its_own_date() -> None:
    created = {"r1_0": NOW - timedelta(days=100), "r1_0_rsp2": NOW - timedelta(days=2)}
    catalogue = catalogue_of(["r1_0", "r1_0_rsp2", "r0_9"], created=created)
    proposal = proposed(catalogue, rules={"release": {"count": 0, "days": 30}})
    assert deleted(proposal) == ["r1_0"]
    assert kept(proposal) == {
        "r1_0_rsp2": ("rule", "r1_0_rsp2 is younger than 30 days."),
        "r0_9": ("rule", "The age of r0_9 is not known."),
    }


def index_of(*parts: str, name: str = "index") -> ImageMetadata:
    return ImageMetadata(digest_of(name), "index", None, children=tuple(map(digest_of, parts)))


def test_a_part_of_an_index_that_stays_is_not_deleted() -> None:
    names = {"w_2026_47": "index", "w_2026_02-arm64": "part", "w_2026_01-arm64": "deep", "w_2026_03": "free"}
    metadata = {"index": index_of("part"), "part": index_of("deep", name="part")}
    proposal = proposed(catalogue_of(names, metadata=metadata), rules={"weekly": {"count": 1, "days": 30}})
    assert deleted(proposal) == ["w_2026_03"]
    assert kept(proposal)["w_2026_02-arm64"] == ("index", f"It is a part of {digest_of('index')}, which stays.")
    assert kept(proposal)["w_2026_01-arm64"] == ("index", f"It is a part of {digest_of('part')}, which stays.")


def test_an_index_of_which_a_lab_runs_a_part_is_running() -> None:
    catalogue = catalogue_of({"w_2026_01": "index"}, metadata={"index": index_of("part")})
    assert kept(proposed(catalogue, rules={"weekly": {"count": 0, "days": 1}}, in_use=[digest_of("part")])) == {
        "w_2026_01": ("running", "A lab runs it.")
    }


def test_parts_of_an_index_that_goes_may_go_with_it() -> None:
    names = {"w_2026_01": "index", "w_2026_01-arm64": "part"}
    catalogue = catalogue_of(names, metadata={"index": index_of("part")})
    assert deleted(proposed(catalogue, rules={"weekly": {"count": 0, "days": 1}})) == ["w_2026_01-arm64", "w_2026_01"]


def test_what_a_tag_that_is_no_image_names_stays() -> None:
    names = {"w_2026_01": "a", f"sha256-{HEX}": "a"}
    assert kept(proposed(names, rules={"weekly": {"count": 0, "days": 1}})) == {
        "w_2026_01": ("index", "A tag that is no image names it too.")
    }


def test_sizes_are_told() -> None:
    about = ImageMetadata(digest_of("w_2026_01"), "m", None, size=7)
    catalogue = catalogue_of(["w_2026_01"], metadata={"w_2026_01": about})
    assert [item.size for item in proposed(catalogue, rules={"weekly": {"count": 0, "days": 1}}).deletions] == [7]


def test_nothing_is_proposed_from_a_list_that_is_stale_incomplete_or_of_tomorrow() -> None:
    def refused(catalogue: Catalogue, in_use: Iterable[str] | None = (), **policy: object) -> str:
        proposal = proposed(catalogue, in_use=in_use, **policy)
        assert (proposal.deletions, proposal.kept) == ((), ())
        return proposal.refused

    whole = catalogue_of(OLD)
    bare = replace(whole, images=(*whole.images[:-1], replace(whole.images[-1], metadata=None)))
    assert refused(whole, in_use=None) == "Which images are running is not known."
    assert refused(catalogue_of(OLD, unexamined=OLD[:2])) == (
        "2 tags have not been examined, and might be names of what would be deleted."
    )
    assert refused(bare) == "1 tags have not been examined, and might be names of what would be deleted."
    assert refused(whole, pins={"p": "r9_9"}) == (
        "The policy has to be corrected first. "
        "The pinned image 'p' does not exist: registry.example.org/lab/science has no tag r9_9."
    )
    late, early = NOW - timedelta(hours=1, seconds=1), NOW + timedelta(minutes=6)
    assert refused(replace(whole, listed_at=late)) == (
        "The list of tags is from 2026-11-21 10:59 UTC, which is too old to delete by."
    )
    assert refused(replace(whole, listed_at=early)) == (
        "The list of tags is from 2026-11-21 12:06 UTC, which is yet to come: check the clocks."
    )
    for moment in (NOW - timedelta(hours=1), NOW + timedelta(minutes=5)):
        assert not proposed(replace(whole, listed_at=moment)).refused


@pytest.mark.parametrize("retention", [None, {}, {"kinds": {}}])
def test_without_rules_everything_is_kept(retention: object) -> None:
    proposal = propose(catalogue_of(OLD), policy_of(retention=retention), [], NOW)
    assert proposal == Proposal(refused="The policy has no retention rules, so everything is kept.")


def test_an_expired_recommendation_does_not_stop_it() -> None:
    expired = {"x": {"tag": "w_2026_01", "expires": NOW}}
    assert deleted(proposed(OLD, recommended=expired)) == ["w_2026_01", "w_2026_02"]


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(names=NAMES, document=POLICIES, running=st.sets(st.sampled_from("abcdefgh"), max_size=3))
def test_never_a_digest_that_anything_kept_or_running_names(
    names: dict[str, str], document: dict[str, object], running: set[str]
) -> None:
    """Retention proposes by digest, never a digest that anything kept or running still names."""
    catalogue = catalogue_of(names)
    proposal = propose(catalogue, policy_of(**document), [digest_of(name) for name in running], NOW)
    gone = {item.digest for item in proposal.deletions}
    staying = {item.digest for item in proposal.kept}
    assert not gone & staying
    assert not gone & {digest_of(name) for name in running}
    safe = ("recommended", "latest", "exp_", "odd", "sha256-")
    assert not gone & {digest_of(image) for name, image in names.items() if name.startswith(safe)}
    if not proposal.refused:
        assert gone | staying == {image.digest for image in catalogue.images}
