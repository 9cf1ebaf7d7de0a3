"""The command, without an image: help, completion, errors and output."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strata_lab.cli import main as command
from strata_lab.cli.output import Output, printable, size
from strata_lab.cli.plan_text import lines
from strata_lab.cli.progress import shown
from strata_lab.environments import Action, Locked
from strata_lab.plans import Clash, Dependent, Effort, Plan, Shadowing, Sizes, Upgraded
from strata_lab.progress import Amount, Entered, Line, Phase


@pytest.fixture(autouse=True)
def _no_image(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STRATA_IMAGE_CONTRACT", str(tmp_path / "missing.json"))


@pytest.mark.parametrize("name", command.COMMANDS)
def test_each_subcommand_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([name, "--help"]) == 0
    assert f"strata {name}" in capsys.readouterr().out


def test_the_help_lists_subcommands_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in command.COMMANDS)
    assert "130  cancelled" in out


@pytest.mark.parametrize(
    "arguments",
    [["nope"], ["install"], ["create"], ["install", "--nope", "x"], ["create", "Bad Name"], ["clone", "a", "../b"]],
)
def test_wrong_usage_is_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_missing_image_is_a_sentence_or_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["list"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("strata: The image contract ")
    assert command.main(["list", "--json"]) == 1
    assert set(json.loads(capsys.readouterr().out)) == {"code", "message", "hint"}


def test_help_and_completion_load_neither_the_server_nor_rich() -> None:
    program = (
        "import sys; from strata_lab.cli.main import main; main(['--help']);"
        "heavy = {'jupyter_server', 'rich', 'pydantic', 'tornado', 'rattler'};"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_each_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["completion", shell]) == 0
    assert "_STRATA_COMPLETE" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (52_400_000, "52.4 MB"),
        (3e15, "3000.0 TB"),
        (None, "unknown size"),
    ],
)
def test_sizes_are_told_in_powers_of_a_thousand(count: float | None, text: str) -> None:
    assert size(count) == text


@given(st.text())
def test_no_control_character_reaches_a_terminal(text: str) -> None:
    """Rule: what is printed holds printable characters and newlines only, whatever a package calls itself."""
    assert all(char.isprintable() or char == "\n" for char in printable(text))


def test_a_plan_tells_what_is_added_shadowed_and_in_the_way() -> None:
    plan = Plan(
        environment="demo",
        action=Action.INSTALL,
        effort=Effort.BUILD,
        added=tuple(Locked(name=f"p{n}", version="1") for n in range(14)),
        upgraded=(Upgraded(name="u", old="1", new="2"),),
        removed=("r",),
        satisfied=("numpy 2.2.6",),
        shadowing=(
            Shadowing(
                name="astropy",
                stack_version="6.1.7",
                new_version="8.0.2",
                dependents=(Dependent(name="photutils", version="1.13", requirement="astropy<7", satisfied=False),),
            ),
        ),
        builds=("sdist-only",),
        clashes=(Clash(owners=("a", "b"), paths=("x/y.py",), count=856),),
        sizes=Sizes(download=12_000_000, disk=52_000_000, free=10**10),
        refusals=("No.",),
        choices=("keep astropy 6.1.7",),
    )
    text = "\n".join(lines(plan))
    for part in (
        "adds 14: p0 1, ",
        "and 2 more",
        "u 1 to 2",
        "removes r",
        "numpy 2.2.6",
        "download 12.0 MB, about 52.0 MB on disk, 10.0 GB free",
        "astropy 6.1.7 with 8.0.2",
        "photutils 1.13 (stack) was made for astropy<7",
        "BUILDS sdist-only",
        "a and b both bring x/y.py (856 files)",
        "REFUSED: No.",
        "You can: keep astropy 6.1.7",
    ):
        assert part in text


def test_progress_in_a_pipe_is_few_lines_with_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(Output()) as report:
        report(Entered(Phase.BUILDING, "Installing 2 packages."))
        report(Line("noise"))
        for done in range(0, 5_000_001, 1000):
            report(Amount(Phase.BUILDING, done, 5_000_000))
    captured = capsys.readouterr()
    assert captured.out == ""
    told = captured.err.splitlines()
    assert told[0] == "Installing 2 packages."
    assert told[-1] == "  5.0 MB of 5.0 MB"
    assert len(told) == 12


def test_json_output_has_no_progress_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(Output(as_json=True)) as report:
        report(Entered(Phase.BUILDING, "Installing."))
    assert capsys.readouterr() == ("", "")


def test_tables_are_plain_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table(["NAME", "STATE"], [["demo", "good"], ["a-longer-name", "\x1b[2Jevil"]])
    assert capsys.readouterr().out.splitlines() == [
        "NAME           STATE",
        "demo           good",
        "a-longer-name  \N{REPLACEMENT CHARACTER}[2Jevil",
    ]


def test_a_terminal_gets_colours_without_markup_from_data(capsys: pytest.CaptureFixture[str]) -> None:
    Output(rich=True).table(["NAME"], [["[red]x[/red]"]])
    assert "[red]x[/red]" in capsys.readouterr().out
    with shown(Output(rich=True)) as report:
        report(Entered(Phase.BUILDING, "[/nothing] opened"))
        report(Amount(Phase.BUILDING, 5, 10))
