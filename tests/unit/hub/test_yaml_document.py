from pathlib import Path

import pytest
from strata_hub.errors import ConfigurationError
from strata_hub.yaml_document import parse, read


def refusal(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        parse(text, "deployment.yaml")
    return caught.value.sentence()


def test_every_value_knows_its_line() -> None:
    document = parse("name: x\nsizes:\n  small:\n    cpu: 1\nlist:\n  - a\n  - b\n", "f")
    assert document.line(("sizes", "small", "cpu")) == 4
    assert document.line(("list", 1)) == 7
    assert document.line(("sizes", "small", "missing")) == 3
    assert document.line(("unknown",)) == 1


@pytest.mark.parametrize("text", ["a: 1\nb: 2\na: 3\n", "x:\n  a: 1\n  b: 2\n  a: 3\n", "[{a: 1, a: 2}]"])
def test_a_key_given_twice_is_refused_with_both_lines(text: str) -> None:
    assert "stands here again" in refusal(text)
    assert "line 1" in refusal("a: 1\nb: 2\na: 3\n")
    assert "deployment.yaml, line 3" in refusal("a: 1\nb: 2\na: 3\n")


@pytest.mark.parametrize(
    "text",
    [
        "a: [1, 2",
        "a: !!python/object/apply:os.system [id]",
        "a: &a [*a]",
        "a: 1\n---\nb: 2\n",
        "\ta: 1",
        "a: \x07",
        "[" * 5000,
        "? [1, 2]\n: 3\n? {a: 1}\n: 4",
        "a: 2026-99-99",
    ],
)
def test_what_is_not_plain_yaml_is_a_sentence(text: str) -> None:
    sentence = refusal(text)
    assert sentence.startswith("deployment.yaml")
    assert "\n" not in sentence


def test_aliases_cannot_grow_without_end() -> None:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    assert "aliases" in refusal("\n".join(lines))


def test_an_empty_file_is_no_mapping_but_no_error_here() -> None:
    assert parse("# nothing\n", "f").data is None


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"\xff\xfe", "not UTF-8"), (b"a: 1\nb: \xc3\n", "line 2"), (b"#" * (4 << 20 | 1), "larger")],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "deployment.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=expected):
        read(path)


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be read: No such file"):
        read(tmp_path / "none.yaml")
