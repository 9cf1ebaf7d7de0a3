import pytest
from hypothesis import given
from hypothesis import strategies as st
from strata_hub.registry.headers import Challenge, Link, MalformedHeader, challenges, links, next_link

TOKENS = st.text("abcXYZ019!#$%&'*+-.^_`|~", min_size=1, max_size=12)
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("Basic", [Challenge("basic")]),
        ('Basic realm="x"', [Challenge("basic", {"realm": "x"})]),
        (
            'Bearer realm="https://auth.example.org/token",service="reg",scope="repository:a/b:pull,push"',
            [
                Challenge(
                    "bearer",
                    {
                        "realm": "https://auth.example.org/token",
                        "service": "reg",
                        "scope": "repository:a/b:pull,push",
                    },
                )
            ],
        ),
        ("Negotiate YWJj==, Basic realm=x", [Challenge("negotiate", {}, "YWJj=="), Challenge("basic", {"realm": "x"})]),
        ("Negotiate, Basic", [Challenge("negotiate"), Challenge("basic")]),
        (' , Newauth realm = "a" ,title="b \\"c\\"" , ,', [Challenge("newauth", {"realm": "a", "title": 'b "c"'})]),
        (
            'Bearer realm="a", Basic realm="b"',
            [Challenge("bearer", {"realm": "a"}), Challenge("basic", {"realm": "b"})],
        ),
    ],
)
def test_challenges_are_read_by_the_grammar(text: str, expected: list[Challenge]) -> None:
    assert challenges(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        'Bearer realm="a',
        "realm=x",
        "Bearer realm=a realm=b",
        "Bearer realm=a, realm=b",
        "Bearer realm=a; x=y",
        "@",
        'Bearer realm="a"b',
        "Bearer realm=a b",
        "Bearer \n x=y",
    ],
)
def test_what_does_not_follow_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(MalformedHeader):
        challenges(text)


@given(st.lists(st.tuples(TOKENS, st.dictionaries(TOKENS.map(str.lower), VALUES, min_size=1, max_size=4)), max_size=4))
def test_what_is_written_by_the_grammar_is_read_back(written: list[tuple[str, dict[str, str]]]) -> None:
    """RFC 9110, 11.6.1: a field may hold several challenges, each with parameters in quoted strings."""

    def quoted(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    text = ", ".join(
        f"{scheme} " + ", ".join(f"{name}={quoted(value)}" for name, value in parameters.items())
        for scheme, parameters in written
    )
    assert [(each.scheme, dict(each.parameters)) for each in challenges(text)] == [
        (scheme.lower(), parameters) for scheme, parameters in written
    ]


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (challenges, lambda field: list(links(field))):
        try:
            read(text)
        except MalformedHeader:
            continue


@pytest.mark.parametrize("piece", ["a ", "a,", 'a="', "a=b,", "<a>;", "<a>;b=", ",", '"\\', "<", "a=", " "])
def test_a_long_field_is_read_or_refused_in_one_pass(piece: str) -> None:
    text = piece * (65536 // len(piece))
    for read in (challenges, lambda field: list(links(field))):
        try:
            read(text)
        except MalformedHeader:
            continue


@pytest.mark.parametrize(
    ("fields", "target"),
    [
        ([], None),
        (['</v2/a/tags/list?n=2&last=b>; rel="next"'], "/v2/a/tags/list?n=2&last=b"),
        (["<x>; rel=next"], "x"),
        (["<x>;REL=NEXT"], "x"),
        (['<p>; rel=prev, <x>; rel="last next"; title="a, b; c"'], "x"),
        (["<p>; rel=prev", "<x>; rel=next"], "x"),
        (["<x>; rel=prev; rel=next"], None),
        (["<x>; rel=nextish"], None),
        (["<x>"], None),
        (['<https://h/a,b;c>; title="<y>; rel=next"; rel=next'], "https://h/a,b;c"),
    ],
)
def test_the_next_page_is_found(fields: list[str], target: str | None) -> None:
    assert next_link(fields) == target


@pytest.mark.parametrize("text", ["x", "<x", "<x> rel=next", "<x>; rel=", '<x>; rel="next', "<x>y", "<<x>>"])
def test_a_link_that_does_not_follow_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(MalformedHeader):
        list(links(text))


def test_links_keep_their_order() -> None:
    assert list(links("<a>; rel=x, <b>")) == [Link("a", frozenset({"x"})), Link("b", frozenset())]
