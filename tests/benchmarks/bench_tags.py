"""How fast tags are parsed and sorted, and a menu is made of them.

``make bench``. The yardstick for parsing is a loop that only matches one regular expression of the same forms and keeps
the match; for sorting, a sort of the same keys without tags around them.
"""

import gc
import re
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from strata_hub.catalogue import Catalogue, build
from strata_hub.examination import wanted
from strata_hub.judgement import judge
from strata_hub.payloads import payload
from strata_hub.policy import PolicyConfig, read_policy
from strata_hub.tags import Tag, scheme
from support.catalogues import metadata_of, rubin_names

ROUNDS = 7
NUMBER = 10_000
NOW = datetime(2026, 11, 21, tzinfo=UTC)
POLICY = {
    "recommended": {"stable": "recommended"},
    "support": {"previous_releases": 3},
    "kinds": {"weekly": {"count": 60}, "daily": {"count": 60}, "release": {"count": 80}},
    "groups": {"developers": {"kinds": {"experimental": {"allowed": True}}}},
}
_RAW = re.compile(
    r"(?:w_([0-9]{4})_([0-9]{2})|d_([0-9]{4})_([0-9]{2})_([0-9]{2})|[rv]([0-9]+)_([0-9]+)(?:_([0-9]+))?(?:_rc([0-9]+))?"
    r"|[rv]([0-9]{2})([0-9])|(recommended|latest)[a-z_]*|(exp)_.*?)"
    r"(?:_rsp([0-9]+)|_([ck])([0-9]+)(?:\.([0-9]+))?|_([0-9]{8})(?:T[0-9]{4,6}Z?)?)*(?:-(amd64|arm64))?",
    re.ASCII,
).fullmatch


def main() -> None:
    """Print the tables."""
    names = rubin_names(NUMBER, NOW)
    rubin = scheme("rubin")
    parsed = [rubin.parse(name) for name in names]
    print(f"{NUMBER:,} tags, best of {ROUNDS}, Python {sys.version.split()[0]}\n")
    raw = _best(lambda: [_RAW(name) for name in names])
    cold = _best(lambda fresh: [fresh.parse(name) for name in names], lambda: scheme("rubin"))
    warm = _best(lambda: [rubin.parse(name) for name in names])
    keys = [tag.key for tag in parsed]
    bare = _best(lambda: sorted(keys))
    ordered = _best(lambda: sorted(parsed, key=_key))
    print(f"{'':36} {'per second':>12} {'ratio':>7}")
    for label, seconds, base in (
        ("regular expression alone", raw, raw),
        ("parse, a scheme that has seen nothing", cold, raw),
        ("parse, names seen before", warm, raw),
        ("sort keys alone", bare, bare),
        ("sort tags", ordered, bare),
    ):
        print(f"{label:36} {NUMBER / seconds:12,.0f} {seconds / base:7.2f}")
    _menus(parsed)


def _menus(parsed: list[Tag]) -> None:
    policy = read_policy(POLICY)
    records, metadata = metadata_of(parsed, NOW)
    catalogue = build("registry.example.org/lab/science", NOW, records, metadata)
    judgement = judge(catalogue, policy, NOW)
    rows: list[tuple[str, float]] = [
        ("catalogue", _best(lambda: build("", NOW, records, metadata))),
        ("judgement", _best(lambda: judge(catalogue, policy, NOW))),
        ("payload of the menu state", _best(lambda: payload("main", "Science", "rubin", catalogue, judgement))),
        ("judgement and payload", _best(lambda: _whole(catalogue, policy))),
        ("what to examine for a first menu", _best(lambda: wanted(parsed, policy, NOW))),
    ]
    print(f"\n{'':36} {'milliseconds':>12}")
    for label, seconds in rows:
        print(f"{label:36} {seconds * 1000:12.1f}")
    first = wanted(parsed, policy, NOW)
    print(f"\nA first menu examines {len(first)} of {NUMBER:,} tags and shows {len(judgement.shown):,} images.")


def _whole(catalogue: Catalogue, policy: PolicyConfig) -> object:
    return payload("main", "Science", "rubin", catalogue, judge(catalogue, policy, NOW + timedelta(minutes=1)))


def _key(tag: Tag) -> tuple[Any, ...]:
    return tag.key


def _best(work: Callable[..., object], prepare: Callable[[], object] | None = None) -> float:
    """Return the CPU seconds of the fastest of some rounds; what `prepare` returns is handed over, and not timed."""
    times = []
    for _ in range(ROUNDS):
        given = () if prepare is None else (prepare(),)
        gc.collect()
        start = time.process_time()
        result = work(*given)
        times.append(time.process_time() - start)
        del result
    return min(times)


if __name__ == "__main__":
    main()
