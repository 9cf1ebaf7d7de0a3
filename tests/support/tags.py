"""Tags for property tests: well-formed ones with what they mean, and strings of any sort."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations
from math import factorial
from typing import TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from strata_hub.tags import scheme

RUBIN = scheme("rubin", ("stable", "w_moving*"))
SEMVER = scheme("semver")
CALVER = scheme("calver")
SCHEMES = (RUBIN, SEMVER, CALVER)

STRINGS = int(os.environ.get("STRATA_STRINGS", "0"))
"""How many strings all rules together are tried on; 0: some hundreds, as in the unit suite."""
RULES = 5
_HEADS, _PARTS = (4, 4) if STRINGS else (2, 2)
# Each head stands alone and before every arrangement of every subset of the parts, with and without an architecture.
_ARRANGEMENTS = sum(factorial(_PARTS) // factorial(_PARTS - size) for size in range(_PARTS + 1))
FAMILY = _HEADS * _ARRANGEMENTS * 2
_EXAMPLES = -(-STRINGS // (RULES * FAMILY)) if STRINGS else 8

Test = TypeVar("Test", bound=Callable[..., None])

seen: dict[str, int] = {}
"""How many strings each rule was tried on."""


def count(rule: str, number: int) -> None:
    """Note that a rule was tried on so many strings."""
    seen[rule] = seen.get(rule, 0) + number


def tried(test: Test) -> Test:
    """Run a property as often as this run is meant to."""
    checks = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)
    phases = (Phase.generate, Phase.shrink) if STRINGS else (Phase.generate,)
    return settings(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        derandomize=not STRINGS,
        phases=phases,
        suppress_health_check=checks,
    )(test)


@dataclass(frozen=True)
class Spelled:
    """A rubin tag in its parts."""

    head: str
    parts: tuple[str, ...]
    architecture: str = ""
    prefix: str = ""

    @property
    def text(self) -> str:
        """The tag."""
        tail = f"-{self.architecture}" if self.architecture else ""
        return f"{self.prefix}{'_'.join((self.head, *self.parts))}{tail}"


def _padded(least: int, most: int, width: int) -> st.SearchStrategy[str]:
    return st.integers(least, most).map(lambda number: f"{number:0{width}}")


_years = st.integers(2015, 2030)
RELEASES = st.one_of(
    st.tuples(st.sampled_from("rv"), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)).map(
        lambda parts: f"{parts[0]}{parts[1]}_{parts[2]}_{parts[3]}"
    ),
    st.tuples(st.integers(10, 99), st.integers(0, 9)).map(lambda parts: f"r{parts[0]}{parts[1]}"),
    st.tuples(st.integers(10, 99), st.integers(0, 9)).map(lambda parts: f"r{parts[0]}_{parts[1]}"),
)
WEEKLIES = st.tuples(_years, _padded(1, 53, 2)).map(lambda parts: f"w_{parts[0]}_{parts[1]}")
DAILIES = st.tuples(_years, _padded(1, 12, 2), _padded(1, 28, 2)).map(lambda parts: f"d_{'_'.join(map(str, parts))}")
HEADS = st.one_of(RELEASES, WEEKLIES, DAILIES)
BUILDS = st.integers(0, 4000).map(lambda number: f"rsp{number}")
CYCLES = st.tuples(st.sampled_from("ck"), _padded(0, 60, 4), st.sampled_from(["", ".007", ".12", ".1"])).map("".join)
DATES = st.tuples(
    _years, _padded(1, 12, 2), _padded(1, 28, 2), st.sampled_from(["", "T1200", "T120000Z", "T2359Z"])
).map(lambda parts: "".join(map(str, parts)))
EXTRAS = st.sampled_from(["foo", "execution-kernel", "nojsd", "x1", "20269999", "a.b", "rc", "rsp"])
ARCHITECTURES = st.sampled_from(["amd64", "arm64v8", "x86_64", "aarch64"])


@st.composite
def spelled(draw: st.DrawFn) -> list[Spelled]:
    """Draw a family of rubin tags: the same heads, each with the same fields in every arrangement."""
    heads = draw(st.lists(HEADS, min_size=_HEADS, max_size=_HEADS))
    parts = [draw(strategy) for strategy in (BUILDS, CYCLES, DATES, EXTRAS)[:_PARTS]]
    prefix = draw(st.sampled_from(["", "", "", "exp_"]))
    return [
        Spelled(head, arrangement, architecture, prefix)
        for head in heads
        for size in range(_PARTS + 1)
        for arrangement in permutations(parts, size)
        for architecture in ("", draw(ARCHITECTURES))
    ]


_numbers = st.lists(st.integers(0, 20), min_size=3, max_size=3).map(lambda numbers: ".".join(map(str, numbers)))
SEMANTIC = st.tuples(
    st.sampled_from(["", "v"]), _numbers, st.sampled_from(["", "-rc.1", "-rc.10", "-alpha", "-alpha.1", "-1"])
).map("".join)
ODD = ["recommended", "latest_weekly_c0044.007", "stable", "exp_", f"sha256-{'0' * 64}.sig", "", "w_moving", "2026-11"]
ANYTHING = st.one_of(
    st.text(max_size=30), st.text(alphabet="rwdvckexp_.-T0123456789\n", max_size=30), st.sampled_from(ODD)
)


@st.composite
def texts(draw: st.DrawFn) -> list[str]:
    """Draw a family of strings: some are tags of one scheme or another, many nearly so, and others not at all."""
    heads = draw(st.lists(st.one_of(HEADS, SEMANTIC, ANYTHING), min_size=_HEADS, max_size=_HEADS))
    part = st.one_of(BUILDS, CYCLES, DATES, EXTRAS, ANYTHING)
    parts = draw(st.lists(part, min_size=_PARTS, max_size=_PARTS))
    return [
        "_".join((head, *arrangement)) + tail
        for head in heads
        for size in range(_PARTS + 1)
        for arrangement in permutations(parts, size)
        for tail in ("", f"-{draw(ARCHITECTURES)}")
    ]
