import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, ValidationError
from strata_hub.menu import User, menu_for
from strata_hub.options import choose
from strata_hub.podspec import launch_environment
from support.menu_states import NOW, state

FOLDER = Path(__file__).parent
CONTRACT = Draft202012Validator(json.loads((FOLDER / "launch-environment.schema.json").read_text()))
EXAMPLES = sorted((FOLDER / "launch-environment").glob("*.json"))
SIZELESS = state().model_copy(update={"sizes": ()})


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_follows_the_contract(example: Path) -> None:
    CONTRACT.validate(json.loads(example.read_text()))


@pytest.mark.parametrize("document", [state(), SIZELESS], ids=["sizes", "no sizes"])
@pytest.mark.parametrize("options", [{}, {"safe_mode": True, "debug": True}], ids=["plain", "safe"])
def test_what_the_hub_sets_follows_the_contract_for_every_image(document: object, options: dict[str, object]) -> None:
    menu = menu_for(document, User("alice"), NOW)
    for payload, entry in menu:
        if entry.digest is not None:
            CONTRACT.validate(launch_environment(choose(menu, {**options, "image": payload.reference(entry)})))


@pytest.mark.parametrize("name", ["STRATA_CONTRACT", "STRATA_IMAGE", "STRATA_SIZE"])
def test_the_contract_refuses_an_environment_that_lacks_a_variable(name: str) -> None:
    document = json.loads(EXAMPLES[0].read_text())
    del document[name]
    with pytest.raises(ValidationError):
        CONTRACT.validate(document)
