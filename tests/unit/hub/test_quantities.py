from pathlib import Path

import pytest
from pydantic import ValidationError
from strata_hub.errors import ConfigurationError
from strata_hub.quantities import SecretReference, memory, seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [(5, 5.0), ("90", 90.0), ("30s", 30.0), ("1.5h", 5400.0), ("7d", 604800.0), ("2 w", 1209600.0)],
)
def test_durations(text: object, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "s", "-5s", "5 minutes", "5m\n", "\u0665s", "1e3", True, None, "9" * 40])
def test_other_text_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match="a duration is"):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "expected"), [(1024, 1024), ("512M", 512 << 20), ("4G", 4 << 30), ("4GiB", 4 << 30), ("1.5 T", 3 << 39)]
)
def test_memory(text: object, expected: int) -> None:
    assert memory(text) == expected


@pytest.mark.parametrize("text", ["", "G", "-1G", "4X", "4G\n", 1.5, True, None])
def test_other_text_is_no_memory(text: object) -> None:
    with pytest.raises(ValueError, match="an amount of memory is"):
        memory(text)


def test_a_secret_in_the_configuration_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValidationError) as caught:
        SecretReference.model_validate("hunter2")
    assert "never itself" in str(caught.value.errors(include_input=False))


@pytest.mark.parametrize("value", [{}, {"env": "A", "file": "/b"}, {"value": "x"}])
def test_a_secret_has_exactly_one_place(value: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SecretReference.model_validate(value)


def test_a_secret_is_read_from_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    monkeypatch.setenv("A_SECRET", "from the environment")
    assert SecretReference(file=tmp_path / "secret").resolve("It").get_secret_value() == "from a file"
    assert SecretReference(env="A_SECRET").resolve("It").get_secret_value() == "from the environment"


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff"])
def test_a_missing_secret_says_where_it_was_looked_for(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=str(path)):
        SecretReference(file=path).resolve("The token")
    with pytest.raises(ConfigurationError, match="NOT_SET_ANYWHERE"):
        SecretReference(env="NOT_SET_ANYWHERE").resolve("The token")
