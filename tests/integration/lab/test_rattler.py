"""Conda prefixes by py-rattler, from channels of real packages, honest and hostile."""

import functools
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from strata_lab.backends.base import Problem, Work
from strata_lab.backends.rattler import Rattler
from strata_lab.environments import Locked
from strata_lab.errors import BackendFailed, Cancelled, InvalidInput, Refused, StrataError, Unsatisfiable
from strata_lab.guard import Policy
from strata_lab.progress import Amount, Progress
from strata_lab.stack import Stack
from support.channel import Channel, Package, module

SITE = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"


def text(name: str, version: str, content: str, *depends: str) -> Package:
    return Package(name, version, depends, {f"share/{name}.txt": content.encode()}, noarch="generic")


@pytest.fixture
def channel(tmp_path: Path) -> Channel:
    channel = Channel(tmp_path / "channel")
    channel.add(
        text("tinylib", "1.0", "one"), text("tinylib", "2.0", "two"), text("tinyapp", "1.0", "app", "tinylib >=2")
    )
    return channel


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    folder = tmp_path / "generations/prefix"
    folder.mkdir(parents=True)
    return folder


def work_on(channel: Channel, tmp_path: Path, *channels: str, **more: Any) -> Work:
    policy = Policy(allow_link_scripts=more.pop("allow_link_scripts", False))
    # A conda environment asks nothing of the stack.
    stack = Stack.__new__(Stack)
    return Work(stack, policy, tmp_path / "cache", channels=channels or (channel.url,), **more)


@contextmanager
def served(channel: Channel) -> Iterator[str]:
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(channel.folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def realised(channel: Channel, prefix: Path, *requirements: str) -> tuple[Locked, ...]:
    work = work_on(channel, prefix.parents[1])
    packages = Rattler().resolve(Problem(requirements), work).packages
    Rattler().build(prefix, packages, work)
    return packages


def inventory(folder: Path) -> dict[str, bytes | str]:
    """Return every file and link below a folder, with its content."""
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        where = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[where] = str(path.readlink())
        elif path.is_file():
            found[where] = path.read_bytes()
    return found


def test_what_was_resolved_is_what_the_prefix_holds(channel: Channel, prefix: Path) -> None:
    packages = realised(channel, prefix, "tinyapp")
    assert [package.pin for package in packages] == ["tinyapp==1.0", "tinylib==2.0"]
    assert all(package.sha256 and package.url and package.build for package in packages)
    work = work_on(channel, prefix.parents[1])
    assert Rattler().installed(prefix, work) == packages
    assert Rattler().verify(prefix, packages, frozenset(), work).problems == ()
    assert (prefix / "share/tinylib.txt").read_text() == "two"


def test_a_prefix_shares_no_inode_with_the_cache(channel: Channel, prefix: Path) -> None:
    realised(channel, prefix, "tinyapp")
    assert all(path.stat().st_nlink == 1 for path in prefix.rglob("*") if path.is_file() and not path.is_symlink())


def test_a_second_prefix_comes_from_the_cache_when_the_channel_is_gone(channel: Channel, prefix: Path) -> None:
    packages = realised(channel, prefix, "tinyapp")
    channel.folder.rename(channel.folder.with_name("gone"))
    second = prefix.with_name("second")
    second.mkdir()
    work = work_on(channel, prefix.parents[1])
    Rattler().build(second, packages, work)
    assert inventory(second) == inventory(prefix)
    assert Rattler().installed(second, work) == packages


def test_others_can_read_the_records_of_a_prefix(channel: Channel, prefix: Path) -> None:
    realised(channel, prefix, "tinylib")
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in (prefix / "conda-meta").glob("*.json"))


def test_what_is_locked_stays_unless_it_shall_move(channel: Channel, prefix: Path) -> None:
    packages = realised(channel, prefix, "tinylib=1.0")
    work = work_on(channel, prefix.parents[1])
    kept = Rattler().resolve(Problem(("tinylib",), preferred=packages), work)
    moved = Rattler().resolve(Problem(("tinylib",), preferred=packages, upgrade=frozenset({"tinylib"})), work)
    assert [package.pin for package in kept.packages] == ["tinylib==1.0"]
    assert [package.pin for package in moved.packages] == ["tinylib==2.0"]


def test_what_is_locked_stays_also_when_the_channel_has_dropped_it(channel: Channel, prefix: Path) -> None:
    packages = realised(channel, prefix, "tinylib=1.0")
    newer = Channel(prefix.parents[1] / "newer")
    newer.add(text("tinylib", "2.0", "two"), text("other", "1.0", "x", "tinylib <2"))
    moved = tuple(item.model_copy(update={"url": str(item.url).replace("/channel/", "/newer/")}) for item in packages)
    found = Rattler().resolve(Problem(("tinylib", "other"), preferred=moved), work_on(newer, prefix.parents[1]))
    assert [package.pin for package in found.packages] == ["other==1.0", "tinylib==1.0"]


def test_progress_is_told_in_bytes(channel: Channel, prefix: Path) -> None:
    told: list[Progress] = []
    work = work_on(channel, prefix.parents[1], report=told.append)
    packages = Rattler().resolve(Problem(("tinyapp",)), work).packages
    Rattler().build(prefix, packages, work)
    amounts = [event for event in told if isinstance(event, Amount)]
    assert amounts[-1].done == amounts[-1].total == sum(package.size or 0 for package in packages)


def test_a_cancelled_build_leaves_no_child_behind(channel: Channel, prefix: Path) -> None:
    work = work_on(channel, prefix.parents[1])
    packages = Rattler().resolve(Problem(("tinyapp",)), work).packages
    with pytest.raises(Cancelled):
        Rattler().build(prefix, packages, replace(work, cancelled=lambda: True))
    marks = [process / "cmdline" for process in Path("/proc").iterdir() if process.name.isdecimal()]
    running = [mark for mark in marks if str(prefix.parents[1]).encode() in _read(mark)]
    assert running == []


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it ended meanwhile
        return b""


def test_a_conflict_is_told_in_the_solvers_words(channel: Channel, tmp_path: Path) -> None:
    with pytest.raises(Unsatisfiable, match=r"tinyapp 1\.0 would require"):
        Rattler().resolve(Problem(("tinyapp", "tinylib<2")), work_on(channel, tmp_path))


def test_a_package_that_is_nowhere_is_named(channel: Channel, tmp_path: Path) -> None:
    with pytest.raises(Unsatisfiable, match="nosuchpackage"):
        Rattler().resolve(Problem(("nosuchpackage",)), work_on(channel, tmp_path))


def test_a_package_that_was_replaced_on_the_channel_is_not_installed(channel: Channel, prefix: Path) -> None:
    work = work_on(channel, prefix.parents[1])
    packages = Rattler().resolve(Problem(("tinylib=2.0",)), work).packages
    (channel.folder / "noarch/tinylib-2.0-0.conda").unlink()
    channel.add(text("tinylib", "2.0", "another"))
    with pytest.raises(Refused, match="SHA-256 differs"):
        Rattler().build(prefix, packages, work)
    assert not (prefix / "share").exists()


def test_the_same_over_http(channel: Channel, prefix: Path) -> None:
    with served(channel) as url:
        work = work_on(channel, prefix.parents[1], url)
        packages = Rattler().resolve(Problem(("tinyapp",)), work).packages
        Rattler().build(prefix, packages, work)
        assert Rattler().verify(prefix, packages, frozenset(), work).problems == ()
        other = prefix.with_name("other")
        other.mkdir()
        packages = Rattler().resolve(Problem(("tinylib=1.0",)), work).packages
        (channel.folder / "noarch/tinylib-1.0-0.conda").unlink()
        channel.add(text("tinylib", "1.0", "another"))
        with pytest.raises(Refused, match="SHA-256 differs"):
            Rattler().build(other, packages, work)
        assert not (other / "share").exists()


def test_a_lock_without_hashes_is_refused(channel: Channel, prefix: Path) -> None:
    with pytest.raises(Refused, match="no recorded hash: tinylib"):
        Rattler().build(prefix, (Locked(name="tinylib", version="2.0"),), work_on(channel, prefix.parents[1]))


def test_without_a_channel_nothing_is_asked(channel: Channel, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="No conda channel is configured"):
        Rattler().resolve(Problem(("tinylib",)), replace(work_on(channel, tmp_path), channels=()))


def test_a_channel_that_is_gone_is_told_in_a_sentence(channel: Channel, tmp_path: Path) -> None:
    channel.folder.rename(tmp_path / "gone")
    with pytest.raises(StrataError) as caught:
        Rattler().resolve(Problem(("tinylib",)), work_on(channel, tmp_path))
    assert "Traceback" not in caught.value.sentence()


@pytest.mark.parametrize(
    "spec", ["other::tinylib", "tinylib[url=http://x]", "https://x/t.conda", "../tinylib", "--help", "a b c d"]
)
def test_a_specification_that_is_more_than_a_name_and_a_version_is_refused(
    channel: Channel, tmp_path: Path, spec: str
) -> None:
    with pytest.raises((Refused, InvalidInput)):
        Rattler().resolve(Problem((spec,)), work_on(channel, tmp_path))


def hostile(**more: Any) -> Package:
    return Package("evil", "1.0", **{"files": {"share/evil": b"1"}} | more)


HOSTILE: Mapping[str, tuple[Package, dict[str, Any]]] = {
    "command above": (module("evil", "1.0", entry_points=("../../x = evil:main",)), {}),
    "command absolute": (module("evil", "1.0", entry_points=("/tmp/x = evil:main",)), {}),
    "command with a folder": (module("evil", "1.0", entry_points=("a/b = evil:main",)), {}),
    "path above": (hostile(files={"../../escaped": b"1"}), {}),
    "path of another package in the cache": (
        hostile(paths=({"_path": "../tinylib-2.0-0/share/tinylib.txt", "path_type": "hardlink"},)),
        {},
    ),
    "path absolute": (hostile(paths=({"_path": "/tmp/strata-escaped", "path_type": "hardlink"},)), {}),
    "path above site-packages": (module("evil", "1.0", files={"site-packages/../../../escaped": b"1"}), {}),
    "link absolute": (hostile(links={"share/out": "/etc"}), {}),
    "link above": (hostile(links={"share/out": "../../x"}), {}),
    "link that climbs after it descends": (hostile(links={"share/out": "a/../../../x"}), {}),
    "link and a file through it": (hostile(links={"data": "share"}, files={"data/evil": b"1", "share/x": b"1"}), {}),
    "build of a path": (hostile(), {"build": "../../../escaped"}),
    "subdir of a path": (hostile(), {"subdir": "../../noarch"}),
    "hash of another file": (hostile(), {"sha256": "0" * 64}),
    "no hash": (hostile(), {"sha256": None}),
    "archive of another package": (hostile(index={"name": "tinylib"}), {"name": "evil"}),
    "file of another package": (
        Package("evil", "1.0", ("tinylib",), {f"{SITE}/tinylib/__init__.py": b"1"}),
        {},
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_package_is_refused_and_touches_nothing(channel: Channel, prefix: Path, case: str) -> None:
    package, record = HOSTILE[case]
    if case == "file of another package":
        channel.add(Package("tinylib", "2.5", files={f"{SITE}/tinylib/__init__.py": b"honest"}))
    channel.add(package, record=record)
    above = prefix.parents[1]
    if "cache" in case:
        realised(channel, prefix.with_name("first"), "tinylib=2.0")
    before = {path: content for path, content in inventory(above).items() if not path.startswith("cache/")}
    with pytest.raises((Refused, BackendFailed, Unsatisfiable)) as caught:
        realised(channel, prefix, "evil")
    assert "Traceback" not in caught.value.sentence()
    after = {path: content for path, content in inventory(above).items() if not path.startswith("cache/")}
    assert after == before


def test_a_link_of_one_package_is_not_written_through_by_another(channel: Channel, prefix: Path) -> None:
    channel.add(hostile(links={"data": "share"}), Package("second", "1.0", ("evil",), {"data/second": b"1"}))
    with pytest.raises(Refused, match="through the link data of evil"):
        realised(channel, prefix, "second")
    assert inventory(prefix) == {}


def test_link_scripts_are_not_run_and_that_is_told(channel: Channel, prefix: Path) -> None:
    script = b"#!/bin/sh\ntouch $PREFIX/../ran\n"
    channel.add(hostile(files={"bin/.evil-post-link.sh": script}))
    packages = realised(channel, prefix, "evil")
    assert not (prefix.parent / "ran").exists()
    proof = Rattler().verify(prefix, packages, frozenset(), work_on(channel, prefix.parents[1]))
    assert any(".evil-post-link.sh" in note for note in proof.notes)


def test_an_admin_can_let_link_scripts_run(channel: Channel, prefix: Path) -> None:
    channel.add(hostile(files={"bin/.evil-post-link.sh": b"#!/bin/sh\ntouch $PREFIX/../ran\n"}))
    work = work_on(channel, prefix.parents[1], allow_link_scripts=True)
    Rattler().build(prefix, Rattler().resolve(Problem(("evil",)), work).packages, work)
    assert (prefix.parent / "ran").exists()


@pytest.mark.parametrize("plant", ["home", "environment"])
def test_planted_conda_configuration_is_ignored(
    channel: Channel, prefix: Path, plant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Channel(prefix.parents[1] / "other")
    other.add(text("tinylib", "99.0", "planted"))
    if plant == "home":
        home = prefix.parents[1] / "home"
        (home / ".rattler").mkdir(parents=True)
        (home / ".condarc").write_text(f"channels: [{other.url}]\ndefault_channels: [{other.url}]\n")
        (home / ".rattler/config.toml").write_text(f'default-channels = ["{other.url}"]\n')
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.chdir(home)
    else:
        for name in ("CONDA_CHANNELS", "RATTLER_DEFAULT_CHANNELS", "CONDA_DEFAULT_CHANNELS"):
            monkeypatch.setenv(name, other.url)
    found = Rattler().resolve(Problem(("tinylib",)), work_on(channel, prefix.parents[1]))
    assert [package.pin for package in found.packages] == ["tinylib==2.0"]


def test_the_first_channel_that_has_a_package_is_the_only_one_for_it(channel: Channel, tmp_path: Path) -> None:
    """Dependency confusion: a later channel's higher version never wins."""
    public = Channel(tmp_path / "public")
    public.add(text("tinylib", "99.0", "public"))
    work = work_on(channel, tmp_path, channel.url, public.url)
    assert [package.pin for package in Rattler().resolve(Problem(("tinylib",)), work).packages] == ["tinylib==2.0"]
