"""Which modules changed between two generations."""

from pathlib import Path

from strata_lab.restarts import Advice, Answer, changed_modules


def generation(folder: Path, **versions: str) -> Path:
    site = folder / "lib/python3.11/site-packages"
    for name, version in versions.items():
        info = site / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "RECORD").write_text(
            f"{name}/__init__.py,,\n{name}/sub/x.py,,\n{name}_single.py,,\n_{name}.cpython-311-x86_64-linux-gnu.so,,\n"
            f"../../../bin/{name},,\n{name}-{version}.dist-info/METADATA,,\n__pycache__/x.pyc,,\n"
        )
    return folder


def test_what_was_added_removed_or_has_another_version_changed(tmp_path: Path) -> None:
    old = generation(tmp_path / "old", same="1", gone="1", moved="1")
    new = generation(tmp_path / "new", same="1", added="1", moved="2")
    changed = changed_modules(old, new)
    assert {"gone", "added", "moved", "moved_single", "_moved"} <= changed
    assert not any("same" in name for name in changed)
    assert changed_modules(new, new) == set()


def test_a_first_generation_changes_what_it_holds(tmp_path: Path) -> None:
    assert "a" in changed_modules(None, generation(tmp_path / "new", a="1"))
    assert changed_modules(None, tmp_path / "empty") == set()


def test_each_answer_is_a_sentence() -> None:
    for answer in Answer:
        assert Advice("id", "name", answer, ("numpy",)).sentence.endswith(".")
