"""The command ``strata`` as people and scripts use it, in a lab without a server."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.index import PackageIndex, package_index
from support.inventory import inventory
from support.lab import Lab, prefix_stack
from support.lab_server import lab_environment
from support.slow_wheels import Hanging, gone
from support.waiting import eventually
from support.wheels import make_wheel

STRATA = [sys.executable, "-I", "-c", "import sys; from strata_lab.cli.main import main; sys.exit(main())"]
WHEELS = (
    make_wheel("spectra", "1.0", requires=["lines>=1", "starmath"]),
    make_wheel("spectra", "2.0", requires=["lines>=1", "starmath"]),
    make_wheel("lines", "1.1"),
    make_wheel("needs-new-starmath", "1.0", requires=["starmath>=2"]),
    make_wheel("starmath", "2.0"),
)


@dataclass
class Terminal:
    """A place where the command runs."""

    lab: Lab
    folder: Path
    index: PackageIndex

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a terminal in the lab."""
        named = lab_environment(self.lab, self.folder)
        return {
            "HOME": str(self.lab.home),
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "JUPYTERHUB_USER": "ada",
            **named,
        }

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run the command without a terminal."""
        done = subprocess.run(
            [*STRATA, *arguments],
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done

    def document(self, *arguments: str, code: int = 0) -> Any:
        """Run the command with --json and return what it prints."""
        done = self.run(*arguments, "--json")
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    (tmp_path / "home").mkdir()
    with package_index(WHEELS) as index:
        lab = Lab(tmp_path / "home", tmp_path / "cache", prefix_stack(), indexes={"main": index.simple})
        yield Terminal(lab, tmp_path, index)


def python_of(terminal: Terminal, name: str) -> Path:
    return terminal.lab.layout.current(name) / "bin/python"


def test_the_life_of_an_environment(terminal: Terminal) -> None:
    stack = inventory(prefix_stack().parents[1])
    assert "no environments yet" in terminal.run("list").stdout
    assert terminal.run("create", "demo", "spectra==1.0").stdout == "Environment demo is ready.\n"
    version = [python_of(terminal, "demo"), "-IB", "-c", "import spectra, starmath; print(spectra.__version__)"]
    assert subprocess.run(version, capture_output=True, text=True, check=True).stdout == "1.0\n"
    assert subprocess.run([prefix_stack(), "-IB", "-c", "import spectra"], capture_output=True, check=False).returncode
    [status] = terminal.document("list")
    assert (status["name"], status["state"], status["record"]["actor"]) == (
        "demo",
        "good",
        {"user": "ada", "host": status["record"]["actor"]["host"], "interface": "command"},
    )
    assert terminal.run("install", "-e", "demo", "spectra>=2").returncode == 0
    assert subprocess.run(version, capture_output=True, text=True, check=True).stdout == "2.0\n"
    assert terminal.run("undo", "demo").returncode == 0
    assert subprocess.run(version, capture_output=True, text=True, check=True).stdout == "1.0\n"
    assert terminal.run("redo", "demo").returncode == 0
    assert "spectra needs lines" in terminal.run("why", "lines", "-e", "demo").stdout
    events = terminal.document("history", "demo")
    assert [event["action"] for event in events] == ["create", "install", "undo", "redo"]
    assert terminal.run("clone", "demo", "copy").stdout == "Environment copy is ready.\n"
    assert terminal.run("rename", "copy", "other").returncode == 0
    assert terminal.run("delete", "other").returncode == 0
    assert [status["name"] for status in terminal.document("list")] == ["demo"]
    assert terminal.run("restore", "other").returncode == 0
    assert terminal.run("remove", "-e", "other", "spectra").returncode == 0
    assert {name["name"] for name in terminal.document("show", "other")["record"]["locked"]} == set()
    assert inventory(prefix_stack().parents[1]) == stack


def test_a_plan_changes_nothing(terminal: Terminal) -> None:
    terminal.run("create", "demo")
    before = inventory(terminal.lab.home)
    assert "adds 2: lines 1.1, spectra 2.0" in terminal.run("plan", "-e", "demo", "spectra").stdout
    plan = terminal.document("install", "-e", "demo", "spectra", "--dry-run")
    assert [item["name"] for item in plan["added"]] == ["lines", "spectra"]
    assert inventory(terminal.lab.home) == before


def test_shadowing_needs_consent_which_a_script_gives_by_yes(terminal: Terminal) -> None:
    terminal.run("create", "demo")
    asked = terminal.run("install", "-e", "demo", "needs-new-starmath")
    assert asked.returncode == 3
    assert "REPLACES the stack's starmath 1.0 with 2.0" in asked.stderr
    assert terminal.document("install", "-e", "demo", "needs-new-starmath", code=3)["code"] == "refused.consent"
    assert terminal.run("install", "-e", "demo", "needs-new-starmath", "--yes").returncode == 0


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 3), (b"y\n", 0)])
def test_on_a_terminal_consent_is_asked_for(terminal: Terminal, answer: bytes, code: int) -> None:
    terminal.run("create", "demo")
    main, side = pty.openpty()
    os.write(main, answer)
    done = subprocess.run(
        [*STRATA, "install", "-e", "demo", "needs-new-starmath"],
        env=terminal.environment,
        cwd=terminal.folder,
        stdin=side,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    os.close(main)
    os.close(side)
    assert "Go on? [y/N]" in done.stderr
    assert done.returncode == code


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("install", "-e", "demo", "jupyterlab"), 5, "refused"),
        (("install", "-e", "demo", "nosuchpackage"), 4, "conflict.unsatisfiable"),
        (("install", "-e", "nope", "lines"), 6, "not_found"),
        (("create", "demo"), 4, "conflict"),
        (("install", "-e", "demo", "git+https://x/y"), 5, "refused"),
        (("install", "-e", "demo", "a b"), 2, "input"),
        (("show", "nope"), 6, "not_found"),
        (("why", "nosuchpackage", "-e", "demo"), 6, "not_found"),
    ],
    ids=range(8),
)
def test_each_failure_has_its_exit_code(terminal: Terminal, arguments: tuple[str, ...], code: int, error: str) -> None:
    terminal.run("create", "demo")
    assert terminal.document(*arguments, code=code)["code"] == error
    plain = terminal.run(*arguments)
    assert (plain.returncode, plain.stdout) == (code, "")
    assert plain.stderr.splitlines()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_the_installer_and_changes_nothing(terminal: Terminal, number: int) -> None:
    hanging = Hanging(terminal.folder / "marks")
    terminal.index.add(hanging.wheel)
    terminal.run("create", "demo", "lines")
    before = terminal.document("show", "demo")["record"]["generation"]
    command = [*STRATA, "install", "-e", "demo", "hanging"]
    with subprocess.Popen(
        command, env=terminal.environment, cwd=terminal.folder, stderr=subprocess.PIPE, text=True
    ) as running:
        pids = hanging.wait()
        running.send_signal(number)
        _, told = running.communicate(timeout=120)
    assert running.returncode == 130
    assert "Traceback" not in told
    eventually(lambda: gone(pids))
    assert terminal.document("show", "demo")["record"]["generation"] == before
    assert terminal.run("install", "-e", "demo", "spectra").returncode == 0


def test_environments_travel_as_files(terminal: Terminal) -> None:
    terminal.run("create", "demo", "spectra==1.0")
    terminal.run("export", "demo", "-o", "pylock.toml")
    (terminal.folder / "requirements.txt").write_text(terminal.run("freeze", "-e", "demo").stdout)
    for number, file in enumerate(("pylock.toml", "requirements.txt")):
        record = terminal.document("import", f"copy{number}", file)
        assert {f"{item['name']} {item['version']}" for item in record["locked"]} == {"lines 1.1", "spectra 1.0"}
    assert terminal.run("import", "nonsense", "image.json", "--format", "pylock").returncode == 2
    (terminal.folder / "wanted.txt").write_text("# what is needed\nlines  # and why\n\n")
    assert terminal.run("create", "listed", "-r", "wanted.txt").returncode == 0


def notebook(terminal: Terminal, name: str) -> dict[str, Any]:
    from strata_lab.notebooks import stamp  # noqa: PLC0415 (only this test needs it)
    from strata_lab.provenance import origin  # noqa: PLC0415 (as above)

    operations = terminal.lab.operations()
    record = operations.store.record(operations.store.current(name))
    cell = {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": [], "source": "import spectra"}
    content = {
        "cells": [cell],
        "metadata": {"kernelspec": {"name": f"strata-{name}"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    stamp({"type": "notebook", "content": content}, lambda _kernel: origin(record).model_dump(mode="json"))
    return content


def test_a_notebook_brings_its_environment_back(terminal: Terminal) -> None:
    terminal.run("create", "demo", "spectra==1.0")
    content = notebook(terminal, "demo")
    (terminal.folder / "work.ipynb").write_text(json.dumps(content))
    assert terminal.run("reproduce", "work.ipynb").stdout == "demo is exactly what the notebook ran in.\n"
    terminal.run("install", "-e", "demo", "spectra==2.0")
    again = terminal.run("reproduce", "work.ipynb")
    assert again.stdout == "Environment demo-2 holds what the notebook ran with.\n"
    locked = terminal.document("show", "demo-2")["record"]["locked"]
    assert {f"{item['name']} {item['version']}" for item in locked} == {"lines 1.1", "spectra 1.0"}
    said = content["metadata"]["strata"]
    said["lock"] = "1" * 64
    said["locked"][-1]["sha256"] = "0" * 64
    (terminal.folder / "forged.ipynb").write_text(json.dumps(content))
    assert terminal.run("reproduce", "forged.ipynb", "--name", "third").returncode != 0
    assert terminal.run("show", "third").returncode == 6
    for text in ("", "[]", "{}", '{"metadata": {"strata": {"lock": 1}}}', "[" * 100_000):
        (terminal.folder / "other.ipynb").write_text(text)
        assert terminal.run("reproduce", "other.ipynb").returncode in {2, 6}


def test_completion_knows_the_environments(terminal: Terminal) -> None:
    terminal.run("create", "demo")
    variables = {"_STRATA_COMPLETE": "bash_complete", "COMP_WORDS": "strata show d", "COMP_CWORD": "2"}
    done = subprocess.run(
        STRATA, env=terminal.environment | variables, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "plain,demo\n"


def test_the_lab_is_looked_after_without_a_server(terminal: Terminal) -> None:
    terminal.run("create", "demo")
    assert [kernel["name"] for kernel in terminal.document("kernels")] == ["python3", "strata-demo"]
    assert "findings" in terminal.document("doctor")
    assert terminal.document("sweep")["leftovers"] == 0
    assert terminal.run("doctor", "--aside", "x", "--restore", "y").returncode == 2
    assert terminal.run("doctor", "--aside", "nothing-0").returncode == 6
