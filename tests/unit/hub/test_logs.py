import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from strata_hub import logs

SECRET = "correct-horse-battery"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure(stream=stream, secrets=[SECRET, ""])
    yield stream
    root.handlers[:], level = before
    root.setLevel(level)
    logging.captureWarnings(False)


def entries(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().split("\n") if line]


@pytest.mark.parametrize("text", ['w_1\n{"level": "forged"}', "a\r\nb", "\x1b[31mred", "\u202egnp", "\u2028", "\x85"])
def test_no_text_can_forge_a_line(stream: io.StringIO, text: str) -> None:
    logging.getLogger("x").info("pushed %s", text, extra={"tag": text})
    assert stream.getvalue().isascii()
    assert stream.getvalue().count("\n") == 1
    assert not any(ord(character) < 32 for character in stream.getvalue()[:-1])
    (entry,) = entries(stream)
    assert entry["tag"] == text
    assert entry["level"] == "info"


def test_extra_values_cannot_replace_the_standard_ones(stream: io.StringIO) -> None:
    logging.getLogger("x").warning("true", extra={"time": "never", "level": "none", "count": 3})
    (entry,) = entries(stream)
    assert entry["level"] == "warning"
    assert entry["time"] != "never"
    assert entry["count"] == 3


def test_secrets_are_blanked_wherever_they_stand(stream: io.StringIO) -> None:
    def refuse() -> None:
        raise ValueError(f"token {SECRET} was refused")

    try:
        refuse()
    except ValueError:
        logging.getLogger("x").exception("failed with %s", SECRET, extra={"header": f"Bearer {SECRET}"})
    assert SECRET not in stream.getvalue()
    (entry,) = entries(stream)
    assert entry["error"] == "ValueError: token [redacted] was refused"
    assert entry["traceback"]


def test_a_huge_value_is_cut(stream: io.StringIO) -> None:
    logging.getLogger("x").info("%s", "a" * 1_000_000)
    assert len(stream.getvalue()) < 6000
