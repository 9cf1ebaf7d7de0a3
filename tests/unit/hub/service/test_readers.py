import asyncio
from collections.abc import AsyncIterator

import pytest
from strata_hub.service.readers import HubAccess, Readers
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

SCOPES: dict[str, object] = {
    "allowed": ["read:users", "access:services!service=strata"],
    "all-services": ["access:services"],
    "other-service": ["access:services!service=other", "access:servers"],
    "none": [],
    "not-a-list": "access:services",
    "a-map": {"access:services": True},
}


class Hub:
    """Answers as a hub's ``/user`` does."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.broken = False

    def application(self) -> Application:
        hub = self

        class User(RequestHandler):
            def get(self) -> None:
                token = self.request.headers["Authorization"].removeprefix("token ")
                hub.asked.append(token)
                if hub.broken:
                    self.set_status(500)
                elif token == "redirect":
                    self.redirect("/elsewhere")
                elif token == "garbage":
                    self.write("[" * 100)
                elif token not in SCOPES:
                    self.set_status(403)
                else:
                    self.write({"name": "someone", "scopes": SCOPES[token]})

        return Application([("/hub/api/user", User)])


@pytest.fixture
async def hub() -> AsyncIterator[tuple[Hub, Readers]]:
    hub = Hub()
    (socket,) = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(hub.application())
    server.add_socket(socket)
    readers = Readers("secret", HubAccess(f"http://127.0.0.1:{socket.getsockname()[1]}/hub/api", "api", "strata"))
    yield hub, readers
    await readers.close()
    server.stop()
    await server.close_all_connections()


@pytest.mark.parametrize(
    ("token", "allowed"),
    [
        ("allowed", True),
        ("all-services", True),
        ("other-service", False),
        ("none", False),
        ("not-a-list", False),
        ("a-map", False),
        ("unknown", False),
        ("redirect", False),
        ("garbage", False),
    ],
)
async def test_a_hub_token_needs_the_access_scope(hub: tuple[Hub, Readers], token: str, allowed: bool) -> None:
    assert await hub[1].allows(f"token {token}") is allowed


async def test_the_own_token_is_not_sent_to_the_hub(hub: tuple[Hub, Readers]) -> None:
    assert await hub[1].allows("Bearer secret")
    assert hub[0].asked == []


async def test_an_answer_is_remembered(hub: tuple[Hub, Readers]) -> None:
    for _ in range(5):
        assert await hub[1].allows("Bearer allowed")
        assert not await hub[1].allows("Bearer unknown")
    assert sorted(hub[0].asked) == ["allowed", "unknown"]


async def test_a_hub_that_fails_allows_nobody_and_is_asked_again(hub: tuple[Hub, Readers]) -> None:
    hub[0].broken = True
    assert not await hub[1].allows("Bearer allowed")
    hub[0].broken = False
    assert await hub[1].allows("Bearer allowed")


async def test_many_tokens_do_not_fill_the_memory(hub: tuple[Hub, Readers]) -> None:
    await asyncio.gather(*(hub[1].allows(f"Bearer t{number}") for number in range(600)))
    assert len(hub[1]._known) == 512


async def test_an_unreachable_hub_allows_nobody() -> None:
    readers = Readers("", HubAccess("http://127.0.0.1:1/hub/api", "api", "strata"))
    assert not await readers.allows("Bearer allowed")
    await readers.close()


async def test_an_empty_secret_matches_nothing() -> None:
    readers = Readers("", None)
    assert not await readers.allows("Bearer ")
    assert not await readers.allows("Bearer x")
