import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from strata_hub.errors import ConfigurationError, StateUnavailable
from strata_hub.follower import Follower, shared
from strata_hub.menu import User
from strata_hub.state_source import FileSource, ServiceSource, source_for
from support.menu_states import NOW, science, state

TOKEN = "secret"


class Service(BaseHTTPRequestHandler):
    body = b""
    seen: list[int]
    status = 200

    def do_GET(self) -> None:
        authorised = self.headers["Authorization"] == f"token {TOKEN}"
        etag = f'"{len(type(self).body)}"'
        status = self.status if authorised else 403
        if status == 200 and self.headers["If-None-Match"] == etag:
            status = 304
        self.seen.append(status)
        self.send_response(status)
        self.send_header("ETag", etag)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(self.body) if status == 200 else 0))
        self.end_headers()
        if status == 200:
            self.wfile.write(self.body)

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def service(body: bytes, status: int = 200) -> Iterator[tuple[str, type[Service]]]:
    handler = type("Handler", (Service,), {"body": body, "status": status, "seen": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/services/strata/state", handler
        finally:
            server.shutdown()
            thread.join()


@asynccontextmanager
async def polled(follower: Follower) -> AsyncIterator[Follower]:
    await follower.poll()
    yield follower


async def test_the_state_of_a_service_is_followed_and_read_again_only_when_it_changed() -> None:
    with service(state().dump()) as (url, handler):
        async with polled(Follower(ServiceSource(url, TOKEN), None)) as follower:
            assert follower.current is not None
            assert follower.current.state.deployment == "base"
            first = follower.current
            await follower.poll()
            assert follower.current is first
            handler.body = state(science()).dump()
            await follower.poll()
            assert len(follower.current.state.payloads) == 1
        assert handler.seen == [200, 304, 200]


async def test_a_service_that_went_away_leaves_the_last_good_state(tmp_path: Path) -> None:
    cache = tmp_path / "kept" / "state.json"
    with service(state().dump()) as (url, _):
        follower = Follower(ServiceSource(url, TOKEN), cache)
        await follower.poll()
    await follower.poll()
    assert follower.current is not None
    assert "cannot be read" in follower.problem
    after_restart = Follower(ServiceSource(url, TOKEN), cache)
    assert after_restart.current is not None
    assert after_restart.current.state == follower.current.state


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 200),
        (b"[]", 200),
        (b"\xff\xfe", 200),
        (b'{"contract": 2}', 200),
        (state().dump(), 500),
        (state().dump(), 302),
        (state().dump(), 404),
    ],
)
async def test_what_is_no_state_is_not_taken(body: bytes, status: int) -> None:
    with service(state().dump()) as (url, handler):
        async with polled(Follower(ServiceSource(url, TOKEN), None)) as follower:
            good = follower.current
            handler.body, handler.status = body, status
            await follower.poll()
            assert follower.current is good
            assert follower.problem


async def test_a_wrong_token_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with service(state().dump()) as (url, _):
        async with polled(Follower(ServiceSource(url, "wrong"), None)) as follower:
            assert follower.current is None
            assert "403" in follower.problem
    assert "wrong" not in caplog.text


async def test_the_state_of_another_deployment_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(state().dump())
    async with polled(Follower(FileSource(path), None, deployment="summit")) as follower:
        assert follower.current is None
        assert "belongs to the deployment base" in follower.problem


async def test_a_file_is_there_for_the_first_form_and_followed_when_it_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(state().dump())
    follower = Follower(FileSource(path), None)
    assert follower.current is not None
    new = tmp_path / "new.json"
    new.write_bytes(state(science()).dump())
    new.replace(path)
    await follower.poll()
    assert len(follower.current.state.payloads) == 1
    path.unlink()
    await follower.poll()
    assert len(follower.current.state.payloads) == 1


async def test_a_copy_that_was_damaged_is_as_good_as_none(tmp_path: Path) -> None:
    cache = tmp_path / "state.json"
    cache.write_bytes(state().dump()[:-40])
    assert Follower(FileSource(tmp_path / "none"), cache).current is None


async def test_a_copy_that_cannot_be_kept_costs_a_warning_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(b"")
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    follower = Follower(FileSource(path), in_the_way / "state.json")
    path.write_bytes(state().dump())
    await follower.poll()
    assert follower.current is not None
    assert "cannot be kept" in caplog.text


async def test_no_half_written_copy_is_left(tmp_path: Path) -> None:
    path, cache = tmp_path / "state.json", tmp_path / "kept" / "state.json"
    path.write_bytes(b"")
    follower = Follower(FileSource(path), cache)
    path.write_bytes(state().dump())
    await follower.poll()
    assert [found.name for found in cache.parent.iterdir()] == ["state.json"]


async def test_one_follower_serves_a_hub_and_polls_until_it_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    settings = {"deployment": "", "interval": 0.01, "log": None}
    one, other = (shared(f"file://{path}", "", "", **settings) for _ in range(2))  # type: ignore[arg-type]
    assert one is other
    await one.settled()
    assert one.current is None
    path.write_bytes(state().dump())
    async with asyncio.timeout(60):
        while True:
            if one.current is not None:
                break
            await asyncio.sleep(0.01)
    await one.stop()


async def test_a_form_waits_for_the_first_poll_of_a_hub_and_for_no_other(tmp_path: Path) -> None:
    class Slow:
        async def read(self, etag: str) -> None:
            await asyncio.sleep(0)
            raise StateUnavailable("Not yet.")

    follower = Follower(Slow(), None, interval=3600)
    follower.start()
    await follower.settled()
    assert follower.problem == "Not yet."
    await follower.settled()
    await follower.stop()


async def test_users_with_the_same_groups_share_a_menu(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(state().dump())
    followed = Follower(FileSource(path), None).current
    assert followed is not None
    menu = followed.menu(User("a", frozenset({"x"})), NOW)
    assert followed.menu(User("b", frozenset({"y"})), NOW) is menu
    assert followed.menu(User("c", frozenset({"gpu"})), NOW) is not menu
    assert followed.menu(User("d", admin=True), NOW) is not menu


@pytest.mark.parametrize("url", ["", "state.json", "/state.json", "file://host/x", "ftp://h/x", "http:///x", "file:x"])
def test_a_url_that_names_no_state_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="state_url"):
        source_for(url)
