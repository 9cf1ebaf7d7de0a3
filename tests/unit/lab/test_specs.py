import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from strata_lab import specs
from strata_lab.errors import InvalidInput, Refused, StrataError

REFUSED = [
    "--index-url=https://evil.example/simple",
    "-rrequirements.txt",
    "-e .",
    "-",
    "https://evil.example/x.whl",
    "git+https://evil.example/x",
    "pkg @ https://evil.example/x.whl",
    "pkg@file:///etc/passwd",
    "./wheel.whl",
    "../x",
    "/etc/passwd",
    "~/x",
    "C:\\x",
    "pkg; python_version>'3'",
    "pkg===1.0",
]
INVALID = ["", "   ", "pkg\n", "pkg\nother", "pkg\0", "пакет", "pkg>=", "pkg==1..0", "[extra]", "_x", ".x", "a" * 501]


@pytest.mark.parametrize("text", REFUSED)
def test_whatever_names_a_place_an_option_or_a_marker_is_refused(text: str) -> None:
    with pytest.raises((Refused, InvalidInput)):
        specs.parse(text)


@pytest.mark.parametrize("text", INVALID)
def test_whatever_is_no_requirement_is_invalid(text: str) -> None:
    with pytest.raises((InvalidInput, Refused)):
        specs.parse(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("astropy", "astropy"),
        ("Foo.Bar_baz", "foo-bar-baz"),
        ("dask[Distributed,array]>=2024 , <2026", "dask[array,distributed]<2026,>=2024"),
        ("numpy==2.*", "numpy==2.*"),
        ("x (>=1)", "x>=1"),
        ("x==1.0+local.1", "x==1.0+local.1"),
    ],
)
def test_names_are_canonical_and_the_rest_is_kept(text: str, meant: str) -> None:
    assert str(specs.parse(text)) == meant


def test_a_name_alone_is_wanted_where_no_version_makes_sense() -> None:
    assert specs.parse_name("Foo_Bar") == "foo-bar"
    with pytest.raises(InvalidInput):
        specs.parse_name("foo>=1")


def test_one_name_asked_twice_differently_is_refused() -> None:
    assert len(specs.parse_all(["a", "A", "b"])) == 2
    with pytest.raises(InvalidInput, match="asked for twice"):
        specs.parse_all(["a>1", "a>2"])


def test_a_new_condition_takes_the_place_of_the_old_one() -> None:
    assert specs.merged(["a>1", "b"], specs.parse_all(["A<3", "c"])) == ("a<3", "b", "c")


@given(st.text(max_size=80))
@example("a-")
def test_any_line_is_refused_or_becomes_an_operand_that_starts_with_a_letter_or_digit(text: str) -> None:
    try:
        spec = specs.parse(text)
    except StrataError:
        return
    written = str(spec)
    assert written[0].isascii()
    assert written[0].isalnum()
    assert not set(written) & set(" \n\t/@;\\")
    assert spec.name == canonicalize_name(spec.name, validate=True)
    assert specs.parse(written) == spec


@given(st.from_regex(r"[A-Za-z][A-Za-z0-9._-]{0,20}[A-Za-z0-9](\[[a-z]{1,5}\])?(==[0-9]\.[0-9])?", fullmatch=True))
def test_what_packaging_reads_as_name_and_version_is_read_the_same(text: str) -> None:
    assert specs.parse(text).specifier == Requirement(text).specifier


@pytest.mark.parametrize("piece", ["a", "[", "(", "=", "a,", ">=1,", " "])
def test_long_input_is_refused_before_anything_reads_it(piece: str) -> None:
    with pytest.raises(InvalidInput, match="500 characters"):
        specs.parse("x" + piece * 65536)
