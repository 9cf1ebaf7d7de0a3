from pathlib import Path

from strata_lab.probes import inventory

METADATA = """Metadata-Version: 2.1
Name: Sky_Plot
Version: 1.0
License: Copyright
        
        several paragraphs
Requires-Python: >=3.8
Requires-Dist: starmath >=1 ; extra == "all"
Provides-Extra: all

Requires-Dist: this-is-text
"""  # noqa: W293 - setuptools writes blank lines of a licence as spaces


def test_headers_end_at_the_first_empty_line_and_not_at_a_blank_one() -> None:
    told = inventory.headers(METADATA)
    assert told == ("Sky_Plot", "1.0", ">=3.8", ['starmath >=1 ; extra == "all"'], ["all"])


def test_the_path_decides_which_distribution_comes_first(tmp_path: Path) -> None:
    for folder, version in (("a", "1.0"), ("b", "2.0")):
        info = tmp_path / folder / f"x-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Name: x\nVersion: {version}\n")
    (tmp_path / "b" / "old.egg-info").write_text("Name: old\nVersion: 0.1\n")
    (tmp_path / "b" / "torn-1.dist-info").mkdir()
    found, unreadable = inventory.distributions([str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path / "none")])
    assert [row[:2] for row in found] == [["x", "1.0"], ["old", "0.1"], ["x", "2.0"]]
    assert unreadable == [str(tmp_path / "b" / "torn-1.dist-info")]
