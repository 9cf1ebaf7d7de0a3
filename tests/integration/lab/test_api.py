"""Every route of a real server: who may ask, what may be asked, and how errors are told."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from strata_lab.api.routes import ROUTES, Route
from support.denial import DENY
from support.lab import Lab, prefix_stack
from support.lab_server import LabServer, lab_environment, lab_server
from support.waiting import eventually

# What each route is called with, and what a caller with every right is answered. A route without a row fails.
QUERIES = {"GET /environments/{name}/why": {"package": "x"}, "GET /environments/{name}/export": {"form": "pylock"}}
BODIES: dict[str, object] = {
    "POST /jobs": {"change": {"action": "undo"}},
    "POST /plans": {"change": {"action": "undo", "environment": "no-such-environment"}},
}
ALLOWED = {
    "GET /openapi.json": 200,
    "GET /environments": 200,
    "GET /environments/{name}": 404,
    "GET /environments/{name}/history": 404,
    "GET /environments/{name}/why": 404,
    "GET /environments/{name}/export": 404,
    "GET /environments/{name}/advice": 404,
    "GET /bin": 200,
    "GET /stack": 200,
    "GET /doctor": 200,
    "POST /doctor/findings/{finding}": 404,
    "DELETE /doctor/asides/{aside}": 404,
    "POST /sweep": 200,
    "POST /plans": 404,
    "GET /jobs": 200,
    "POST /jobs": 400,
    "GET /jobs/{job}": 404,
    "DELETE /jobs/{job}": 404,
    "GET /jobs/{job}/events": 404,
}
WITH_BODY = [route for route in ROUTES if f"{route.method} {route.path}" in BODIES]
PARAMETERS = {
    "job": "no-such-job",
    "name": "no-such-environment",
    "finding": "nothing-0",
    "aside": "20260101T000000-00000000",
}
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    folder = tmp_path_factory.mktemp("api")
    lab = Lab(folder / "home", folder / "cache", prefix_stack())
    with lab_server(folder, environ=lab_environment(lab, folder)) as running:
        yield running


def _path(route: Route) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: PARAMETERS[found[1]], route.path)


def _send(client: httpx.Client, route: Route, method: str | None = None, **options: Any) -> httpx.Response:
    method = method or route.method
    body = BODIES.get(f"{route.method} {route.path}")
    options["params"] = {**QUERIES.get(f"{route.method} {route.path}", {}), **options.pop("params", {})}
    content = json.dumps(body) if method in {"POST", "PUT", "PATCH"} and body is not None else None
    return client.request(method, _path(route), content=content, **options)


def _check_error(answer: httpx.Response) -> None:
    assert set(answer.json()) == {"code", "message", "hint"}
    assert "Traceback" not in answer.text


def test_each_route_has_a_row_here() -> None:
    assert set(ALLOWED) == {f"{route.method} {route.path}" for route in ROUTES}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
class TestEachRoute:
    @pytest.mark.parametrize("header", [None, "token wrong", "token x", "Basic Og==", "Bearer wrong"])
    def test_a_stranger_is_refused(self, server: LabServer, route: Route, header: str | None) -> None:
        with httpx.Client(base_url=f"{server.url}strata/api", trust_env=False, verify=False, timeout=60) as client:
            answer = _send(client, route, headers={"Authorization": header} if header else {})
        assert answer.status_code == 403
        _check_error(answer)

    def test_the_token_is_let_in(self, server: LabServer, route: Route) -> None:
        with server.client() as client:
            answer = _send(client, route)
        assert answer.status_code == ALLOWED[f"{route.method} {route.path}"]
        assert answer.headers["Content-Type"].startswith("application/json")
        if answer.is_error:
            _check_error(answer)

    def test_the_authoriser_is_asked_with_the_right_action(self, server: LabServer, route: Route) -> None:
        other = {"read": "write", "write": "read"}[route.action]
        with server.client() as client:
            denied = _send(client, route, headers={DENY: route.action})
            let_in = _send(client, route, headers={DENY: other})
        assert denied.status_code == 403
        _check_error(denied)
        assert let_in.status_code == ALLOWED[f"{route.method} {route.path}"]

    def test_a_method_that_the_path_does_not_have_is_refused(self, server: LabServer, route: Route) -> None:
        known = {other.method for other in ROUTES if other.path == route.path}
        with server.client() as client:
            for method in sorted(METHODS - known):
                answer = _send(client, route, method)
                assert answer.status_code == 405, method

    def test_a_page_of_another_origin_cannot_use_the_users_cookie(self, server: LabServer, route: Route) -> None:
        with httpx.Client(base_url=f"{server.url}strata/api", trust_env=False, verify=False, timeout=60) as client:
            client.get(f"{server.url}?token={server.token}", follow_redirects=True).raise_for_status()
            assert client.cookies
            for origin in ("http://evil.example", "null"):
                answer = _send(client, route, headers={"Origin": origin})
                assert answer.status_code in {403, 404}
                assert "Access-Control-Allow-Origin" not in answer.headers
                assert "code" in answer.json()

    def test_a_cookie_without_the_xsrf_token_changes_nothing(self, server: LabServer, route: Route) -> None:
        with httpx.Client(base_url=f"{server.url}strata/api", trust_env=False, verify=False, timeout=60) as client:
            client.get(f"{server.url}?token={server.token}", follow_redirects=True).raise_for_status()
            answer = _send(client, route)
            expected = 403 if route.method != "GET" else ALLOWED[f"{route.method} {route.path}"]
            assert answer.status_code == expected
            xsrf = client.cookies["_xsrf"]
            assert (
                _send(client, route, headers={"X-XSRFToken": xsrf}).status_code
                == (ALLOWED[f"{route.method} {route.path}"])
            )


def test_what_is_no_route_is_not_found_in_json_and_only_for_those_let_in(server: LabServer) -> None:
    for path in ("", "/", "/nothing", "/jobs/", "/jobs/a/b/c", "/../api", "/jobs%2Fx/%00"):
        with server.client() as client:
            answer = client.get(path)
            assert answer.status_code == 404, path
            _check_error(answer)
        assert httpx.get(f"{server.url}strata/api{path}", trust_env=False, verify=False).status_code == 403


def test_large_bodies_are_refused_without_being_kept(server: LabServer) -> None:
    with server.client() as client:
        for route in WITH_BODY:
            answer = client.post(_path(route), content=b"[" * 10_000_000)
            assert answer.status_code == 413
            _check_error(answer)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b"{",
        b'"x"',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"\\ud800": 1}',
        b"1e999999",
    ],
    ids=range(10),
)
def test_hostile_bodies_are_a_sentence(server: LabServer, body: bytes) -> None:
    with server.client() as client:
        for route in WITH_BODY:
            answer = client.post(_path(route), content=body)
            assert answer.status_code == 400
            _check_error(answer)
            assert len(answer.content) < 5000


def test_the_log_keeps_no_secret_of_a_request(server: LabServer) -> None:
    canary = "canary-5f3a"
    with server.client(headers={"Cookie": f"session={canary}", "Referer": f"http://x/?token={canary}"}) as client:
        for route in ROUTES:
            _send(client, route, params={"token": server.token})
            _send(client, route, method="PUT")
    assert canary not in server.logged()
    assert server.token not in server.logged()


def test_the_openapi_document_describes_each_route_and_resolves(server: LabServer) -> None:
    with server.client() as client:
        document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    described = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert described == set(ALLOWED)
    text = json.dumps(document)
    for name in {part.split(chr(34))[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in document["components"]["schemas"]


def test_starting_the_server_writes_nothing_to_the_home(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "home", tmp_path / "cache", prefix_stack())
    with lab_server(tmp_path, environ=lab_environment(lab, tmp_path)) as server, server.client() as client:
        for path in ("/jobs", "/environments", "/stack", "/doctor"):
            client.get(path).raise_for_status()
        assert list(server.home.rglob("*")) == []


def test_the_default_environment_is_made_at_the_first_start_and_kept_at_the_next(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "home", tmp_path / "cache", prefix_stack())
    option = "--StrataExtension.default_environment=default"
    made = set()
    for _ in range(2):
        with lab_server(tmp_path, option, environ=lab_environment(lab, tmp_path)) as server, server.client() as client:
            eventually(lambda: client.get("/environments").json()["environments"])
            [status] = client.get("/environments").json()["environments"]
            assert (status["name"], status["state"]) == ("default", "good")
            made.add(status["record"]["generation"])
    assert len(made) == 1


def test_an_image_that_does_not_say_where_its_stack_is_leaves_a_working_server(tmp_path: Path) -> None:
    variables = {"STRATA_IMAGE_CONTRACT": str(tmp_path / "none.json")}
    with lab_server(tmp_path, environ=variables) as server, server.client() as client:
        answer = client.get("/environments")
        assert (answer.status_code, answer.json()["code"]) == (500, "stack")
        _check_error(answer)
        assert client.get("/jobs").json() == {"jobs": []}
