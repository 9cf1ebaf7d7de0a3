"""Jobs on a real server: events, replay, one at a time, consent, cancel, activity, the server's end."""

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.index import PackageIndex, package_index
from support.lab import Lab, prefix_stack
from support.lab_server import LabServer, lab_environment, lab_server
from support.slow_wheels import Hanging, gone
from support.waiting import eventually
from support.wheels import make_wheel

WHEELS = (
    make_wheel("spectra", "2.0", requires=["lines>=1", "starmath"]),
    make_wheel("lines", "1.1"),
    make_wheel("needs-new-starmath", "1.0", requires=["starmath>=2"]),
    make_wheel("starmath", "2.0"),
)


@dataclass
class Event:
    number: int
    kind: str
    data: dict[str, Any]


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    with package_index(WHEELS) as served:
        yield served


@pytest.fixture(scope="module")
def server(index: PackageIndex, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    folder = tmp_path_factory.mktemp("jobs")
    lab = Lab(folder / "home", folder / "cache", prefix_stack(), indexes={"main": index.simple})
    with lab_server(folder, environ=lab_environment(lab, folder)) as running:
        yield running


@pytest.fixture
def client(server: LabServer) -> Iterator[httpx.Client]:
    with server.client() as made:
        yield made


def start(client: httpx.Client, consent: dict[str, Any] | None = None, **change: Any) -> dict[str, Any]:
    answer = client.post("/jobs", json={"change": change, **({"consent": consent} if consent else {})})
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    assert answer.headers["Location"].endswith(f"/strata/api/jobs/{job['id']}")
    return job


def follow(client: httpx.Client, job: dict[str, Any], after: int = 0, limit: int | None = None) -> list[Event]:
    """Read a job's events to its end, or as many as asked."""
    found: list[Event] = []
    headers = {"Last-Event-ID": str(after)} if after else {}
    with client.stream("GET", f"/jobs/{job['id']}/events", headers=headers) as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        fields: dict[str, str] = {}
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name in {"id", "event", "data"}:
                fields[name] = value
            elif not line and fields:
                found.append(Event(int(fields["id"]), fields["event"], json.loads(fields["data"])))
                fields = {}
                if limit and len(found) >= limit:
                    break
    return found


def done(client: httpx.Client, **change: Any) -> dict[str, Any]:
    job = start(client, **change)
    follow(client, job)
    ended: dict[str, Any] = client.get(f"/jobs/{job['id']}").json()
    return ended


def test_an_environment_is_made_and_filled_and_its_events_can_be_read_again_from_any_number(
    client: httpx.Client,
) -> None:
    assert done(client, action="create", environment="walk")["state"] == "succeeded"
    job = start(client, action="install", environment="walk", requirements=["spectra"])
    first = follow(client, job, limit=3)
    rest = follow(client, job, after=first[-1].number)
    everything = follow(client, job)
    assert [event.number for event in everything] == list(range(1, len(everything) + 1))
    assert first + rest == everything
    phases = [event.data["phase"] for event in everything if event.kind == "progress" and "phase" in event.data]
    assert phases[0] == "waiting"
    assert phases[-1] == "done"
    ended = everything[-1].data
    assert (ended["state"], ended["error"]) == ("succeeded", None)
    assert {item["name"] for item in ended["result"]["locked"]} == {"spectra", "lines"}
    seen = client.get(f"/jobs/{job['id']}/events", headers={"Last-Event-ID": str(everything[-1].number)})
    assert (seen.status_code, seen.content) == (204, b"")
    [status] = [item for item in client.get("/environments").json()["environments"] if item["name"] == "walk"]
    assert status["state"] == "good"
    why = client.get("/environments/walk/why", params={"package": "lines"}).json()
    assert why["chains"] == [["spectra", "lines"]]
    history = client.get("/environments/walk/history").json()["events"]
    assert [event["action"] for event in history] == ["create", "install"]
    assert {event["actor"]["interface"] for event in history} == {"server"}
    assert "lines" in client.get("/environments/walk/export", params={"form": "pylock"}).json()["text"]
    assert client.get("/environments/walk/advice").json() == {"advice": []}


def test_a_plan_is_told_before_anything_happens_and_consent_is_given_to_exactly_that(client: httpx.Client) -> None:
    done(client, action="create", environment="asks")
    change = {"action": "install", "environment": "asks", "requirements": ["needs-new-starmath"]}
    plan = client.post("/plans", json={"change": change}).json()
    assert [(item["name"], item["stack_version"], item["new_version"]) for item in plan["shadowing"]] == [
        ("starmath", "1.0", "2.0")
    ]
    refused = done(client, **change)
    assert (refused["state"], refused["error"]["code"]) == ("failed", "refused.consent")
    job = start(client, consent={"shadow": ["starmath"], "broken": [item["name"] for item in plan["broken"]]}, **change)
    assert follow(client, job)[-1].data["state"] == "succeeded"


def test_a_failure_is_an_error_document_at_the_end_of_the_stream(client: httpx.Client) -> None:
    done(client, action="create", environment="fails")
    ended = done(client, action="install", environment="fails", requirements=["nosuchpackage"])
    assert (ended["state"], ended["error"]["code"]) == ("failed", "conflict.unsatisfiable")
    assert "nosuchpackage" in ended["error"]["message"]


def test_cancel_kills_the_whole_group_leaves_the_old_environment_and_frees_the_name(
    client: httpx.Client, index: PackageIndex, tmp_path: Path
) -> None:
    hanging = Hanging(tmp_path / "marks")
    index.add(hanging.wheel)
    before = done(client, action="create", environment="stops", requirements=["lines"])["result"]
    job = start(client, action="install", environment="stops", requirements=["hanging"])
    pids = hanging.wait()
    busy = client.post("/jobs", json={"change": {"action": "undo", "environment": "stops"}})
    assert (busy.status_code, busy.json()["code"]) == (409, "conflict.busy")
    assert client.delete(f"/jobs/{job['id']}").status_code == 202
    ended = follow(client, job)[-1].data
    assert (ended["state"], ended["error"]["code"]) == ("cancelled", "cancelled")
    eventually(lambda: gone(pids))
    assert client.get("/environments/stops").json()["record"]["generation"] == before["generation"]
    assert done(client, action="remove", environment="stops", names=["lines"])["state"] == "succeeded"


def test_a_running_job_is_activity_for_the_culler(
    server: LabServer, client: httpx.Client, index: PackageIndex, tmp_path: Path
) -> None:
    def last_activity() -> str:
        answer: dict[str, Any] = client.get(f"{server.url}api/status").json()
        return str(answer["last_activity"])

    hanging = Hanging(tmp_path / "marks", "lingering")
    index.add(hanging.wheel)
    done(client, action="create", environment="works")
    job = start(client, action="install", environment="works", requirements=["lingering"])
    asked = last_activity()
    hanging.wait()
    # Only the job moves meanwhile: asking for the status is no activity.
    eventually(lambda: last_activity() > asked)
    client.delete(f"/jobs/{job['id']}")
    follow(client, job)


def test_a_change_that_is_not_one_is_refused_before_it_becomes_a_job(client: httpx.Client) -> None:
    for change in (
        {"action": "explode", "environment": "x"},
        {"action": "create", "environment": "../x"},
        {"action": "create", "environment": "x", "unknown": 1},
        {"action": "install", "environment": "x", "requirements": []},
    ):
        answer = client.post("/jobs", json={"change": change})
        assert (answer.status_code, answer.json()["code"]) == (400, "input")


def test_the_server_takes_its_jobs_along_when_it_ends(index: PackageIndex, tmp_path: Path) -> None:
    hanging = Hanging(tmp_path / "marks", "surviving")
    index.add(hanging.wheel)
    lab = Lab(tmp_path / "home", tmp_path / "cache", prefix_stack(), indexes={"main": index.simple})
    with lab_server(tmp_path, environ=lab_environment(lab, tmp_path)) as server, server.client() as client:
        start(client, action="create", environment="last", requirements=["surviving"])
        pids = hanging.wait()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(90)
    eventually(lambda: gone(pids))
    assert lab.operations().environments() == []
