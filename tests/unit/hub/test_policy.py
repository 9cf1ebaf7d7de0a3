"""The policy as an administrator writes it: what is accepted, and what is refused with a sentence."""

from datetime import UTC, datetime, timedelta

import pytest
from strata_hub.errors import ConfigurationError
from strata_hub.policy import Cycle, PolicyConfig, read_policy
from strata_hub.tags import TagKind
from support.catalogues import digest_of, policy_of

DIGEST = digest_of("one")


def test_a_policy_of_nothing_is_a_policy() -> None:
    policy = read_policy({})
    assert policy.approved_cycles is None
    assert [policy.rule(kind).count for kind in TagKind] == [0, 3, 0, 3, 3, 0, 0]
    assert [kind.value for kind in TagKind if not policy.rule(kind).allowed] == ["experimental", "unrecognised"]
    assert policy.age_limit(TagKind.WEEKLY) is None
    assert policy.group_names() == ()


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ({"recomended": {}}, "recomended: Extra inputs are not permitted"),
        ({"recommended": ["recommended"]}, "recommended: Input should be a valid dictionary"),
        ({"recommended": {"a": {"tag": "a b"}}}, "recommended.a.tag: 'a b' can never be a tag"),
        ({"recommended": {"a": {"tag": "a\n"}}}, "recommended.a.tag: 'a\\n' can never be a tag"),
        ({"recommended": {"a": {}}}, "recommended.a: name a tag or a digest"),
        ({"recommended": {"a": "sha256:1"}}, "recommended.a.digest: 'sha256:1' is no digest"),
        ({"recommended": {"a": 3}}, "recommended.a: Input should be a valid dictionary"),
        ({"pins": {"a": {"tag": "w_2026_22", "title": "x"}}}, "pins.a.title: Extra inputs are not permitted"),
        ({"approved_cycles": "all"}, "approved_cycles: Input should be a valid tuple"),
        ({"approved_cycles": ["all"]}, "approved_cycles.0: 'all' is no cycle: write it as 44, c0044 or c0044.007"),
        ({"approved_cycles": [True]}, "approved_cycles.0: Input should be a valid dictionary"),
        ({"approved_cycles": [-1]}, "approved_cycles.0.number: Input should be greater than or equal to 0"),
        ({"approved_cycles": ["c0044\n"]}, "approved_cycles.0: 'c0044\\n' is no cycle"),
        ({"approved_cycles": 44}, "approved_cycles: Input should be a valid tuple"),
        ({"kinds": {"weeklies": {}}}, "kinds.weeklies"),
        ({"kinds": {"weekly": {"counts": 3}}}, "kinds.weekly.counts: Extra inputs are not permitted"),
        ({"kinds": {"weekly": {"count": -3}}}, "kinds.weekly.count: Input should be greater than or equal to 0"),
        ({"kinds": {"weekly": {"max_age_days": 0}}}, "max_age_days: Input should be greater than 0"),
        (
            {"kinds": {"release": {"min_version": 29.1}}},
            "kinds.release.min_version: quote a version: YAML reads 29.10",
        ),
        ({"kinds": {"release": {"min_version": "29."}}}, "min_version: '29.' is no version"),
        (
            {"groups": {"a": {"kinds": {"weekly": {"allow": True}}}}},
            "groups.a.kinds.weekly.allow: Extra inputs",
        ),
        ({"exclude": {"a": {"tags": "w_*"}}}, "exclude.a.reason: Field required"),
        ({"exclude": {"a": {"reason": "x"}}}, "exclude.a: name either tags or a digest"),
        ({"exclude": {"a": {"tags": "x", "digest": DIGEST, "reason": "x"}}}, "exclude.a: name either tags or a digest"),
        ({"support": {"years": 0}}, "support.years: Input should be greater than 0"),
        ({"support": {"previous_releases": -1}}, "support.previous_releases: Input should be greater than"),
        ({"retention": {"kinds": {"alias": {"count": 1, "days": 1}}}}, "retention: an alias is deleted by nobody but"),
        ({"retention": {"kinds": {"weekly": {"count": 1}}}}, "retention.kinds.weekly.days: Field required"),
        ({"retention": {"kinds": {"weekly": {"count": 1, "days": 1, "builds": 0}}}}, "builds: Input should be greater"),
        ("recommended", "the policy: Input should be a valid dictionary"),
        (None, "the policy: Input should be a valid dictionary"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_place(document: object, where: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_policy(document)
    assert str(caught.value).startswith("The policy cannot be read at ")
    assert where in str(caught.value)
    assert caught.value.hint == "Correct the value; nothing is guessed."
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "cycle"),
    [
        (44, Cycle(letter="c", number=44)),
        ("44", Cycle(letter="c", number=44)),
        ("0044", Cycle(letter="c", number=44)),
        ("c0044", Cycle(letter="c", number=44)),
        ("k0002.001", Cycle(letter="k", number=2, revision=1)),
        ("c0044.000", Cycle(letter="c", number=44, revision=0)),
        ({"letter": "k", "number": 2}, Cycle(letter="k", number=2)),
    ],
)
def test_a_cycle_is_written_in_several_ways(value: object, cycle: Cycle) -> None:
    assert policy_of(approved_cycles=[value]).approved_cycles == (cycle,)


def test_a_cycle_approves_its_own_revisions_only() -> None:
    assert Cycle(number=44).approves("c", 44, None)
    assert Cycle(number=44).approves("c", 44, 7)
    assert Cycle(number=44, revision=7).approves("c", 44, 7)
    assert not Cycle(number=44, revision=0).approves("c", 44, None)
    assert not Cycle(number=44, revision=7).approves("c", 44, 8)
    assert not Cycle(number=44).approves("k", 44, None)
    assert not Cycle(number=44).approves("c", 45, None)
    assert not Cycle(number=0).approves("c", None, None)


def test_a_key_without_a_value_approves_nothing_and_an_absent_one_does_not_filter() -> None:
    assert policy_of(approved_cycles=None).approved_cycles == ()
    assert policy_of(approved_cycles=[]).approved_cycles == ()
    assert policy_of().approved_cycles is None


def test_a_designation_may_be_a_plain_tag_or_digest() -> None:
    policy = policy_of(recommended={"a": "recommended", "b": DIGEST}, pins={"p": {"tag": "r29_0_0", "digest": DIGEST}})
    assert policy.recommended["a"].tag == "recommended"
    assert policy.recommended["b"].digest == DIGEST
    assert policy.pins["p"].target == "r29_0_0"
    assert policy.recommended["b"].target == DIGEST


def test_a_moment_without_a_zone_is_utc() -> None:
    policy = policy_of(
        recommended={"a": {"tag": "x", "expires": "2026-12-01"}, "b": {"tag": "x", "expires": "2026-12-01T01:00+01:00"}}
    )
    assert {item.expires for item in policy.recommended.values()} == {datetime(2026, 12, 1, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("r29.2", (29, 2)),
        ("29_2_0", (29, 2, 0)),
        ("2026_22", (2026, 22)),
        ("v1-2", (1, 2)),
        (29, (29,)),
        ([29, 10], (29, 10)),
    ],
)
def test_a_version_is_written_as_people_do(text: object, numbers: tuple[int, ...]) -> None:
    assert policy_of(kinds={"release": {"min_version": text}}).rule(TagKind.RELEASE).min_version == numbers


def test_a_group_differs_from_everybody_in_what_it_names() -> None:
    policy = policy_of(
        kinds={"weekly": {"count": 5, "max_age_days": 30}},
        groups={"dev": {"kinds": {"weekly": {"max_age_days": None}, "experimental": {"allowed": True}}}},
        recommended={"a": {"tag": "recommended", "groups": ["testers", "dev"]}},
    )
    everybody, dev = policy.rule(TagKind.WEEKLY), policy.rule(TagKind.WEEKLY, "dev")
    assert (everybody.count, everybody.max_age_days) == (5, 30)
    assert (dev.count, dev.max_age_days) == (5, None)
    assert policy.age_limit(TagKind.WEEKLY) == timedelta(days=30)
    assert policy.age_limit(TagKind.WEEKLY, "dev") is None
    assert policy.rule(TagKind.EXPERIMENTAL, "dev").allowed
    assert not policy.rule(TagKind.EXPERIMENTAL, "testers").allowed
    assert policy.group_names() == ("dev", "testers")


def test_policies_are_values() -> None:
    with pytest.raises(ValueError, match="frozen"):
        policy_of().recommended = {}  # type: ignore[misc]
    assert policy_of(kinds={"weekly": {"count": 1}}) == PolicyConfig.model_validate({"kinds": {"weekly": {"count": 1}}})
