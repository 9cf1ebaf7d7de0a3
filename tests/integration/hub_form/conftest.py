"""A real hub with Strata's spawner for one machine; its menu state is a file, and no registry exists anywhere."""

from collections.abc import Iterator

import pytest
from support.hub import Hub, Place, running_hub
from support.menu_states import fresh, state

GROUPS = {"gpu": {"users": ["carol"]}, "staff": {"users": ["admin", "carol"]}}


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("hub-form"))
    stacks = place.folder / "stacks"
    stacks.mkdir()
    (stacks / "default.json").write_text('{"contract": 1}')
    place.publish(fresh(state()))
    return place


@pytest.fixture(scope="package")
def hub(place: Place) -> Iterator[Hub]:
    # A site's own environment cannot contradict what a lab is told about itself.
    more = place.settings + "c.Spawner.environment = {'STRATA_IMAGE': 'evil', 'STRATA_SAFE_MODE': '0'}\n"
    with running_hub(place.folder / "hub", place.url, groups=GROUPS, more=more) as hub:
        yield hub
