import io
import zipfile
from pathlib import Path

import pytest
from strata_lab.backends import files
from strata_lab.backends.conflicts import explained, failed
from strata_lab.backends.files import Contents
from strata_lab.backends.stubs import pins, stub_folder
from strata_lab.backends.wheels import directory
from strata_lab.errors import VerificationFailed
from strata_lab.untouched import untouched
from support.records import make_stack
from support.wheels import make_wheel


def unpacked(folder: Path, *wheels: bytes) -> Path:
    for data in wheels:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            archive.extractall(folder)
    return folder


def test_contents_are_read_from_what_an_installer_leaves(tmp_path: Path) -> None:
    wheel = make_wheel(
        "Sky-Plot", "1.0", requires=["a"], files={"sky_plot/__init__.py": "x", "sky.py": "", "_c.so": ""}
    )
    found = files.read(unpacked(tmp_path, wheel.data))["sky-plot"]
    assert (found.version, found.requires) == ("1.0", ("a",))
    assert files.modules(found) == ["sky_plot", "sky"]
    assert found.size == 4096 + 3 * 4096


def test_a_file_that_a_torn_installation_lacks_is_named(tmp_path: Path) -> None:
    wheel = make_wheel("sky", "1.0", files={"sky/__init__.py": "", "sky/map.py": "", "sky/data/x.txt": ""})
    unpacked(tmp_path, wheel.data)
    assert files.missing(tmp_path, files.read(tmp_path).values()) == []
    (tmp_path / "sky/map.py").unlink()
    (tmp_path / "sky/data/x.txt").unlink()
    (sentence,) = files.missing(tmp_path, files.read(tmp_path).values())
    assert sentence == "sky lacks its file sky/data/x.txt (2 files in all)."


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "torn-1.0.dist-info").mkdir()
    assert files.read(tmp_path) == {}


def test_a_path_of_two_owners_is_a_clash_unless_it_is_harmless() -> None:
    one = Contents("one", "1", (), frozenset({"one.py", "shared/a.py", "tests/__init__.py"}))
    two = Contents("two", "1", (), frozenset({"two.py", "shared/a.py", "tests/__init__.py"}))
    (clash,) = files.clashes([one, two], {})
    assert (clash.owners, clash.paths) == (("one", "two"), ("shared/a.py",))
    assert "both bring shared/a.py" in clash.sentence
    assert files.clashes([one], {"two": two})[0].owners == ("one", "two")


def test_folders_that_two_share_without_a_common_file_are_no_clash() -> None:
    one = Contents("jaraco-a", "1", (), frozenset({"jaraco/a.py"}))
    two = Contents("jaraco-b", "1", (), frozenset({"jaraco/b.py"}))
    assert files.clashes([one, two], {}) == []


def test_only_what_lands_in_site_packages_is_compared() -> None:
    names = [
        "a.py",
        "x-1.data/purelib/b.py",
        "x-1.data/scripts/run",
        "x-1.data/data/etc",
        "../../bin/run",
        "/abs",
        "d/",
    ]
    assert files.relevant(names) == {"a.py", "b.py"}


def test_a_wheels_directory_is_read_from_its_last_bytes() -> None:
    wheel = make_wheel("big", "1.0", files={"big/__init__.py": "", "big/data.txt": "x" * 100_000})
    whole = directory(wheel.data, len(wheel.data))
    assert whole is not None
    assert whole.download == len(wheel.data)
    assert "big/data.txt" in whole.paths
    assert directory(wheel.data[-900:], len(wheel.data)) == whole
    assert directory(wheel.data[-30:], len(wheel.data)) is None


@pytest.mark.parametrize(
    "data", [b"", b"no archive", b"PK\x05\x06" + b"\xff" * 18, b"PK\x05\x06" + b"\0" * 18 + b"x" * 9]
)
def test_what_is_no_wheel_has_no_directory(data: bytes) -> None:
    found = directory(data, len(data))
    assert found is None or found.paths == frozenset()


def test_every_distribution_of_the_stack_gets_a_stub_once(tmp_path: Path) -> None:
    stack = make_stack(["star-math==1.0+local.1", "odd==not_a_version", "sky==2.0"], {"sky": ("star-math<2",)})
    folder = stub_folder(stack, tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == [
        "sky-2.0-py3-none-any.whl",
        "star_math-1.0+local.1-py3-none-any.whl",
    ]
    with zipfile.ZipFile(folder / "sky-2.0-py3-none-any.whl") as archive:
        assert b"Requires-Dist: star-math<2" in archive.read("sky-2.0.dist-info/METADATA")
    assert stub_folder(stack, tmp_path) == folder
    assert pins(stack, frozenset({"sky"})) == ["star-math==1.0+local.1"]


def test_a_resolvers_tree_becomes_a_sentence() -> None:
    told = """  \u00d7 No solution found when resolving dependencies:
  ╰─▶ Because you require astropy>=7 and astropy==6.1.7, we can conclude that
      your requirements are unsatisfiable.
"""
    assert explained(told).startswith("Because you require astropy>=7 and astropy==6.1.7, we can conclude that your")
    assert explained("") == "it gave no reason."


def test_an_installer_without_room_says_so() -> None:
    assert failed("uv could not install", "error: No space left on device (os error 28)").code == "no_space"
    assert failed("uv could not install", "error: bad zip").code == "backend"


def test_whoever_changes_the_stack_is_found_out(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    stack = make_stack(path=(str(site),), executable=tmp_path / "bin" / "python", base_executable=tmp_path / "python")
    with untouched(stack):
        (tmp_path / "elsewhere").mkdir()
    with pytest.raises(VerificationFailed, match="site changed"), untouched(stack):
        (site / "planted.pth").touch()
