import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strata_hub.menu import User, menu_for
from strata_hub.options import choose
from strata_hub.podspec import annotations, label_value, labels, launch_environment, literal, resources
from support.menu_states import GIB, NOW, entry, science, state

CHOICE = choose(menu_for(state(), User("alice"), NOW), {"safe_mode": True})
LABEL = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?", re.ASCII)


def test_the_environment_names_the_image_in_full() -> None:
    env = launch_environment(CHOICE)
    assert env["STRATA_IMAGE"] == f"registry.example.org/lab/science:w_2026_22@{env['STRATA_IMAGE_DIGEST']}"
    assert (env["STRATA_SAFE_MODE"], env["STRATA_DEBUG"]) == ("1", "0")


def test_what_is_pulled_is_named_by_digest_alone() -> None:
    assert CHOICE.pull_reference == f"registry.example.org/lab/science@{CHOICE.digest}"


def test_a_size_becomes_limits_and_guarantees() -> None:
    found = resources(CHOICE)
    assert found is not None
    assert (found.cpu_limit, found.cpu_guarantee) == (2, 0.5)
    assert (found.mem_limit, found.mem_guarantee) == (6 * GIB, 2 * GIB)


def test_a_tag_of_128_characters_is_whole_in_the_annotations_and_short_in_the_labels() -> None:
    tag = "exp_" + "x" * 124
    choice = choose(menu_for(state(science((entry(tag),))), User("alice"), NOW), {"image": tag})
    assert tag in annotations(choice).values()
    assert all(LABEL.fullmatch(value) for value in labels(choice).values())


@pytest.mark.parametrize("text", ["", "science", "w_2026_22_c0044.007", "x" * 63])
def test_a_text_that_is_a_label_value_is_kept(text: str) -> None:
    assert label_value(text) == text


@given(st.text(max_size=200))
def test_any_text_becomes_a_label_value(text: str) -> None:
    """Kubernetes: at most 63 characters, letters, digits, ``-_.``, a letter or digit at both ends, or nothing."""
    assert LABEL.fullmatch(label_value(text))


@given(st.text(max_size=80), st.text(max_size=80))
def test_two_texts_never_share_a_label_value(one: str, other: str) -> None:
    assert (label_value(one) == label_value(other)) == (one == other)


@given(st.text(max_size=80))
def test_no_text_can_take_the_value_that_another_was_shortened_to(text: str) -> None:
    assert label_value(label_value(text)) == label_value(text) or label_value(text) != text


@given(st.dictionaries(st.text(), st.text() | st.just("{username.__class__.__mro__}") | st.just("{}{0}{")))
def test_values_are_never_format_strings(values: dict[str, str]) -> None:
    """KubeSpawner calls ``str.format(username=...)`` on annotations and labels."""
    assert {key: value.format(username="alice") for key, value in literal(values).items()} == values
