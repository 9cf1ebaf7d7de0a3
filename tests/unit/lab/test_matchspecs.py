"""What a user may write for a conda package."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rattler import MatchSpec
from strata_lab.errors import InvalidInput, Refused
from strata_lab.matchspecs import CondaSpec, merged, parse


@pytest.mark.parametrize(
    ("text", "name", "version"),
    [
        ("gdal", "gdal", ""),
        ("GDAL", "gdal", ""),
        ("gdal>=3", "gdal", ">=3"),
        ("gdal >=3,<4", "gdal", ">=3,<4"),
        ("gdal=3.8", "gdal", "=3.8"),
        ("gdal==3.8.1", "gdal", "==3.8.1"),
        ("gdal 3.8.*", "gdal", "3.8.*"),
        ("gdal<3|>4", "gdal", "<3|>4"),
        ("_openmp_mutex", "_openmp_mutex", ""),
    ],
)
def test_a_name_with_an_optional_version_is_taken(text: str, name: str, version: str) -> None:
    assert parse(text) == CondaSpec(name, version)


@pytest.mark.parametrize(
    "text",
    [
        "evil::gdal",
        "https://example.org/gdal-3.conda",
        "./gdal.conda",
        "file:///gdal.conda",
        "gdal[channel=evil]",
        "gdal[url='x']",
        "--channel",
        "-c",
        "gdal@git",
        "a\\b",
    ],
)
def test_whatever_names_another_place_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        parse(text)


@pytest.mark.parametrize(
    "text", ["", " ", "gdal\n", "gdal 3.8 py311_0", "gdal;x", "gdal >=", "é", "a" * 201, "gdal\x00"]
)
def test_what_is_no_specification_is_told_so(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse(text)


@given(st.text(max_size=30))
def test_whatever_is_taken_means_the_same_name_to_the_solver(text: str) -> None:
    """What `parse` lets through is a specification of exactly that one name, from no particular channel."""
    try:
        spec = parse(text)
    except (InvalidInput, Refused):
        return
    try:
        understood = MatchSpec(str(spec))
    except Exception:  # noqa: BLE001 -- the solver may still refuse a version; it then says so
        return
    assert understood.channel is None
    assert f'"{spec.name}"' in str(understood.name) or str(understood.name) == spec.name


def test_a_new_specification_takes_the_place_of_the_old_one_of_its_name() -> None:
    assert merged(("gdal", "proj>=9"), (parse("gdal>=3"),)) == ("gdal >=3", "proj>=9")
