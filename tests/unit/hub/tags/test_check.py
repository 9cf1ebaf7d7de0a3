"""`strata-hub tags check` and `explain`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from strata_hub.cli.main import COMMANDS, main
from strata_hub.tags import scheme
from strata_hub.tags.check import TagCheck, describe

LIST = """# what the registry says
w_2026_21
latest      # moves
r29_2_0_rsp2648

  w_2026_22_c0044.007
"""


def run(*arguments: str, given: str | bytes = "") -> Result:
    return CliRunner().invoke(main, arguments, input=given)


def test_names_are_sorted_by_kind_and_newest_first() -> None:
    checked = TagCheck.of(
        ["d_2026_01_01", "w_2026_21", "zoo", "r1_0", "w_2026_22", "r2_0_rc1", "latest"], scheme("rubin")
    )
    assert [tag.text for tag in checked.tags] == [
        "latest", "r1_0", "r2_0_rc1", "w_2026_22", "w_2026_21", "d_2026_01_01", "zoo",
    ]  # fmt: skip
    assert [tag.text for tag in checked.offending] == ["zoo"]
    assert not checked.conforms


def test_a_list_that_conforms_ends_with_0(tmp_path: Path) -> None:
    (tmp_path / "names").write_text(LIST)
    result = run("tags", "check", str(tmp_path / "names"))
    assert result.exit_code == 0
    lines = [line.split() for line in result.output.splitlines()]
    assert [line[0] for line in lines] == ["TAG", "latest", "r29_2_0_rsp2648", "w_2026_22_c0044.007", "w_2026_21", "4"]
    assert "Weekly 2026_22 (SAL Cycle 0044, Build 007)" in result.output
    assert "4 names, 0 of them unrecognised." in result.output


def test_a_name_that_does_not_conform_ends_with_1() -> None:
    result = run("tags", "check", "-", given="w_2026_54\nw_2026_22\n")
    assert result.exit_code == 1
    assert "no year has a week 54" in result.output
    assert "2 names, 1 of them unrecognised." in result.output


def test_json_is_an_object_a_line_in_the_same_order() -> None:
    result = run("tags", "check", "-", "--json", given=LIST + "w_2026_54")
    assert result.exit_code == 1
    documents = [json.loads(line) for line in result.stdout.splitlines()]
    assert [item["tag"] for item in documents] == [
        "latest", "r29_2_0_rsp2648", "w_2026_22_c0044.007", "w_2026_21", "w_2026_54",
    ]  # fmt: skip
    assert documents[2] == {
        "tag": "w_2026_22_c0044.007",
        "kind": "weekly",
        "display": "Weekly 2026_22 (SAL Cycle 0044, Build 007)",
        "reason": "",
        "immutable": True,
        "version": "2026_22",
        "date": "2026-05-28",
        "cycle": "SAL Cycle 0044, Build 007",
        "cycle_letter": "c",
        "cycle_number": 44,
        "cycle_revision": 7,
    }
    assert documents[4]["kind"] == "unrecognised"
    assert documents[4]["reason"] == "no year has a week 54"


def test_every_field_of_a_tag_is_described() -> None:
    described = describe(scheme("rubin").parse("d_2026_11_03_rsp0_k0002_20261103T0100Z_x-arm64"))
    assert described["build"] == 0
    assert described["built_at"] == "2026-11-03T01:00:00+00:00"
    assert (described["architecture"], described["extra"], described["cycle_letter"]) == ("arm64", "x", "k")


def test_windows_line_ends_and_a_byte_order_mark_are_no_part_of_a_name() -> None:
    result = run("tags", "check", "-", "--json", given=b"\xef\xbb\xbfw_2026_22\r\nw_2026_21\r\n")
    assert result.exit_code == 0
    assert [json.loads(line)["tag"] for line in result.stdout.splitlines()] == ["w_2026_22", "w_2026_21"]


def test_an_empty_list_conforms() -> None:
    assert run("tags", "check", "-", given="# nothing\n").exit_code == 0


def test_scheme_and_aliases_are_options() -> None:
    assert run("tags", "check", "-", "--scheme", "semver", "--alias", "edge", given="1.2.3\nedge\n").exit_code == 0
    assert run("tags", "check", "-", "--scheme", "semver", given="edge\n").exit_code == 1


def test_a_name_cannot_act_on_the_terminal() -> None:
    result = run("tags", "check", "-", given="w\x1b[31m\n")
    assert result.exit_code == 1
    assert "\x1b" not in result.output
    assert "w\\x1b[31m" in result.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("check", "/no/such/file"),
            "strata-hub: /no/such/file cannot be read: No such file or directory. Name a file",
        ),
        (("check", "/"), "strata-hub: / cannot be read: Is a directory. Name a file"),
        (("check", "-", "--scheme", "x"), "strata-hub: There is no tag scheme 'x'. Known are"),
        (("check", "-", "--alias", "a/b"), "strata-hub: The alias 'a/b' can never be a tag."),
        (("explain", "w_2026_22", "--scheme", "x"), "strata-hub: There is no tag scheme 'x'. Known are"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_and_2(arguments: tuple[str, ...], sentence: str) -> None:
    result = run("tags", *arguments, given="w_2026_22\n")
    assert result.exit_code == 2
    assert result.stderr.startswith(sentence)
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_bytes_that_are_no_text_are_one_sentence_and_2() -> None:
    result = run("tags", "check", "-", given=b"w_2026_22\n\xff\xfe\n")
    assert result.exit_code == 2
    assert result.stderr == "strata-hub: - is no text in UTF-8. Give it one name a line.\n"


def test_explain_says_every_part() -> None:
    result = run("tags", "explain", "w_2026_22_c0044.007_rsp4_20260601T1200Z_foo-arm64")
    assert result.exit_code == 0
    told = dict(line.split("  ", 1) for line in result.output.splitlines() if "  " in line)
    assert {name: value.strip() for name, value in told.items()} == {
        "Tag": "w_2026_22_c0044.007_rsp4_20260601T1200Z_foo-arm64",
        "Kind": "weekly",
        "Shown as": "Weekly 2026_22 (SAL Cycle 0044, Build 007) (arm64) [foo]",
        "Names": "the same image for ever",
        "Version": "2026_22",
        "Date of version": "2026-05-28",
        "Cycle": "SAL Cycle 0044, Build 007",
        "Build counter": "4",
        "Built at": "2026-06-01T12:00:00+00:00",
        "Architecture": "arm64",
        "Extra text": "foo",
    }


def test_explain_of_what_is_not_recognised_says_why_and_ends_with_1() -> None:
    result = run("tags", "explain", "w_2026_54")
    assert result.exit_code == 1
    assert "no year has a week 54" in result.output
    assert "whatever it is moved to" in result.output
    assert run("tags", "explain", "w_2026_54", "--json").exit_code == 1
    assert json.loads(run("tags", "explain", "latest", "--json").output)["kind"] == "alias"


def test_help_lists_every_command_and_each_can_be_imported() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert all(f"  {name}" in result.output for name in COMMANDS)
    for name in COMMANDS:
        assert run(name, "--help").exit_code == 0
    assert run("no-such-command").exit_code == 2
