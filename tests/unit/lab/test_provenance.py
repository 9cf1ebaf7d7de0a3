"""Why a package is there, and what a notebook tells of where it ran."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strata_lab.environments import Action, Actor, Intent, Locked, Record, StackIdentity
from strata_lab.errors import InvalidInput, NotFound
from strata_lab.provenance import Held, origin, read_origin, why

STACK = [
    Held(name="numpy", version="2.2.6"),
    Held(name="astropy", version="6.1.7", requires=("numpy>=1.23", "pyyaml>=3.13")),
    Held(name="pyyaml", version="6.0"),
]


def _record(*requirements: str, locked: tuple[Locked, ...] = ()) -> Record:
    return Record(
        environment="demo",
        generation="20260101T000000-0123456789ab",
        serial=1,
        parent=None,
        action=Action.INSTALL,
        intent=Intent(requirements=requirements),
        locked=locked,
        stack=StackIdentity(fingerprint="f", title="Science", python="3.11.7", prefix="/stack"),
        image="registry.example/lab:w_2026_01@sha256:" + "0" * 64,
        actor=Actor(user="ada", host="lab"),
        created=datetime.now(UTC),
    )


LOCKED = (
    Locked(
        name="specutils",
        version="1.15",
        requires=("gwcs>=0.18", "numpy", "jdaviz; extra == 'viewer'"),
        url="https://x/s",
    ),
    Locked(name="gwcs", version="0.21", requires=("asdf>=2", "not a requirement !!")),
    Locked(name="asdf", version="3.0", sha256="a" * 64),
    Locked(name="jdaviz", version="4.0"),
)


def test_what_was_asked_for_by_name_says_so() -> None:
    found = why(_record("specutils", locked=LOCKED), STACK, "SpecUtils")
    assert (found.source, found.requested, found.chains) == ("environment", True, (("specutils",),))
    assert found.url == "https://x/s"


def test_what_came_along_tells_the_shortest_way_from_each_package_that_was_asked_for() -> None:
    found = why(_record("specutils>=1", "gwcs", locked=LOCKED), STACK, "asdf")
    assert found.chains == (("specutils", "gwcs", "asdf"), ("gwcs", "asdf"))
    assert not found.requested
    assert found.sha256 == "a" * 64


def test_an_extra_leads_on_only_where_it_was_asked_for() -> None:
    assert why(_record("specutils", locked=LOCKED), STACK, "jdaviz").chains == ()
    assert why(_record("specutils[viewer]", locked=LOCKED), STACK, "jdaviz").chains == (("specutils", "jdaviz"),)


def test_what_the_stack_holds_names_who_needs_it_there() -> None:
    found = why(_record(), STACK, "numpy")
    assert (found.source, found.chains, found.generation) == ("stack", (("astropy", "numpy"),), None)


def test_what_is_nowhere_is_not_found() -> None:
    with pytest.raises(NotFound, match="Neither demo nor its stack holds 'tensorflow'"):
        why(_record("specutils", locked=LOCKED), STACK, "tensorflow")


def test_a_notebook_carries_the_lock_and_the_image_and_gives_them_back() -> None:
    record = _record("specutils", locked=LOCKED)
    said = origin(record)
    assert said.lock == record.lock_hash
    assert read_origin({"metadata": {"strata": said.model_dump(mode="json")}}) == said


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=5) | st.integers(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    )
)
def test_a_notebook_from_anywhere_is_a_sentence(metadata: object) -> None:
    """Rule: whatever a notebook's metadata holds, reading its origin succeeds or raises one of ours."""
    for notebook in ({"metadata": metadata}, {"metadata": {"strata": metadata}}):
        with pytest.raises((NotFound, InvalidInput)):
            read_origin(notebook)
