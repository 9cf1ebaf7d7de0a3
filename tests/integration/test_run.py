"""``make run``: it starts, tells where, survives what people and machines do to it, and leaves nothing behind."""

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from strata_demo.processes import free_port
from strata_demo.registry import repository_folder
from support.demo import ROOT, STATE, Demo, launch, running
from support.waiting import eventually

pytestmark = pytest.mark.slow
REPOSITORY = "demo/science-lab"
OWN = STATE.with_name("run-tests-restart")


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with running() as started:
        yield started


@pytest.fixture
def own_state(demo: Demo) -> Path:
    """Return a state folder of its own, with the parts that the shared one has installed."""
    OWN.mkdir(exist_ok=True)
    for part in ("hub", "hub.stamp", "machinery", "machinery.stamp", "stacks", "proxy", "node"):
        if (STATE / part).exists() and not (OWN / part).exists():
            (OWN / part).symlink_to(STATE / part)
    return OWN


def form(demo: Demo, user: str = "scientist") -> str:
    with demo.session(user) as client:
        return client.get("/hub/spawn").text


def has_menu(demo: Demo) -> bool:
    return "Latest release" in form(demo)


def registry_of(demo: Demo) -> str:
    found = re.search(r"The registry is at (\S+):", demo.output)
    assert found
    return found[1]


def answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


def test_one_line_says_where_and_how_to_log_in(demo: Demo) -> None:
    assert re.search(
        r"Strata is ready at http://127\.0\.0\.1:\d+/ — log in as scientist or .*, password \S+", demo.output
    )


def test_everything_listens_on_loopback_only(demo: Demo) -> None:
    listening = [
        connection.laddr.ip
        for process in demo.descendants()
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert set(listening) == {"127.0.0.1"}


def test_a_wrong_password_is_refused_and_the_page_says_that_this_is_a_demonstration(demo: Demo) -> None:
    with httpx.Client(base_url=demo.url, follow_redirects=True, timeout=60) as client:
        page = client.get("/hub/login")
        assert "demonstration" in page.text
        body = {"username": "scientist", "password": "wrong", "_xsrf": client.cookies["_xsrf"]}
        assert client.post("/hub/login", data=body).status_code == httpx.codes.FORBIDDEN


def test_the_form_shows_the_recommended_image_first(demo: Demo) -> None:
    eventually(lambda: has_menu(demo))
    page = form(demo)
    assert page.index("Recommended") < page.index("Latest release") < page.index("Daily 20")


def test_the_form_answers_from_memory_while_the_registry_hangs(demo: Demo) -> None:
    eventually(lambda: has_menu(demo))
    registry = demo.child("registry")
    registry.suspend()
    try:
        assert has_menu(demo)
    finally:
        registry.resume()


@pytest.mark.parametrize("image", ["registry.example.org/other/lab:w_2026_01", "lab/no-such-tag", ["a"], "x\n"])
def test_an_unknown_image_is_refused_in_a_sentence_and_starts_nothing(demo: Demo, image: object) -> None:
    eventually(lambda: has_menu(demo))
    with demo.session("approver") as client:
        headers = {"X-XSRFToken": client.cookies["_xsrf"]}
        body = {"user_options": {"image": image}}
        answer = client.post("/hub/api/users/approver/server", json=body, headers=headers)
        assert answer.status_code in {httpx.codes.BAD_REQUEST, httpx.codes.FORBIDDEN}, answer.text
        assert "Traceback" not in answer.text
        assert len(answer.json()["message"]) > len("Bad Request")
        assert not client.get("/hub/api/users/approver").json()["server"]


def test_a_port_in_use_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, output = launch(tmp_path / "state", port=port).finish()
    assert status == 1
    assert f"Port {port} of 127.0.0.1 is in use." in output
    assert "make run PORT=" in output
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["lock"]


def test_a_second_start_from_one_state_folder_is_refused(demo: Demo) -> None:
    status, output = launch(demo.state).finish()
    assert status == 1
    assert "Strata already runs from" in output
    assert answers(f"{demo.url}/hub/login")


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, output = launch(tmp_path / "file" / "state").finish()
    assert status == 1
    assert "cannot be written" in output
    assert "Traceback" not in output


def test_ctrl_c_ends_everything_and_a_new_start_finds_its_state(own_state: Path) -> None:
    with running(own_state) as first:
        password = first.password
        eventually(lambda: has_menu(first))
        processes = first.descendants()
        status, output = first.end(signal.SIGINT)
        assert status == 0
        assert "Stopped." in output
        assert not psutil.wait_procs(processes, timeout=60)[1]
    with running(own_state) as second:
        assert second.password == password
        assert registry_of(second) == registry_of(first)
        eventually(lambda: has_menu(second))


def test_after_kill_nothing_runs_on_and_a_new_start_works(own_state: Path) -> None:
    with running(own_state) as first:
        processes = first.descendants()
        first.end(signal.SIGKILL)
        assert not psutil.wait_procs(processes, timeout=60)[1]
    with running(own_state) as second:
        eventually(lambda: has_menu(second))


def test_a_part_that_dies_is_told_with_the_end_of_its_log(own_state: Path) -> None:
    with running(own_state) as started:
        processes = started.descendants()
        started.child("registry").kill()
        status, output = started.finish()
        assert status == 1
        assert "The registry ended with status -9" in output
        assert not psutil.wait_procs(processes, timeout=60)[1]


def test_the_small_registry_answers_as_docker_registry_does(demo: Demo) -> None:
    """Both serve one OCI layout; a client meets the same tags, manifests and blobs."""
    real = registry_of(demo)
    host = f"127.0.0.1:{free_port()}"
    program = ROOT / "tests/support/layout_registry.py"
    small = subprocess.Popen([sys.executable, program, repository_folder(demo.state) / "layout", REPOSITORY, host])
    try:
        eventually(lambda: answers(f"http://{host}/v2/"))
        places = [f"http://{name}/v2/{REPOSITORY}" for name in (host, real)]
        ours, theirs = (httpx.get(f"{place}/tags/list").json()["tags"] for place in places)
        assert set(ours) == set(theirs)
        for tag in ours[::60]:
            assert_same_image(places, tag)
    finally:
        small.kill()
        small.wait()


def assert_same_image(places: list[str], tag: str) -> None:
    accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    ours, theirs = (httpx.get(f"{place}/manifests/{tag}", headers=accept) for place in places)
    assert ours.content == theirs.content
    for name in ("Content-Type", "Docker-Content-Digest", "Content-Length"):
        assert ours.headers[name] == theirs.headers[name]
    config = json.loads(ours.content)["config"]["digest"]
    ours, theirs = (httpx.get(f"{place}/blobs/{config}") for place in places)
    assert ours.content == theirs.content
