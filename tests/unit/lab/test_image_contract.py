import json
from pathlib import Path
from typing import Any

import pytest
from strata_lab import image_contract
from strata_lab.errors import StackUnusable
from strata_lab.layout import Layout, make_private

GOOD: dict[str, Any] = {
    "contract": 1,
    "machinery": {"prefix": "/opt/machinery"},
    "stack": {"title": "Science", "kind": "prefix", "python": "/opt/stack/bin/python"},
    "indexes": [{"name": "pypi", "url": "https://pypi.org/simple"}],
}


def test_a_contract_says_where_machinery_and_stack_are() -> None:
    contract = image_contract.parse(json.dumps(GOOD))
    assert contract.stack.python == Path("/opt/stack/bin/python")
    assert not contract.one_python


def test_one_python_for_both_is_noticed() -> None:
    shared = GOOD | {"machinery": {"prefix": "/opt/stack"}}
    assert image_contract.parse(json.dumps(shared)).one_python


@pytest.mark.parametrize(
    "change",
    [
        {"contract": 2},
        {"unknown": 1},
        {"stack": GOOD["stack"] | {"python": "bin/python"}},
        {"stack": GOOD["stack"] | {"kind": "script"}},
        {"indexes": [{"name": "a", "url": "file:///x"}]},
        {"indexes": [{"name": "a", "url": "https://user:secret@x/simple"}]},
        {"indexes": [{"name": "a\n", "url": "https://x/simple"}]},
        {"indexes": [GOOD["indexes"][0]] * 2},
    ],
)
def test_a_contract_that_says_something_else_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(StackUnusable, match="not a valid image contract"):
        image_contract.parse(json.dumps(GOOD | change))


def test_a_missing_contract_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StackUnusable, match="cannot be read"):
        image_contract.load(tmp_path / "none.json")
    with pytest.raises(StackUnusable, match="not JSON"):
        image_contract.parse("{")


def test_the_variable_names_another_place_for_the_contract() -> None:
    assert image_contract.contract_path({}) == Path("/etc/strata/image.json")
    assert image_contract.contract_path({"STRATA_IMAGE_CONTRACT": "/x.json"}) == Path("/x.json")


def test_environments_lie_in_the_home_and_the_cache_does_not(tmp_path: Path) -> None:
    contract = image_contract.parse(json.dumps(GOOD))
    home = str(tmp_path)
    layout = Layout.of(contract, {"HOME": home})
    assert layout.root == tmp_path / ".strata"
    assert not layout.cache.is_relative_to(tmp_path)
    in_home = Layout.of(contract, {"HOME": home, "XDG_CACHE_HOME": f"{home}/.cache"})
    assert not in_home.cache.is_relative_to(tmp_path)
    assert Layout.of(contract, {"HOME": home, "XDG_CACHE_HOME": "/scratch"}).cache == Path("/scratch/strata")
    with pytest.raises(StackUnusable):
        Layout.of(contract, {})


def test_a_cache_that_is_a_link_or_open_to_others_is_not_trusted(tmp_path: Path) -> None:
    open_folder = tmp_path / "open"
    open_folder.mkdir(mode=0o755)
    assert make_private(open_folder).stat().st_mode & 0o777 == 0o700
    (tmp_path / "link").symlink_to(open_folder)
    with pytest.raises(StackUnusable):
        make_private(tmp_path / "link")
