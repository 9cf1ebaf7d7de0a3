import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from strata_hub.cli.main import main
from support.menu_states import state


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "state.json"
    path.write_bytes(state().dump())
    return path


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["menu", *map(str, arguments)])
    return result.exit_code, result.output


def test_the_table_has_a_line_for_each_image_that_the_form_shows(path: Path) -> None:
    status, output = run("--state", path)
    assert status == 0
    assert "Recommended: Weekly 2026_22" in output
    assert "exp_w_2026_20_gpu" not in output
    assert "w_2025_01" not in output
    assert "Sizes: small (1 core, 3 GiB), medium (2 cores, 6 GiB)" in output


def test_a_group_adds_what_is_for_its_members(path: Path) -> None:
    _, output = run("--state", path.as_uri(), "--user", "bob", "--group", "gpu", "--group", "staff", "--all")
    assert "exp_w_2026_20_gpu" in output
    assert "large (4 cores, 16 GiB)" in output


def test_every_image_that_is_not_shown_has_a_reason(path: Path) -> None:
    _, output = run("--state", path, "--why")
    assert "For members of gpu only." in output
    assert "It is older than the support window." in output


def test_json_holds_what_the_form_would_post(path: Path) -> None:
    status, output = run("--state", path, "--json", "--why", "--admin")
    document = json.loads(output)
    assert status == 0
    assert document["selected"].startswith("registry.example.org/lab/science:w_2026_22@sha256:")
    assert [size["name"] for size in document["sizes"]] == ["small", "medium"]
    science = document["payloads"][0]
    assert list(science["sections"]) == ["Recommended", "Releases", "Weeklies", "Dailies"]
    assert {one["code"] for one in science["hidden"]} == {"group", "policy.window"}
    assert science["problems"]


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff"])
def test_a_state_that_cannot_be_read_is_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "state.json"
    if content is not None:
        path.write_bytes(content)
    status, output = run("--state", path)
    assert status == 2
    assert output.count("\n") == 1
    assert "Traceback" not in output


def test_a_terminal_is_not_obeyed_by_text_of_a_registry(path: Path, tmp_path: Path) -> None:
    document = state()
    payload = document.payloads[0]
    hostile = payload.images[0].model_copy(update={"display": "\x1b[2Jx"})
    payload = payload.model_copy(update={"images": (hostile, *payload.images[1:])})
    path.write_bytes(document.model_copy(update={"payloads": (payload,)}).dump())
    _, output = run("--state", path)
    assert "\x1b" not in output
