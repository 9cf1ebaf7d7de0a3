"""What starts is what was chosen, by every path; and forms are there when nothing else is."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import httpx
import pytest
from jsonschema import Draft202012Validator
from support.hub import ADMIN, Hub, Place, eventually, running_hub
from support.menu_states import SCIENCE, digest_of, entry, fresh, recommended, science, state

CONTRACT = Draft202012Validator(
    json.loads((Path(__file__).parents[2] / "contracts/launch-environment.schema.json").read_text())
)


def server(hub: Hub, user: str, name: str = "") -> dict[str, object]:
    found: dict[str, object] = hub.api("GET", f"users/{user}").json()["servers"].get(name, {})
    return found


def launched(hub: Hub, user: str, name: str = "") -> dict[str, str]:
    """Wait until a lab is ready and return its launch environment; then stop it."""
    eventually(f"the lab of {user}", lambda: server(hub, user, name).get("ready"))
    found = server(hub, user, name)
    pid = found["state"]["pid"]  # type: ignore[index]
    pairs = (item.split("=", 1) for item in Path(f"/proc/{pid}/environ").read_text().split("\0") if item)
    environment = {key: value for key, value in pairs if key.startswith("STRATA_")}
    hub.api("DELETE", f"users/{user}/servers/{name}" if name else f"users/{user}/server")
    eventually(f"the end of the lab of {user}", lambda: not server(hub, user, name).get("ready"))
    CONTRACT.validate(environment)
    return environment


def submit(client: httpx.Client, path: str, fields: dict[str, str]) -> httpx.Response:
    client.get(path)
    return client.post(path, params={"_xsrf": client.cookies["_xsrf"]}, data=fields)


def test_what_the_form_showed_starts_and_what_it_stood_for_is_remembered(hub: Hub, place: Place) -> None:
    erin = hub.login("erin")
    reference = f"{SCIENCE}:w_2026_22@{digest_of('w_2026_22')}"
    answer = submit(
        erin, "/spawn", {"image": reference, "size": "small", "safe_mode": "on", "debug": "on", "remember": "follow"}
    )
    assert answer.status_code == 302, answer.text
    environment = launched(hub, "erin")
    assert environment["STRATA_IMAGE"] == reference
    assert environment["STRATA_SIZE"] == "small"
    assert (environment["STRATA_SAFE_MODE"], environment["STRATA_DEBUG"]) == ("1", "1")
    assert Path(environment["STRATA_IMAGE_CONTRACT"]).is_file()

    why = recommended()[0].recommendation
    newer = entry("w_2026_23", display="Weekly 2026_23", section="recommended", recommendation=why)
    try:
        place.publish(fresh(state(science((newer, *science().images[2:])))))
        eventually("the new list", lambda: "Weekly 2026_23" in erin.get("/spawn").text)
        assert hub.api("POST", "users/erin/server").is_success
        assert launched(hub, "erin")["STRATA_IMAGE_TAG"] == "w_2026_23"
    finally:
        place.publish(fresh(state()))
    eventually("the old list", lambda: "Weekly 2026_23" not in erin.get("/spawn").text)


def test_an_image_that_is_gone_is_proposed_to_be_replaced_and_does_not_start_by_itself(hub: Hub) -> None:
    hub.api("POST", "users/frank")
    gone = f"{SCIENCE}:w_2025_01@{digest_of('w_2025_01')}"
    for _ in range(2):
        hub.api("POST", "users/frank/server", {"user_options": {"image": gone}})
    answer = hub.api("POST", "users/frank/server")
    assert answer.status_code == 403
    assert "The nearest is Weekly 2026_18" in answer.json()["message"]
    page = unescape(hub.login("frank").get("/spawn").text)
    assert "What you started last is gone" in page
    assert "Instead of your last choice" in page


def test_opening_a_link_selects_and_starts_nothing(hub: Hub) -> None:
    gina = hub.login("gina")
    link = {"opt-image": f"{SCIENCE}:w_2026_20@{digest_of('w_2026_20')}", "opt-size": "small"}
    answer = gina.get("/spawn", params=link)
    assert answer.status_code == 200
    assert "Proposed by the link" in answer.text
    assert "spawn-error-msg" not in answer.text
    assert not server(hub, "gina").get("ready")
    assert "AsksFirst" not in hub.log()
    assert "Proposed by the link" not in gina.get("/spawn").text


def test_an_admin_who_starts_for_a_user_starts_the_user_s_default(hub: Hub) -> None:
    hub.api("POST", "users/henry")
    admin = hub.login(ADMIN)
    page = admin.get("/spawn/henry").text
    assert "Large" not in page
    answer = admin.post("/api/users/henry/server", headers={"X-XSRFToken": admin.cookies["_xsrf"]})
    assert answer.is_success, answer.text
    environment = launched(hub, "henry")
    assert (environment["STRATA_IMAGE_TAG"], environment["STRATA_SIZE"]) == ("w_2026_22", "medium")


def test_a_named_server_has_a_choice_of_its_own(hub: Hub) -> None:
    carol = hub.login("carol")
    assert "Large" in carol.get("/spawn/carol/gpu").text
    answer = submit(carol, "/spawn/carol/gpu", {"typed": "exp_w_2026_20_gpu", "size": "large"})
    assert answer.status_code == 302, answer.text
    environment = launched(hub, "carol", "gpu")
    assert (environment["STRATA_IMAGE_TAG"], environment["STRATA_SIZE"]) == ("exp_w_2026_20_gpu", "large")
    assert "Your last choice" in carol.get("/spawn/carol/gpu").text
    assert "Your last choice" not in carol.get("/spawn/carol").text


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Hub]:
    (tmp_path / "stacks").mkdir()
    more = f"""
c.LocalStrataSpawner.stacks = "{tmp_path}/stacks"
c.LocalStrataSpawner.state_cache = "{tmp_path}/cache"
"""
    with running_hub(tmp_path / "hub", (tmp_path / "state.json").as_uri(), more=more) as hub:
        yield hub


def test_a_hub_lives_through_having_no_list_an_old_list_and_a_lost_list(bare: Hub, tmp_path: Path) -> None:
    ida = bare.login("ida")
    assert "has not been read yet" in ida.get("/spawn").text
    refused = bare.api("POST", "users/ida/server")
    assert refused.status_code == 503
    assert "has not been read yet" in refused.json()["message"]

    path = tmp_path / "state.json"
    old = fresh(state())
    hours = datetime.now(UTC) - timedelta(hours=5, minutes=1)
    payloads = tuple(payload.model_copy(update={"listed_at": hours}) for payload in old.payloads)
    path.write_bytes(old.model_copy(update={"payloads": payloads}).dump())
    eventually("the list", lambda: "This list is 5 hours old" in ida.get("/spawn").text)

    path.unlink()
    eventually("the loss to be noticed", lambda: "The last good list stays in use" in bare.log())
    assert "Weekly 2026_22" in ida.get("/spawn").text
    for _ in range(6):
        answer = bare.api("POST", "users/ida/server")
        assert answer.status_code == 500
        assert "This machine has no stack for Weekly 2026_22." in answer.json()["message"]
    assert not bare.failures()


def test_a_lab_that_ends_before_it_answers_says_how(place: Place, tmp_path: Path) -> None:
    more = place.settings + "c.LocalStrataSpawner.machinery_module = 'no.such.module'\n"
    with running_hub(tmp_path / "hub", place.url, more=more) as hub:
        hub.api("POST", "users/jo")
        for _ in range(6):
            answer = hub.api("POST", "users/jo/server")
            assert answer.status_code == 500
            assert "ended with exit status 1 before it answered" in answer.json()["message"]
            assert "No module named" in answer.json()["message"]
        assert not hub.failures()
        assert hub.process.poll() is None
