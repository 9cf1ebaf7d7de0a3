"""Whatever path options take to a start, the pod that the API server receives is one of the user's own menu."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from html import unescape

import httpx
import pytest
from strata_hub.errors import ChoiceError
from strata_hub.menu import User, menu_for
from strata_hub.options import choose
from support import menu_states
from support.hostile import HOSTILE
from support.hub import ADMIN
from support.kubernetes.control_plane import ControlPlane
from support.kubernetes.hub import Deployment, deployed

STATE = menu_states.fresh(menu_states.state())
TEXTS = [value for value in HOSTILE if isinstance(value, str)]
OPTIONS: list[dict[str, object]] = [
    *({"image": value} for value in HOSTILE),
    {"size": "large"},
    {"size": "Medium"},
    {"size": ["medium"]},
    {"safe_mode": "perhaps"},
    {"profile": "x"},
    {"kubespawner_override": {"image": "evil.example.org/x"}},
    {"image": "w_2026_22", "environment": {"A": "b"}},
]
Path = Callable[[Deployment, str, dict[str, object]], httpx.Response]


def refusal(options: Mapping[str, object]) -> ChoiceError:
    """What the gate itself says to ``alice``, who is in no group."""
    menu = menu_for(STATE, User("alice", frozenset(), admin=False), datetime.now(UTC))
    with pytest.raises(ChoiceError) as caught:
        choose(menu, options)
    return caught.value


@pytest.fixture(scope="module")
def deployment(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(plane, tmp_path_factory.mktemp("deployment"), STATE) as deployment:
        yield deployment


def by_rest(deployment: Deployment, user: str, options: dict[str, object]) -> httpx.Response:
    return deployment.request(user, options)


def by_rest_for_a_named_server(deployment: Deployment, user: str, options: dict[str, object]) -> httpx.Response:
    return deployment.request(user, options, "named")


def by_the_old_form_of_rest(deployment: Deployment, user: str, options: dict[str, object]) -> httpx.Response:
    return deployment.hub.api("POST", f"users/{user}/server", options)


def by_stored_options(deployment: Deployment, user: str, options: dict[str, object]) -> httpx.Response:
    path = f"users/{user}/servers/stored"
    deployment.hub.api("PUT", path)
    assert deployment.hub.api("PATCH", path, {"user_options": options}).is_success
    return deployment.hub.api("POST", path)


def by_restart_with_options_that_were_refused(
    deployment: Deployment, user: str, options: dict[str, object]
) -> httpx.Response:
    deployment.request(user, options, "again")
    return deployment.hub.api("POST", f"users/{user}/servers/again")


REST = [
    by_rest,
    by_rest_for_a_named_server,
    by_the_old_form_of_rest,
    by_stored_options,
    by_restart_with_options_that_were_refused,
]


@pytest.mark.parametrize("path", REST)
def test_no_hostile_option_reaches_the_api_server_through_rest(deployment: Deployment, path: Path) -> None:
    user = path.__name__.replace("_", "-")
    deployment.hub.api("POST", f"users/{user}")
    for options in OPTIONS if path is by_rest else OPTIONS[::4]:
        answer, error = path(deployment, user, options), refusal(options)
        assert (answer.status_code, answer.json()["message"]) == (error.status, error.sentence()), options
    assert deployment.pods(user) == []
    assert not deployment.hub.failures()


@pytest.mark.parametrize("owner", ["form-user", "form-other"])
def test_no_hostile_option_reaches_the_api_server_through_the_form(deployment: Deployment, owner: str) -> None:
    """The second time an admin submits the form of somebody else."""
    deployment.hub.api("POST", f"users/{owner}")
    client = deployment.hub.login(owner if owner == "form-user" else ADMIN)
    for value in TEXTS[::2]:
        answer = client.post(
            f"/spawn/{owner}", params={"_xsrf": client.cookies["_xsrf"]}, data={"image": value}
        )  # fmt: skip
        error = refusal({"image": value})
        assert answer.status_code == error.status, value
        assert str(error) in unescape(answer.text), value
        assert 'id="strata"' in answer.text, "the form is shown again"
    assert deployment.pods(owner) == []
    assert not deployment.hub.failures()


def test_no_link_starts_anything_whatever_it_proposes(deployment: Deployment) -> None:
    client = deployment.hub.login("linked")
    for value in [*TEXTS[::3], "w_2026_22"]:
        client.get("/spawn", params={"opt-image": value})
    assert deployment.pods("linked") == []


def test_what_the_menu_allows_starts_with_the_digest_of_the_menu(deployment: Deployment) -> None:
    for number, options in enumerate([{}, {"image": "science/w_2026_22"}, {"image": "summit:recommended"}]):
        deployment.start(f"good-{number}", options)
    images = [deployment.pod(f"good-{n}")["spec"]["containers"][0]["image"] for n in range(3)]
    science = f"{menu_states.SCIENCE}@{menu_states.digest_of('w_2026_22')}"
    assert images == [science, science, f"{menu_states.SUMMIT}@{menu_states.digest_of('summit')}"]


def test_a_group_image_starts_for_the_group_alone(deployment: Deployment) -> None:
    options = {"image": "science/exp_w_2026_20_gpu"}
    assert deployment.request("hal", options).status_code == refusal(options).status
    assert deployment.pods("hal") == []
    deployment.start("gina", options)
    assert deployment.pod("gina")["spec"]["containers"][0]["image"].endswith(menu_states.digest_of("exp_w_2026_20_gpu"))
