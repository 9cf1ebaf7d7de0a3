"""The rules that hold for every string; `make test-properties` tries them on a million."""

import re
import sys
from collections.abc import Iterator
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from strata_hub.tags import Tag, TagKind
from support.tags import RUBIN, SCHEMES, STRINGS, Spelled, count, seen, spelled, texts, tried

KIBIBYTES = 64 * 1024


@pytest.fixture(scope="module", autouse=True)
def _say_how_many() -> Iterator[None]:
    yield
    if STRINGS:
        sys.stdout.write("".join(f"\n{number:>9,} strings: {rule}" for rule, number in seen.items()))
        sys.stdout.write(f"\n{sum(seen.values()):>9,} strings in total\n")


def _all_schemes(rule: str, strings: list[str]) -> list[Tag]:
    count(rule, len(strings))
    return [SCHEMES[place % len(SCHEMES)].parse(text) for place, text in enumerate(strings)]


@tried
@given(texts())
def test_any_two_tags_of_any_schemes_are_ordered(strings: list[str]) -> None:
    """Order is total: of any two tags exactly one of <, ==, > holds, and sorting leaves no pair in disorder."""
    tags = _all_schemes("total order", strings)
    for one, other in zip(tags, reversed(tags), strict=True):
        assert [one < other, one == other, one > other].count(True) == 1
        assert (one <= other) == (one < other or one == other) == (other >= one)
    in_order = sorted(tags)
    assert all(not later < earlier for earlier, later in pairwise(in_order))
    # Transitive: what holds for neighbours holds for any two, a sample of which is looked at.
    assert all(not later < earlier for earlier, later in combinations(in_order[:: 1 + len(tags) // 20], 2))


@tried
@given(texts())
def test_equal_tags_hash_equally(strings: list[str]) -> None:
    """One key for equality, order and hash: a set holds as many tags as there are unequal ones."""
    tags = sorted(_all_schemes("equality and hash", strings))
    unequal = 1 + sum(1 for one, other in pairwise(tags) if one != other)
    assert len(set(tags)) == unequal
    assert all(hash(one) == hash(other) for one, other in pairwise(tags) if one == other)


@tried
@given(texts())
def test_every_string_gets_a_tag_or_a_reason(strings: list[str]) -> None:
    """Every string gets either a parsed tag or an unrecognised one with a reason; nothing is swallowed."""
    for text, tag in zip(strings, _all_schemes("no exception", strings), strict=True):
        assert tag.text == text
        assert (tag.kind is TagKind.UNRECOGNISED) == bool(tag.reason)
        assert tag.display or not text
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", text, re.ASCII):
            assert tag.kind is TagKind.UNRECOGNISED


def _meaning(tag: Spelled) -> tuple[object, ...]:
    """Return what a spelled tag says, read in the plainest way."""
    build = cycle = None
    extras = []
    for part in tag.parts:
        if part.startswith("rsp") and part != "rsp":
            build = int(part[3:])
        elif part[0] in "ck":
            cycle = int(part[1:].partition(".")[0])
        elif not (part[:8].isdigit() and part[4:6] <= "12"):
            extras.append(part)
    return build, cycle, "_".join(extras), bool(tag.architecture)


@tried
@given(spelled())
def test_what_was_written_is_read(written: list[Spelled]) -> None:
    """Round trip: the fields that a tag was made of are the fields that are read, and its text is kept."""
    count("round trip", len(written))
    for tag in written:
        read = RUBIN.parse(tag.text)
        assert (read.build, read.cycle, read.extra, bool(read.architecture)) == _meaning(tag)
        assert read.text == tag.text
        assert (read.kind is TagKind.EXPERIMENTAL) == bool(tag.prefix)
        assert RUBIN.parse(read.text) == read


@tried
@given(spelled())
def test_fields_mean_the_same_in_any_order(written: list[Spelled]) -> None:
    """Suffix fields, each optional, separated by `_`, stand in any order."""
    count("order of fields", len(written))
    first: dict[tuple[object, ...], Tag] = {}
    for tag in written:
        read = RUBIN.parse(tag.text)
        same = first.setdefault((tag.head, tag.architecture, *sorted(tag.parts)), read)
        assert read == same
        assert (read.kind, read.display, read.version) == (same.kind, same.display, same.version)


@pytest.mark.parametrize(
    "text",
    [
        "w_2026_22" + "_rsp1" * (KIBIBYTES // 5),
        "_" * KIBIBYTES,
        "1.2.3-" + "a." * (KIBIBYTES // 2),
        "1.2.3-" + "-amd64" * (KIBIBYTES // 6),
        "recommended_" + "c1." * (KIBIBYTES // 3),
        "exp_" * (KIBIBYTES // 4),
        "sha256-" + "a" * KIBIBYTES,
        "2026-" * (KIBIBYTES // 5),
        "9" * KIBIBYTES,
        "\n" * KIBIBYTES,
    ],
    ids=lambda text: text[:12],
)
def test_a_string_of_64_kib_is_not_looked_into(text: str) -> None:
    """Linear time to 64 KiB: quadratic time on a hundred such strings would outlast the test's own limit."""
    for _ in range(100):
        for scheme in SCHEMES:
            tag = scheme.parse(text)
    assert tag.kind is TagKind.UNRECOGNISED
    assert f"{len(text)} characters" in tag.reason
    longest = text[:128]
    assert all(scheme.parse(longest).text == longest for scheme in SCHEMES)
