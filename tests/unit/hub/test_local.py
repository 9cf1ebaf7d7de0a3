from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strata_hub.errors import LabFailed
from strata_hub.local import LocalStrataSpawner
from strata_hub.menu import User, menu_for
from strata_hub.options import choose
from support.menu_states import NOW, digest_of, state
from traitlets import TraitError

CHOICE = choose(menu_for(state(), User("alice"), NOW), {"image": "science/w_2026_22"})


def make(name: str = "alice", server: str = "", **traits: Any) -> LocalStrataSpawner:
    orm_spawner = SimpleNamespace(name=server, server=None)
    return LocalStrataSpawner(user=SimpleNamespace(name=name), orm_spawner=orm_spawner, **traits)


def contract(folder: Path, name: str) -> Path:
    path = folder / f"{name}.json"
    path.write_text("{}")
    return path


@pytest.mark.parametrize("key", ["w_2026_22", "recommended", "lsst_distrib w_2026_22", "default"])
def test_the_stack_of_an_image_is_found_by_tag_name_stack_or_default(tmp_path: Path, key: str) -> None:
    path = contract(tmp_path, key.replace(" ", "-"))
    assert make(stacks={key: str(path)}).contract_file(CHOICE) == path
    assert make(stacks=str(tmp_path)).contract_file(CHOICE) == path


def test_the_digest_goes_before_every_name(tmp_path: Path) -> None:
    contract(tmp_path, "w_2026_22")
    path = contract(tmp_path, digest_of("w_2026_22").replace(":", "-"))
    assert make(stacks=str(tmp_path)).contract_file(CHOICE) == path


def test_an_image_without_a_stack_here_is_a_sentence(tmp_path: Path) -> None:
    for stacks in ("", str(tmp_path), {}, {"w_2026_22": str(tmp_path / "gone.json")}):
        with pytest.raises(LabFailed, match="no stack for Weekly 2026_22"):
            make(stacks=stacks).contract_file(CHOICE)


def test_a_name_from_a_registry_never_leaves_the_folder_of_stacks(tmp_path: Path) -> None:
    contract(tmp_path, "outside")
    folder = tmp_path / "stacks"
    folder.mkdir()
    image = CHOICE.image.model_copy(update={"stack": "../outside", "version": "..", "names": ("/etc/passwd",)})
    hostile = choose(menu_for(state(), User("alice"), NOW), {})
    object.__setattr__(hostile, "image", image)
    with pytest.raises(LabFailed):
        make(stacks=str(folder)).contract_file(hostile)


def test_the_machinery_is_an_absolute_path() -> None:
    with pytest.raises(TraitError, match="absolute"):
        make(machinery_python="python3")


def test_the_lab_is_started_where_nothing_of_the_user_can_stand_in_for_the_machinery() -> None:
    assert make(machinery_python="/opt/machinery/bin/python").cmd == [
        "/opt/machinery/bin/python",
        "-I",
        "-m",
        "strata_lab.launch",
    ]


@given(st.text(min_size=1, max_size=60), st.text(max_size=30))
def test_homes_and_logs_stay_in_their_folders(name: str, server: str) -> None:
    """A file name per user and server: no separator, no dot-dot, whatever the authenticator lets through."""
    spawner = make(name, server, home_template="/srv/homes/{username}", log_folder="/srv/labs")
    assert spawner.home.parent == Path("/srv/homes")
    assert spawner.home.name not in ("", ".", "..")
    assert spawner.log_file.parent == Path("/srv/labs")


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_two_users_never_share_a_home(one: str, other: str) -> None:
    homes = {make(name, home_template="/srv/{username}").home for name in (one, other)}
    assert (len(homes) == 1) == (one == other)


def test_the_last_words_of_a_lab_are_one_line_and_short(tmp_path: Path) -> None:
    spawner = make(log_folder=str(tmp_path))
    spawner.log_file.write_bytes(b"first\n" * 5000 + b"\xff broken\n\n" + b"x" * 9000 + b"\nlast\n")
    words = spawner._last_words(-9)
    assert words.startswith("The lab was ended by signal 9 before it answered.")
    assert words.endswith("last")
    assert len(words) < 1700
    assert "\n" not in words
