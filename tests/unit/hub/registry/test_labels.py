import unicodedata
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strata_hub.registry.labels import CREATED, MAX_LABELS, MAX_VALUE, created, kept, plain

TITLE = "org.opencontainers.image.title"
KEYS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["org.opencontainers.image.", "io.strata.", "org.label-schema."]).flatmap(
        lambda prefix: st.text("abc-._X ", max_size=12).map(lambda rest: prefix + rest)
    ),
)


def test_only_the_known_families_are_kept() -> None:
    labels = {TITLE: "a", "io.strata.stack": "b", "org.label-schema.x": "c", "maintainer": "d", "io.stratax": "e"}
    assert kept(labels) == {TITLE: "a", "io.strata.stack": "b", "org.label-schema.x": "c"}


def test_the_first_source_wins() -> None:
    assert kept({TITLE: "annotation"}, None, {TITLE: "label", "io.strata.a": "1"}) == {
        TITLE: "annotation",
        "io.strata.a": "1",
    }


def test_the_older_schema_fills_what_is_missing() -> None:
    """Image specification, annotations, Back-compatibility with Label Schema."""
    labels = kept({"org.label-schema.name": "old", "org.label-schema.vcs-ref": "abc", TITLE: "new"})
    assert labels[TITLE] == "new"
    assert labels["org.opencontainers.image.revision"] == "abc"


@pytest.mark.parametrize("value", [None, 7, ["a"], {"a": "b"}, "", " \n "])
def test_a_value_that_is_no_text_is_dropped(value: Any) -> None:
    assert kept({TITLE: value}) == {}


@pytest.mark.parametrize(
    "key", ["io.strata.A", "io.strata.a b", "io.strata.a\n", "io.strata." + "x" * 300, "io.strata.é"]
)
def test_a_key_that_is_no_key_is_dropped(key: str) -> None:
    assert kept({key: "x"}) == {}


def test_a_long_description_is_cut_and_another_long_value_dropped() -> None:
    labels = kept(
        {"org.opencontainers.image.description": "ü" * 1000, "org.opencontainers.image.url": "https://" + "x" * 2000}
    )
    assert len(labels["org.opencontainers.image.description"].encode()) <= MAX_VALUE
    assert labels["org.opencontainers.image.description"].endswith("ü…")
    assert "org.opencontainers.image.url" not in labels


def test_of_too_many_labels_the_standard_ones_stay() -> None:
    labels = kept({f"io.strata.n{number}": "x" for number in range(200)} | {TITLE: "here"})
    assert len(labels) == MAX_LABELS
    assert labels[TITLE] == "here"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\r\nb\tc", "a b c"),
        ("\x1b[31mred\x07", "[31mred"),
        ("abc\u202etxt.exe", "abctxt.exe"),
        ("a\u2066b\u2069\u200f\u061c", "ab"),
        ("a\u200bb\ufeff\u00ad", "ab"),
        ("\ud800a", "a"),
        ("line\u2028next", "line next"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("Größe 日本語", "Größe 日本語"),
    ],
)
def test_text_is_made_plain(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(
    st.dictionaries(KEYS, st.one_of(st.none(), st.integers(), st.text(st.characters(), max_size=1500)), max_size=100)
)
def test_whatever_the_labels_what_is_kept_is_small_and_plain(labels: dict[str, Any]) -> None:
    """At most 64 keys, values of at most 1 KiB, no control, format or surrogate character that reorders text."""
    found = kept(labels)
    assert len(found) <= MAX_LABELS
    for key, value in found.items():
        assert key.isascii()
        assert len(value.encode()) <= MAX_VALUE
        assert not any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in value)
        assert not any(
            unicodedata.bidirectional(character) in {"RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "FSI", "PDI"}
            for character in value
        )


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        (["2026-05-29T03:04:05Z"], datetime(2026, 5, 29, 3, 4, 5, tzinfo=UTC)),
        (["2026-05-29T03:04:05.123456789Z"], datetime(2026, 5, 29, 3, 4, 5, 123456, tzinfo=UTC)),
        (["2026-05-29T03:04:05+02:00"], datetime(2026, 5, 29, 1, 4, 5, tzinfo=UTC)),
        (["2026-05-29T03:04:05"], datetime(2026, 5, 29, 3, 4, 5, tzinfo=UTC)),
        (["2026-05-29"], datetime(2026, 5, 29, tzinfo=UTC)),
        (["1970-01-01T00:00:00Z", "2020-01-01"], datetime(2020, 1, 1, tzinfo=UTC)),
        (["1980-01-01T00:00:01Z"], None),
        (["1999-12-31T23:59:59Z"], None),
        (["2000-01-01T00:00:00Z"], datetime(2000, 1, 1, tzinfo=UTC)),
        (["0001-01-01T00:00:00+10:00"], None),
        (["9999-12-31T23:59:59-10:00"], None),
        (["yesterday", 7, None, "", "2026-13-01", "9" * 10_000], None),
        ([], None),
    ],
)
def test_the_first_believable_date_counts(candidates: list[Any], expected: datetime | None) -> None:
    assert created(candidates) == expected


@given(st.lists(st.one_of(st.text(max_size=40), st.datetimes().map(str), st.integers()), max_size=4))
def test_a_date_is_never_before_2000_and_always_utc(candidates: list[Any]) -> None:
    found = created(candidates)
    assert found is None or (found.year >= 2000 and found.utcoffset() == UTC.utcoffset(None))


def test_the_created_annotation_is_where_the_specification_says() -> None:
    assert CREATED == "org.opencontainers.image.created"
