from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jupyterhub.app import JupyterHub
from jupyterhub.spawner import SpawnException
from strata_hub.local import LocalStrataSpawner
from strata_hub.menu_spawner import AsksFirst, Refused
from support.menu_states import GIB, SCIENCE, digest_of, fresh, state
from traitlets.config import Config

WEEKLY = f"{SCIENCE}:w_2026_22@{digest_of('w_2026_22')}"


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let logs, which go to the working directory by default, go to a folder of the test's own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def spawner(tmp_path: Path) -> LocalStrataSpawner:
    path = tmp_path / "state.json"
    path.write_bytes(fresh(state()).dump())
    return make(path.as_uri())


def make(url: str, *groups: str, **sections: Any) -> LocalStrataSpawner:
    config = Config({"LocalStrataSpawner": {"state_url": url, "state_interval": 3600}, **sections})
    user = SimpleNamespace(name="alice", admin=False, escaped_name="alice", groups=[])
    user.groups = [SimpleNamespace(name=group) for group in groups]
    return LocalStrataSpawner(config=config, user=user, hub=SimpleNamespace(base_url="/hub/"))


async def apply(spawner: LocalStrataSpawner, options: dict[str, Any]) -> None:
    """Do what the hub does before a start."""
    spawner.user_options = options
    await spawner._run_apply_user_options(options)


async def test_what_passes_the_gate_is_the_choice_and_sets_the_limits(spawner: LocalStrataSpawner) -> None:
    await apply(spawner, {"image": WEEKLY, "size": "small"})
    assert spawner.choice is not None
    assert spawner.choice.reference == WEEKLY
    assert (spawner.cpu_limit, spawner.cpu_guarantee) == (1, 0.25)
    assert (spawner.mem_limit, spawner.mem_guarantee) == (3 * GIB, GIB)


async def test_a_refusal_is_a_spawn_exception_with_its_sentence_and_no_choice(
    spawner: LocalStrataSpawner,
) -> None:
    await apply(spawner, {})
    with pytest.raises(SpawnException) as caught:
        await apply(spawner, {"image": "evil/image:latest"})
    assert caught.value.status_code == 403
    assert caught.value.reason == "choice.image"
    assert "is not an image of this deployment" in caught.value.jupyterhub_message
    assert spawner.choice is None
    with pytest.raises(Refused):
        await spawner.start()


async def test_markup_in_a_refusal_is_escaped_where_it_is_shown_as_html(spawner: LocalStrataSpawner) -> None:
    with pytest.raises(Refused) as caught:
        await apply(spawner, {"image": "<script>alert(1)</script>"})
    assert "<script>" not in caught.value.message_html
    assert "<script>" not in caught.value.jupyterhub_html_message


@pytest.mark.parametrize("section", ["Spawner", "LocalStrataSpawner", "LocalProcessSpawner"])
@pytest.mark.filterwarnings("ignore")
async def test_no_configuration_takes_the_gate_away(spawner: LocalStrataSpawner, section: str) -> None:
    other = {"apply_user_options": {"image": "cmd"}}
    if section == "LocalStrataSpawner":
        other |= {"state_url": spawner.state_url}
    bypassed = make(spawner.state_url, **{section: other})
    with pytest.raises(SpawnException):
        await apply(bypassed, {"image": "evil"})


async def test_groups_count_at_the_moment_of_the_start(spawner: LocalStrataSpawner) -> None:
    member = make(spawner.state_url, "gpu", "staff")
    await apply(member, {"image": "science/exp_w_2026_20_gpu", "size": "large"})
    member.user.groups = []
    with pytest.raises(SpawnException):
        await apply(member, {"image": "science/exp_w_2026_20_gpu"})


async def test_following_keeps_the_intent_for_the_next_start(spawner: LocalStrataSpawner) -> None:
    await apply(spawner, {"image": WEEKLY, "remember": "follow"})
    assert spawner.user_options == {"image": "science:recommended", "remember": "follow"}
    await apply(spawner, {"image": WEEKLY})
    assert spawner.user_options == {"image": WEEKLY}


async def test_a_link_opens_the_form_once_and_starts_nothing(spawner: LocalStrataSpawner) -> None:
    with pytest.raises(AsksFirst) as caught:
        await spawner.options_from_query({"image": ["science/w_2026_20"]})
    assert (caught.value.status_code, caught.value.jupyterhub_message) == (200, "")
    assert "Proposed by the link" in await spawner.get_options_form()
    assert "Proposed by the link" not in await spawner.get_options_form()
    assert spawner.choice is None


async def test_a_link_to_what_is_not_allowed_is_refused(spawner: LocalStrataSpawner) -> None:
    with pytest.raises(Refused):
        await spawner.options_from_query({"image": ["science/exp_w_2026_20_gpu"]})
    assert "Proposed by the link" not in await spawner.get_options_form()


async def test_without_any_state_the_form_is_a_sentence_and_nothing_starts(tmp_path: Path) -> None:
    spawner = make((tmp_path / "none.json").as_uri())
    assert "has not been read yet" in await spawner.get_options_form()
    with pytest.raises(Refused) as caught:
        await apply(spawner, {})
    assert caught.value.status_code == 503


async def test_a_missing_state_url_is_said_in_the_form() -> None:
    assert "names no menu state" in await make("").get_options_form()


async def test_a_spawner_that_the_hub_makes_before_its_application_is_no_error(spawner: LocalStrataSpawner) -> None:
    JupyterHub.clear_instance()
    try:
        assert not hasattr(JupyterHub.instance(), "tornado_application")
        assert "Weekly 2026_22" in await make(spawner.state_url).get_options_form()
    finally:
        JupyterHub.clear_instance()
