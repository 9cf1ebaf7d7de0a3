"""What a pip command asks for."""

from pathlib import Path

import pytest
from strata_lab.changes import Create, Install, Remove, Upgrade
from strata_lab.errors import InvalidInput, NotFound, Refused
from strata_lab.pip_words import change


def test_installing_adds_to_the_environment_or_makes_it() -> None:
    assert change(["specutils", "a>=1"], "install", "mine", exists=True) == Install(
        environment="mine", requirements=("specutils", "a>=1")
    )
    assert change(["a"], "install", "mine", exists=False) == Create(environment="mine", requirements=("a",))


@pytest.mark.parametrize("word", ["-q", "--user", "--no-cache-dir", "-vv", "--progress-bar=off"])
def test_options_that_change_nothing_here_are_accepted(word: str) -> None:
    assert change([word, "a"], "install", "mine", exists=True) == Install(environment="mine", requirements=("a",))


@pytest.mark.parametrize(
    "words",
    [["--target=/x", "a"], ["-t", "/x", "a"], ["-e", "."], ["-i", "http://x", "a"], ["--find-links=x", "a"]],
)
def test_options_that_would_install_elsewhere_or_from_elsewhere_are_refused(words: list[str]) -> None:
    with pytest.raises(Refused, match="has no place here"):
        change(words, "install", "mine", exists=True)


def test_upgrading_and_removing_take_names() -> None:
    assert change(["-U", "a"], "install", "mine", exists=True) == Upgrade(environment="mine", names=("a",))
    assert change(["-U", "a>=2"], "install", "mine", exists=True) == Install(environment="mine", requirements=("a>=2",))
    assert change(["-y", "a", "b"], "uninstall", "mine", exists=True) == Remove(environment="mine", names=("a", "b"))
    with pytest.raises(NotFound):
        change(["a"], "uninstall", "mine", exists=False)


def test_a_requirements_file_is_read_and_its_options_are_not_followed(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("# mine\na>=1  # why\n\nb\n")
    assert change(["-r", str(file)], "install", "m", exists=True) == Install(
        environment="m", requirements=("a>=1", "b")
    )
    file.write_text("--index-url http://x\na\n")
    with pytest.raises(InvalidInput, match="options of pip"):
        change(["-r", str(file)], "install", "mine", exists=True)


@pytest.mark.parametrize("words", [[], ["--frobnicate", "a"], ["-r", "/nonexistent"]])
def test_what_pip_does_not_take_is_an_error_in_one_sentence(words: list[str]) -> None:
    with pytest.raises(InvalidInput):
        change(words, "install", "mine", exists=True)
