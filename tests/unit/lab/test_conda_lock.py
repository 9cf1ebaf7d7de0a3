"""rattler.lock: what is written is read again, and what is no lock is a sentence."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strata_lab.backends.conda_lock import read_lock, write_lock
from strata_lab.environments import Locked
from strata_lab.errors import InvalidInput

NAMES = st.from_regex(r"[a-z][a-z0-9_.-]{0,10}[a-z0-9]", fullmatch=True)
VERSIONS = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}", fullmatch=True)


@st.composite
def packages(draw: st.DrawFn) -> Locked:
    name, version = draw(NAMES), draw(VERSIONS)
    subdir = draw(st.sampled_from(["noarch", "linux-64"]))
    return Locked(
        name=name,
        version=version,
        build=f"py311_0/{subdir}",
        url=f"https://conda.example/science/{subdir}/{name}-{version}-py311_0.conda",
        sha256=draw(st.text("0123456789abcdef", min_size=64, max_size=64)),
        size=draw(st.none() | st.integers(0, 10**12)),
        index=draw(st.none() | st.just("https://conda.example/science/")),
        requires=tuple(draw(st.lists(st.sampled_from(["python", "numpy >=1.2,<2"]), max_size=2))),
    )


@settings(max_examples=40)
@given(st.lists(packages(), max_size=6, unique_by=lambda item: item.name))
def test_what_is_written_is_read_again(locked: list[Locked]) -> None:
    """Rule: reading a written lock gives the same packages in the same order."""
    assert read_lock(write_lock(locked)) == tuple(locked)


@given(st.text(max_size=200))
def test_whatever_the_text_it_is_read_or_refused_in_a_sentence(text: str) -> None:
    """Rule: no text makes the reader raise anything but InvalidInput."""
    with pytest.raises(InvalidInput):
        read_lock(text)


@pytest.mark.parametrize(
    "entry",
    [
        "{conda: https://x/noarch/a-1-0.conda}",
        "{conda: https://x/noarch/a-1-0.conda, sha256: zz}",
        "{conda: https://x/noarch/nonsense, sha256: " + "a" * 64 + "}",
        "{pypi: https://x/a.whl, sha256: " + "a" * 64 + "}",
    ],
)
def test_an_entry_without_a_hash_or_a_name_is_refused(entry: str) -> None:
    used = entry.strip("{}").split(", ")[0]
    lock = f"version: 6\nenvironments: {{default: {{packages: {{linux-64: [{{{used}}}]}}}}}}\npackages: [{entry}]\n"
    with pytest.raises(InvalidInput):
        read_lock(lock)
