"""Indexes, wheels and planted files that mean harm: nothing outside a new generation changes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from strata_lab.changes import Create, Install, Rebuild
from strata_lab.errors import BackendFailed, Refused, StrataError, Unsatisfiable
from support.index import PackageIndex, package_index
from support.inventory import inventory
from support.lab import Lab, prefix_stack
from support.wheels import Wheel, make_wheel

GOOD = make_wheel("good", "1.0")


def scripts(name: str, target: str = "evil:main") -> Wheel:
    return make_wheel(
        "evil", "1.0", files={"evil.py": "def main(): pass\n"}, entry_points=f"[console_scripts]\n{name} = {target}\n"
    )


HOSTILE = {
    "script-above": scripts("../../escaped"),
    "script-absolute": scripts("/tmp/strata-escaped"),
    "script-in-a-folder": scripts("a/b"),
    "script-of-the-lab": scripts("jupyterhub-singleuser"),
    "script-named-python": scripts("python"),
    "file-above": make_wheel("evil", "1.0", files={"../../../escaped.py": "x = 1\n", "evil.py": ""}),
    "file-absolute": make_wheel("evil", "1.0", files={"/tmp/strata-escaped.py": "x = 1\n", "evil.py": ""}),
    "data-above": make_wheel("evil", "1.0", files={"evil-1.0.data/data/../../../escaped": "x", "evil.py": ""}),
    "data-over-the-interpreter": make_wheel("evil", "1.0", files={"evil-1.0.data/scripts/python": "#!/bin/sh\n"}),
    "record-outside": make_wheel("evil", "1.0", record={"../../../../../outside": ""}),
    "record-absolute": make_wheel("evil", "1.0", record={"/etc/passwd": ""}),
    "not-a-zip": Wheel("evil-1.0-py3-none-any.whl", b"this is no archive"),
    "empty": Wheel("evil-1.0-py3-none-any.whl", b""),
    "another-name-inside": Wheel("evil-1.0-py3-none-any.whl", make_wheel("other", "1.0").data),
    "another-version-inside": Wheel("evil-1.0-py3-none-any.whl", make_wheel("evil", "9.0").data),
    "needs-a-url": make_wheel("evil", "1.0", requires=["other @ file:///etc/passwd"]),
    "needs-a-repository": make_wheel("evil", "1.0", requires=["other @ git+https://127.0.0.1:1/x"]),
    "needs-nonsense": make_wheel("evil", "1.0", requires=["--index-url=http://127.0.0.1:1"]),
}


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with package_index([GOOD]) as served:
        yield served


@pytest.fixture
def lab(tmp_path: Path, index: PackageIndex) -> Lab:
    home = tmp_path / "home"
    home.mkdir()
    (home / "outside").write_text("precious", encoding="utf-8")
    lab = Lab(home, tmp_path / "cache", prefix_stack(), indexes={"main": index.simple})
    lab.operations().execute(Create(environment="mine"))
    return lab


CASES = [("uv", case) for case in HOSTILE] + [
    ("pip", case) for case in ("script-above", "script-of-the-lab", "file-above", "record-outside", "needs-a-url")
]


@pytest.mark.parametrize(("installer", "case"), CASES)
def test_a_hostile_wheel_changes_nothing_outside_its_own_generation(
    lab: Lab, index: PackageIndex, case: str, installer: str
) -> None:
    index.add(HOSTILE[case])
    operations = lab.operations(installer=installer)
    stack = prefix_stack().parent.parent
    home, below = lab.everything(), inventory(stack)
    generations = {path.name for path in lab.layout.generations.iterdir()}
    try:
        record = operations.execute(Install(environment="mine", requirements=("evil",)))
    except StrataError:
        assert lab.everything() == home
    else:
        new = {path for path in lab.everything() if path not in home}
        mine = f".strata/generations/{record.generation}"
        assert all(path.startswith(mine) for path in new)
        prefix = lab.layout.generation(record.generation)
        assert (prefix / "bin" / "python").readlink() == operations.stack.base_executable
        assert not (prefix / "bin" / "jupyterhub-singleuser").exists()
        assert {path.name for path in lab.layout.generations.iterdir()} == generations | {record.generation}
    assert inventory(stack) == below
    assert not Path("/tmp/strata-escaped").exists()
    assert not Path("/tmp/strata-escaped.py").exists()
    assert (lab.home / "outside").read_text(encoding="utf-8") == "precious"


def test_other_bytes_than_the_page_promised_are_not_installed(lab: Lab, index: PackageIndex) -> None:
    index.claimed[GOOD.filename] = "0" * 64
    before = lab.everything()
    with pytest.raises(BackendFailed, match=r"(?i)hash"):
        lab.operations().execute(Install(environment="mine", requirements=("good",)))
    assert lab.everything() == before


def test_where_a_page_gives_no_hash_the_files_own_is_recorded_and_required(lab: Lab, index: PackageIndex) -> None:
    index.without_hash.add(GOOD.filename)
    record = lab.operations().execute(Install(environment="mine", requirements=("good",)))
    assert [item.sha256 for item in record.locked] == [GOOD.sha256]
    index.add(make_wheel("good", "1.0", files={"good/__init__.py": "evil = True\n"}))
    elsewhere = Lab(lab.home, lab.cache.with_name("empty"), lab.stack_python, indexes=lab.indexes)
    with pytest.raises(BackendFailed):
        elsewhere.operations().execute(Rebuild(environment="mine"))


@pytest.mark.parametrize("link", ["file:///etc/passwd", "ftp://127.0.0.1/good-1.0-py3-none-any.whl"])
def test_a_page_that_points_to_no_web_address_is_refused(lab: Lab, index: PackageIndex, link: str) -> None:
    index.links[GOOD.filename] = link
    with pytest.raises((BackendFailed, Unsatisfiable)):
        lab.operations().plan(Install(environment="mine", requirements=("good",)))


def test_a_name_belongs_to_the_first_index_that_knows_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with package_index([make_wheel("corp-x", "1.0")]) as private, package_index([make_wheel("corp-x", "99")]) as public:
        indexes = {"private": private.simple, "public": public.simple}
        lab = Lab(home, tmp_path / "cache", prefix_stack(), indexes=indexes)
        record = lab.operations().execute(Create(environment="mine", requirements=("corp-x",)))
        assert [item.pin for item in record.locked] == ["corp-x==1.0"]
        with pytest.raises(Unsatisfiable):
            lab.operations().plan(Create(environment="other", requirements=("corp-x>=2",)))


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_planted_configuration_is_ignored(
    lab: Lab, index: PackageIndex, installer: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with package_index([make_wheel("good", "66.6")]) as evil:
        plant(lab.home, evil.simple)
        plant(tmp_path, evil.simple)
        monkeypatch.chdir(lab.home)
        monkeypatch.setenv("HOME", str(lab.home))
        for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL"):
            monkeypatch.setenv(name, evil.simple)
        monkeypatch.setenv("PIP_TARGET", str(lab.home / "elsewhere"))
        monkeypatch.setenv("PIP_CONFIG_FILE", str(lab.home / "pip.conf"))
        monkeypatch.setenv("UV_CONFIG_FILE", str(lab.home / "uv.toml"))
        monkeypatch.setenv("PYTHONPATH", str(lab.home))
        record = lab.operations(installer=installer).execute(Install(environment="mine", requirements=("good",)))
        assert [item.pin for item in record.locked] == ["good==1.0"]
        assert evil.asked == []
    assert not (lab.home / "elsewhere").exists()
    assert not (lab.home / "ran").exists()


def plant(folder: Path, url: str) -> None:
    pip = f"[global]\nindex-url = {url}\nuser = true\ntarget = {folder}/elsewhere\n"
    uv = f'index-url = "{url}"\n'
    ran = f"open({str(folder / 'ran')!r}, 'w').close()\n"
    files = {
        "pip.conf": pip,
        ".pip/pip.conf": pip,
        ".config/pip/pip.conf": pip,
        "uv.toml": uv,
        ".config/uv/uv.toml": uv,
        "pyproject.toml": f"[tool.uv]\n{uv}",
        ".pydistutils.cfg": f"[install]\nprefix={folder}/elsewhere\n",
        "pip.py": ran,
        "json.py": ran,
        "sitecustomize.py": ran,
        "usercustomize.py": ran,
        ".netrc": "machine 127.0.0.1 login evil password evil\n",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_an_index_that_is_down_is_one_sentence_and_changes_nothing(lab: Lab, index: PackageIndex) -> None:
    index.down = True
    before = lab.everything()
    with pytest.raises(StrataError) as caught:
        lab.operations().execute(Install(environment="mine", requirements=("good",)))
    assert isinstance(caught.value, BackendFailed | Unsatisfiable)
    assert "Traceback" not in str(caught.value)
    assert lab.everything() == before


def test_no_operand_of_an_installer_can_be_an_option(lab: Lab, index: PackageIndex) -> None:
    asked = len(index.asked)
    for text in ("--help", "-r x", "good --index-url http://127.0.0.1:1", "good -r x", "good\n--pre", "@evil"):
        with pytest.raises(StrataError) as caught:
            lab.operations().plan(Install(environment="mine", requirements=(text,)))
        assert caught.value.code in {"input", "refused"}
    assert len(index.asked) == asked


def test_secrets_of_the_lab_do_not_reach_installers(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "canary")
    work = lab.operations()._work(lambda _: None, lambda: False)
    told = work.run(["/usr/bin/env"], timeout=60)
    assert "canary" not in told.stdout
    assert os.environ["HOME"] not in told.stdout


def test_machinery_that_comes_as_a_dependency_is_refused_before_it_is_fetched(lab: Lab, index: PackageIndex) -> None:
    index.add(make_wheel("nice", "1.0", requires=["jupyter-server"]), make_wheel("jupyter-server", "2.0"))
    with pytest.raises(Refused, match="jupyter-server belongs to the lab"):
        lab.operations().execute(Install(environment="mine", requirements=("nice",)))
