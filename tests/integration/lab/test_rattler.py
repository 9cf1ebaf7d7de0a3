"""Conda prefixes by py-rattler, from a channel of real packages."""

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from strata_lab.backends.base import Problem, Work
from strata_lab.backends.rattler import Rattler
from strata_lab.environments import Locked
from strata_lab.errors import BackendFailed, Refused, StrataError, Unsatisfiable
from strata_lab.guard import Policy
from strata_lab.stack import Stack
from support.channel import Channel

pytestmark = pytest.mark.slow


@pytest.fixture
def channel(tmp_path: Path) -> Channel:
    channel = Channel(tmp_path / "channel")
    channel.add("tinylib", "1.0", {"share/tinylib.txt": "one"}, python=False)
    channel.add("tinylib", "2.0", {"share/tinylib.txt": "two"}, python=False)
    channel.add("tinyapp", "1.0", {"share/tinyapp.txt": "app"}, depends=["tinylib >=2"], python=False)
    return channel.index()


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    folder = tmp_path / "prefix"
    folder.mkdir()
    return folder


def work_on(channel: Channel, tmp_path: Path) -> Work:
    # A conda environment asks nothing of the stack.
    stack = Stack.__new__(Stack)
    return Work(stack=stack, policy=Policy(), cache=tmp_path / "cache", channels=(channel.url,))


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
    work = work_on(channel, prefix.parent)
    packages = Rattler().resolve(Problem(requirements), work).packages
    Rattler().build(prefix, packages, work)
    return packages


def test_what_was_resolved_is_what_the_prefix_holds(channel: Channel, prefix: Path) -> None:
    packages = realised(channel, prefix, "tinyapp")
    assert [package.pin for package in packages] == ["tinyapp==1.0", "tinylib==2.0"]
    assert all(package.sha256 and package.url and package.build for package in packages)
    work = work_on(channel, prefix.parent)
    assert Rattler().installed(prefix, work) == packages
    assert Rattler().verify(prefix, packages, frozenset(), work).problems == ()
    assert (prefix / "share/tinylib.txt").read_text() == "two"


def test_others_can_read_the_records_of_a_prefix(channel: Channel, prefix: Path) -> None:
    realised(channel, prefix, "tinylib")
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in (prefix / "conda-meta").glob("*.json"))


def test_what_is_locked_stays_unless_it_shall_move(channel: Channel, prefix: Path) -> None:
    packages = realised(channel, prefix, "tinylib=1.0")
    work = work_on(channel, prefix.parent)
    kept = Rattler().resolve(Problem(("tinylib",), preferred=packages), work)
    moved = Rattler().resolve(Problem(("tinylib",), preferred=packages, upgrade=frozenset({"tinylib"})), work)
    assert [package.pin for package in kept.packages] == ["tinylib==1.0"]
    assert [package.pin for package in moved.packages] == ["tinylib==2.0"]


def test_a_conflict_is_told_in_the_solvers_words(channel: Channel, tmp_path: Path) -> None:
    with pytest.raises(Unsatisfiable, match=r"tinyapp 1\.0 would require"):
        Rattler().resolve(Problem(("tinyapp", "tinylib<2")), work_on(channel, tmp_path))


def test_a_package_that_is_nowhere_is_named(channel: Channel, tmp_path: Path) -> None:
    with pytest.raises(Unsatisfiable, match="nosuchpackage"):
        Rattler().resolve(Problem(("nosuchpackage",)), work_on(channel, tmp_path))


def test_a_package_that_was_replaced_on_the_channel_is_not_installed(channel: Channel, prefix: Path) -> None:
    work = work_on(channel, prefix.parent)
    packages = Rattler().resolve(Problem(("tinylib=2.0",)), work).packages
    channel.add("tinylib", "2.0", {"share/tinylib.txt": "another"}, python=False)
    channel.index()
    with pytest.raises(BackendFailed, match="no longer hold these packages as they were recorded: tinylib"):
        Rattler().build(prefix, packages, work)
    assert not (prefix / "share").exists()


def test_a_package_that_is_not_what_its_channel_says_is_not_installed(channel: Channel, prefix: Path) -> None:
    work = work_on(channel, prefix.parent)
    packages = Rattler().resolve(Problem(("tinylib=2.0",)), work).packages
    channel.add("tinylib", "2.0", {"share/tinylib.txt": "another"}, python=False)
    with pytest.raises(BackendFailed, match="is not the package that its channel describes"):
        Rattler().build(prefix, packages, work)
    assert not (prefix / "share").exists()


def test_the_same_over_http(channel: Channel, prefix: Path) -> None:
    with served(channel) as url:
        work = Work(stack=Stack.__new__(Stack), policy=Policy(), cache=prefix.parent / "cache", channels=(url,))
        packages = Rattler().resolve(Problem(("tinyapp",)), work).packages
        Rattler().build(prefix, packages, work)
        assert Rattler().verify(prefix, packages, frozenset(), work).problems == ()
        other = prefix.with_name("other")
        other.mkdir()
        packages = Rattler().resolve(Problem(("tinylib=1.0",)), work).packages
        channel.add("tinylib", "1.0", {"share/tinylib.txt": "another"}, python=False)
        with pytest.raises(BackendFailed):
            Rattler().build(other, packages, work)
        assert not (other / "share").exists()


def test_a_lock_without_hashes_is_refused(channel: Channel, prefix: Path) -> None:
    with pytest.raises(Refused, match="no recorded hash: tinylib"):
        Rattler().build(prefix, (Locked(name="tinylib", version="2.0"),), work_on(channel, prefix.parent))


def test_without_a_channel_nothing_is_asked(tmp_path: Path) -> None:
    work = Work(stack=Stack.__new__(Stack), policy=Policy(), cache=tmp_path / "cache")
    with pytest.raises(Refused, match="No conda channel is configured"):
        Rattler().resolve(Problem(("tinylib",)), work)


def test_a_channel_that_is_gone_is_told_in_a_sentence(channel: Channel, tmp_path: Path) -> None:
    work = work_on(Channel(tmp_path / "empty"), tmp_path)
    (tmp_path / "empty").rename(tmp_path / "gone")
    with pytest.raises(StrataError) as caught:
        Rattler().resolve(Problem(("tinylib",)), work)
    assert "Traceback" not in caught.value.sentence()


@pytest.mark.parametrize("target", ["../../outside", "/etc"])
def test_a_link_that_leads_out_of_the_prefix_is_found(channel: Channel, prefix: Path, target: str) -> None:
    channel.add("hostile", "1.0", {"share/x/y/z.txt": "z"}, links={"share/x/out": target + "/file"}, python=False)
    channel.index()
    work = work_on(channel, prefix.parent)
    packages = Rattler().resolve(Problem(("hostile",)), work).packages
    try:
        Rattler().build(prefix, packages, work)
    except BackendFailed:
        return
    found = Rattler().verify(prefix, packages, frozenset(), work).problems
    leads_out = not (prefix / "share/x/out").resolve().is_relative_to(prefix.resolve())
    assert bool(found) == leads_out
    assert leads_out == target.startswith("/")
