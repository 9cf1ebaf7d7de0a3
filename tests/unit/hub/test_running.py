import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from strata_hub.errors import HubUnavailable
from strata_hub.running import digests_from_hub, digests_in_file
from support.stores import digest_of
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

A, B = digest_of("a"), digest_of("b")


def server(image: object) -> dict[str, Any]:
    return {"name": "", "ready": True, "user_options": {"image": image, "size": "small"}}


class Hub:
    """Answers as a hub's ``/users`` does, one user a page."""

    def __init__(self) -> None:
        self.users: list[Any] = []
        self.status = 200
        self.seen: list[str] = []
        self.url = ""

    def application(self) -> Application:
        hub = self

        class Users(RequestHandler):
            def get(self) -> None:
                hub.seen.append(self.request.headers["Authorization"])
                offset = int(self.get_query_argument("offset"))
                following = None
                if offset + 1 < len(hub.users):
                    following = {"offset": offset + 1, "limit": 1, "url": f"{hub.url}/users?offset={offset + 1}"}
                self.set_status(hub.status)
                page = {"items": hub.users[offset : offset + 1], "_pagination": {"next": following}}
                self.write(json.dumps(page))

        return Application([("/hub/api/users", Users)])


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    made = Hub()
    (socket,) = bind_sockets(0, "127.0.0.1")
    listening = HTTPServer(made.application())
    listening.add_socket(socket)
    made.url = f"http://127.0.0.1:{socket.getsockname()[1]}/hub/api"
    yield made
    listening.stop()
    await listening.close_all_connections()


async def test_every_page_and_every_server_counts(hub: Hub) -> None:
    hub.users = [
        {"name": "alice", "servers": {"": server(f"r.io/lab:w@{A}"), "second": server(f"r.io/lab:x@{B}")}},
        {"name": "bob", "servers": {}},
        {"name": "carol", "servers": {"": server(f"r.io/lab@{A}")}},
    ]
    assert await digests_from_hub(hub.url, "token") == {A, B}
    assert hub.seen == ["token token"] * 3


@pytest.mark.parametrize("image", [None, "recommended", "lab/w_2026_20", 7, f"{A} {B}", f"r.io/lab@{A}0"])
async def test_an_image_without_its_digest_means_that_nothing_is_known(hub: Hub, image: object) -> None:
    hub.users = [{"name": "alice", "servers": {"": server(image)}}]
    with pytest.raises(HubUnavailable, match="'alice' runs an image"):
        await digests_from_hub(hub.url, "token")


@pytest.mark.parametrize("user", [{"name": "alice"}, {"name": "alice", "servers": None}, "alice"])
async def test_a_token_that_does_not_see_servers_means_that_nothing_is_known(hub: Hub, user: object) -> None:
    hub.users = [user]
    with pytest.raises(HubUnavailable, match="does not tell"):
        await digests_from_hub(hub.url, "token")


async def test_a_refusal_and_an_absence_are_sentences(hub: Hub) -> None:
    hub.status = 403
    with pytest.raises(HubUnavailable, match="answered 403"):
        await digests_from_hub(hub.url, "token")
    with pytest.raises(HubUnavailable, match="cannot be asked"):
        await digests_from_hub("http://127.0.0.1:1/hub/api", "token")


def test_digests_are_found_in_any_text(tmp_path: Path) -> None:
    path = tmp_path / "pods.json"
    path.write_text(
        json.dumps({"items": [{"image": f"r.io/lab:w@{A}"}, {"imageID": f"docker-pullable://r.io/lab@{B}"}]})
    )
    assert digests_in_file(path) == {A, B}


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(HubUnavailable, match="cannot be read"):
        digests_in_file(tmp_path / "none")
