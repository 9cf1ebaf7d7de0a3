"""Records, stacks and locked distributions for tests that make none."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from strata_lab.environments import Action, Actor, Intent, Locked, Record, StackIdentity
from strata_lab.image_contract import StackKind
from strata_lab.stack import Distribution, Stack

ACTOR = Actor(user="ada", host="lab-ada")


def make_record(*, stack: str = "aaaa", intent: dict[str, Any] | None = None, **fields: Any) -> Record:
    """Return a record; `stack` is a fingerprint, `intent` the fields of one."""
    told: dict[str, Any] = {
        "environment": "mine",
        "generation": "20240101T000000-000000000000",
        "serial": 1,
        "parent": None,
        "action": Action.CREATE,
        "intent": Intent.model_validate(intent or {}),
        "stack": StackIdentity(fingerprint=stack, title="Science", python="3.11.7", prefix="/opt/stack", abi="cp311"),
        "actor": ACTOR,
        "created": datetime(2024, 1, 1, tzinfo=UTC),
    }
    return Record.model_validate(told | fields)


def locked(pin: str, *requires: str) -> Locked:
    """Return a locked distribution from ``name==version`` and its requirements."""
    name, _, version = pin.partition("==")
    url = f"https://index.example/{name}-{version}.whl"
    return Locked(name=name, version=version, url=url, sha256="a" * 64, size=1000, requires=requires)


def make_stack(pins: Iterable[str] = (), requires: dict[str, tuple[str, ...]] | None = None, **fields: Any) -> Stack:
    """Return a stack of ``name==version`` distributions without an interpreter."""
    distributions = tuple(
        Distribution(name, version, "/opt/stack/site", requires=(requires or {}).get(name, ()))
        for name, _, version in (pin.partition("==") for pin in pins)
    )
    told: dict[str, Any] = {
        "kind": StackKind.PREFIX,
        "title": "Science",
        "executable": Path("/opt/stack/bin/python"),
        "base_executable": Path("/opt/stack/bin/python"),
        "prefix": Path("/opt/stack"),
        "implementation": "cpython",
        "version": "3.11.7",
        "abi": "cp311",
        "path": ("/opt/stack/site",),
        "site_packages": ("/opt/stack/site",),
        "distributions": distributions,
    }
    return Stack(**(told | fields))
