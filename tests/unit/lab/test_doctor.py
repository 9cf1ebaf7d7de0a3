"""The doctor finds what hurts, explains it, and moves aside what can be moved."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from strata_lab import doctor as doctor_module
from strata_lab.aside import Asides
from strata_lab.diagnosis import space
from strata_lab.diagnosis.subject import Subject
from strata_lab.doctor import Doctor, doctor_of
from strata_lab.errors import NotFound, Refused
from strata_lab.findings import Finding, Severity
from strata_lab.image_contract import ImageContract
from strata_lab.kernels import Kernel

CONTRACT = ImageContract.model_validate(
    {
        "contract": 1,
        "machinery": {"prefix": "/opt/machinery"},
        "stack": {
            "title": "Survey",
            "kind": "script",
            "python": "/opt/stack/bin/python",
            "activation": {"script": "/opt/stack/setup.sh", "user_setup": "~/.user_setups"},
        },
    }
)
PLANTED = {
    ".local/lib/python3.11/site-packages/numpy/__init__.py": "user-site",
    ".local/lib/python3.11/site-packages/evil.pth": "start-up-hook",
    ".local/lib/python3.9/site-packages/usercustomize.py": "start-up-hook",
    ".local/bin/jupyter-server": "program",
    ".local/bin/pip3.11": "program",
    ".jupyter/jupyter_server_config.json": "configuration",
    ".jupyter/labconfig/page_config.json": "configuration",
    ".local/etc/jupyter/jupyter_config.json": "configuration",
    ".local/share/jupyter/labextensions/@x/broken/package.json": "extension",
    ".local/share/jupyter/kernels/gone/kernel.json": "dead-kernel",
    ".jupyter/lab/user-settings/@jupyterlab/x/plugin.jupyterlab-settings": "settings",
    ".ipython/profile_default/startup/00.py": "ipython-start-up",
    "random.py": "shadowing-file",
    "numpy/__init__.py": "shadowing-file",
    ".config/pip/pip.conf": "installer-configuration",
    ".condarc": "installer-configuration",
    ".user_setups": "set-up-script",
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in PLANTED:
        path = tmp_path / "home" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{ broken")
    (tmp_path / "home/.bashrc").write_text("# mine\nexport PYTHONPATH=/mine\n")
    return tmp_path / "home"


def doctor(home: Path, **kernels: Kernel) -> Doctor:
    environ = {"HOME": str(home), "PYTHONPATH": "/mine"}
    subject = Subject(home, environ, CONTRACT, kernels, names=frozenset({"numpy"}))
    return Doctor(subject, Asides(home / ".strata/aside", home))


def test_an_empty_home_is_healthy(tmp_path: Path) -> None:
    subject = Subject(tmp_path, {"HOME": str(tmp_path)}, CONTRACT)
    found = Doctor(subject, Asides(tmp_path / ".strata", tmp_path)).examine()
    assert [finding for finding in found if finding.code not in {"full", "full-files"}] == []


@pytest.mark.parametrize(("name", "code"), PLANTED.items())
def test_what_was_planted_is_found(home: Path, name: str, code: str) -> None:
    found = [finding for finding in doctor(home).examine() if finding.code == code and finding.path]
    assert any((home / name).is_relative_to(finding.path) for finding in found if finding.path)
    assert all(finding.explanation.endswith(".") for finding in found)


def test_everything_that_was_found_can_be_moved_aside_and_back(home: Path) -> None:
    before = sorted(str(path) for path in home.rglob("*") if path.is_file())
    looking = doctor(home)
    movable = [finding for finding in looking.examine() if finding.path is not None]
    for finding in movable:
        if os.path.lexists(str(finding.path)):
            looking.set_aside(finding.identifier)
    left = {finding.code for finding in looking.examine() if finding.path is not None}
    assert left == set()
    for record in looking.asides():
        looking.restore(record.identifier)
    assert sorted(str(path) for path in home.rglob("*") if path.is_file()) == before


def test_a_variable_names_the_line_that_sets_it_and_cannot_be_moved(home: Path) -> None:
    looking = doctor(home)
    (finding,) = [finding for finding in looking.examine() if finding.code == "variable"]
    assert "~/.bashrc, line 2" in finding.explanation
    with pytest.raises(Refused):
        looking.set_aside(finding.identifier)


def test_an_environment_that_cannot_be_used_is_found_with_its_reason(home: Path) -> None:
    kernel = Kernel("strata-a", "a — Survey", Path("/p"), environment="a", reason="It was made for Python 3.10.")
    (finding,) = [one for one in doctor(home, a=kernel).examine() if one.code == "environment"]
    assert finding.severity is Severity.HARM
    assert "It was made for Python 3.10." in finding.explanation


def test_the_worst_comes_first_and_names_stay_the_same(home: Path) -> None:
    first, second = doctor(home).examine(), doctor(home).examine()
    assert [finding.identifier for finding in first] == [finding.identifier for finding in second]
    assert len({finding.identifier for finding in first}) == len(first)
    order = [Severity.HARM, Severity.RISK, Severity.NOTE]
    assert [order.index(finding.severity) for finding in first] == sorted(order.index(one.severity) for one in first)


def test_what_is_not_found_any_more_is_not_moved(home: Path) -> None:
    with pytest.raises(NotFound):
        doctor(home).set_aside("program-00000000")


def test_a_probe_that_fails_does_not_end_the_examination(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Subject) -> Iterator[Finding]:
        raise RuntimeError("no")

    monkeypatch.setattr(doctor_module, "PROBES", (broken, *doctor_module.PROBES))
    codes = {finding.code for finding in doctor(home).examine()}
    assert {"examination", "user-site"} <= codes


def test_a_full_home_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = os.statvfs_result((4096, 4096, 1000, 0, 0, 1000, 0, 0, 0, 255))
    monkeypatch.setattr(space.os, "statvfs", lambda _: full)
    assert {finding.code for finding in space.full(Subject(tmp_path, {}))} == {"full", "full-files"}


def test_sizes_are_counted_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "d").mkdir()
    for index in range(5):
        (tmp_path / "d" / str(index)).write_bytes(bytes(4096))
    assert space.size_of(tmp_path)[1]
    assert space.size_of(tmp_path)[0] >= 5 * 4096
    monkeypatch.setattr(space, "_FILES_LIMIT", 3)
    assert not space.size_of(tmp_path)[1]


def test_an_image_without_a_contract_says_what_it_cannot_protect(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "STRATA_IMAGE_CONTRACT": str(tmp_path / "none")}
    assert "image" in {finding.code for finding in doctor_of(environ).examine()}
