"""Whatever path options take to a start, nothing outside the menu starts, and no refusal counts as a failure."""

from collections.abc import Callable, Iterator
from html import unescape

import httpx
import pytest
from support.hostile import HOSTILE
from support.hub import ADMIN, Hub

TEXTS = [value for value in HOSTILE if isinstance(value, str)]
FEW: list[object] = [*TEXTS[::8], ["w_2026_22"], {"image": {"image": {}}}]
WORDS = ("not among those", "is not", "option", "means", "no image", "examined", "There is")
SIZES = ["large", "Medium", "medium\n", 5, ["medium"], "x" * 1000]


@pytest.fixture(autouse=True, scope="module")
def nothing_starts(hub: Hub) -> Iterator[None]:
    for name in ("alice", "dave", "carol"):
        hub.api("POST", f"users/{name}")
    before = labs(hub)
    yield
    for user in hub.api("GET", "users").json():
        for server in user.get("servers", {}).values():
            assert not server["ready"], f"{user['name']} has a running server: {server}"
            assert not server["pending"]
    assert labs(hub) == before, "a process was started"
    assert hub.process.poll() is None
    assert not hub.failures(), "a refusal was counted as a failure"


def labs(hub: Hub) -> dict[str, int]:
    """Return when each lab's log was begun or written."""
    return {path.name: path.stat().st_mtime_ns for path in (hub.folder / "labs").glob("*")}


def refused(answer: httpx.Response) -> None:
    """Check that `answer` says no, in a sentence, without a traceback."""
    assert answer.status_code in (400, 403), answer.text
    text = answer.json()["message"] if "json" in answer.headers["content-type"] else unescape(answer.text)
    assert "Traceback" not in text
    assert any(
        word in text for word in ("not among those", "is not", "option", "means", "no image", "examined", "There is")
    )


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:40])
def test_a_rest_start_is_refused(hub: Hub, value: object) -> None:
    refused(hub.api("POST", "users/alice/server", {"user_options": {"image": value}}))


@pytest.mark.parametrize("options", [{"size": size} for size in SIZES], ids=repr)
def test_a_size_outside_the_menu_is_refused(hub: Hub, options: dict[str, object]) -> None:
    refused(hub.api("POST", "users/alice/server", {"user_options": options}))


@pytest.mark.parametrize(
    "options",
    [
        {"profile": "x"},
        {"image": "w_2026_22", "kubespawner_override": {"image": "evil"}},
        {"image": "w_2026_22", "environment": {"PATH": "/evil"}},
        {"cmd": ["sh"]},
        {"safe_mode": "yes"},
        {"debug": {"a": 1}},
        {"remember": "for ever"},
    ],
    ids=repr,
)
def test_options_that_no_form_has_are_refused(hub: Hub, options: dict[str, object]) -> None:
    refused(hub.api("POST", "users/alice/server", {"user_options": options}))
    refused(hub.api("POST", "users/alice/server", options))


@pytest.fixture(scope="module")
def alice(hub: Hub) -> httpx.Client:
    return hub.login("alice")


@pytest.fixture(scope="module")
def admin(hub: Hub) -> httpx.Client:
    return hub.login(ADMIN)


def post(client: httpx.Client, path: str, fields: dict[str, object]) -> httpx.Response:
    return client.post(path, params={"_xsrf": client.cookies["_xsrf"]}, data=fields)


@pytest.mark.parametrize("value", TEXTS[::3], ids=lambda v: repr(v)[:40])
def test_a_submitted_form_is_refused_and_shown_again_with_the_reason(alice: httpx.Client, value: str) -> None:
    answer = post(alice, "/spawn", {"image": value})
    refused(answer)
    assert "spawn-error-msg" in answer.text
    assert 'id="strata"' in answer.text


@pytest.mark.parametrize(
    "fields", [{"image": ["w_2026_22", "evil"]}, {"image": "x", "typed": "y"}, {"cmd": "sh"}], ids=repr
)
def test_a_form_with_fields_that_are_not_its_own_is_refused(alice: httpx.Client, fields: dict[str, object]) -> None:
    assert post(alice, "/spawn", fields).status_code == 400


@pytest.mark.parametrize("value", TEXTS[1::4], ids=lambda v: repr(v)[:40])
def test_a_link_is_refused(alice: httpx.Client, value: str) -> None:
    refused(alice.get("/spawn", params={"opt-image": value}))
    refused(alice.get("/spawn", params={"image": value}))


def by_post(hub: Hub, server: str, options: dict[str, object]) -> httpx.Response:
    return hub.api("POST", f"users/dave/servers/{server}", {"user_options": options})


def by_put(hub: Hub, server: str, options: dict[str, object]) -> httpx.Response:
    created = hub.api("PUT", f"users/dave/servers/{server}", {"user_options": options})
    assert created.status_code in (201, 409)
    return by_patch(hub, server, options)


def by_patch(hub: Hub, server: str, options: dict[str, object]) -> httpx.Response:
    hub.api("PUT", f"users/dave/servers/{server}")
    assert hub.api("PATCH", f"users/dave/servers/{server}", {"user_options": options}).is_success
    return hub.api("POST", f"users/dave/servers/{server}")


def by_restart(hub: Hub, _server: str, options: dict[str, object]) -> httpx.Response:
    refused(hub.api("POST", "users/dave/server", {"user_options": options}))
    return hub.api("POST", "users/dave/server")


@pytest.mark.parametrize("value", FEW, ids=lambda value: repr(value)[:40])
@pytest.mark.parametrize("way", [by_post, by_put, by_patch, by_restart])
def test_stored_options_and_named_servers_are_refused(
    hub: Hub, way: Callable[[Hub, str, dict[str, object]], httpx.Response], value: object
) -> None:
    refused(way(hub, way.__name__.replace("_", "-"), {"image": value}))


@pytest.mark.parametrize("value", ["science/exp_w_2026_20_gpu", *FEW[:3]], ids=repr)
def test_an_admin_cannot_start_for_a_user_what_the_user_may_not(hub: Hub, admin: httpx.Client, value: str) -> None:
    refused(post(admin, "/spawn/alice", {"image": value}))
    refused(post(admin, "/spawn/alice", {"image": "w_2026_22", "size": "large"}))
    answer = admin.post(
        "/api/users/alice/server",
        json={"user_options": {"image": value}},
        headers={"X-XSRFToken": admin.cookies["_xsrf"]},
    )
    refused(answer)


def test_a_post_without_the_token_of_the_form_starts_nothing(alice: httpx.Client) -> None:
    assert alice.post("/spawn", data={"image": "w_2026_22"}).status_code == 403


def test_another_user_s_form_and_images_are_closed(alice: httpx.Client, hub: Hub) -> None:
    for path in ("/spawn/carol", "/strata/images/carol", "/strata/images/nobody"):
        assert alice.get(path).status_code == 404


def test_nobody_searches_without_a_login(hub: Hub, alice: httpx.Client) -> None:
    alice.get("/spawn").raise_for_status()
    assert "w_2026_20" in alice.get("/strata/images/alice", params={"q": "w_2026_20"}).text
    answer = hub.client().get("/strata/images/alice", params={"q": "w"})
    assert answer.status_code == 302
    assert "/hub/login" in answer.headers["location"]
