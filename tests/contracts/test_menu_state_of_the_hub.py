import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, ValidationError
from strata_hub.errors import StateInvalid
from strata_hub.refresh.publisher import Publisher
from strata_hub.state import MenuState, load
from support.deployments import deployment
from support.menu_states import large_state, state
from support.scripted_client import ScriptedClient
from support.services import refresher

FOLDER = Path(__file__).parent
SCHEMA = json.loads((FOLDER / "menu-state.schema.json").read_text())
CONTRACT = Draft202012Validator(SCHEMA)
EXAMPLES = sorted((FOLDER / "menu-state").glob("*.json"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_follows_the_contract_and_is_read_as_it_is_written(example: Path) -> None:
    document = json.loads(example.read_text())
    CONTRACT.validate(document)
    assert json.loads(load(example.read_bytes()).dump()) == document


def test_the_contract_is_what_the_hub_reads() -> None:
    own = MenuState.model_json_schema()
    assert {key: SCHEMA[key] for key in ("$defs", "properties", "required", "type")} == {
        key: own[key] for key in ("$defs", "properties", "required", "type")
    }


@pytest.mark.parametrize("document", [state(), large_state(50)], ids=["two payloads", "large"])
def test_what_the_hub_writes_follows_the_contract(document: MenuState) -> None:
    CONTRACT.validate(json.loads(document.dump()))


async def test_what_the_service_publishes_follows_the_contract_and_is_read_back_whole() -> None:
    registry = ScriptedClient({f"w_2026_{week:02}": f"image {week}" for week in range(1, 21)})
    registry.push("recommended", "image 20")
    registry.push("exp_w_2026_20", "image 3")
    config = deployment(title='A "title" with "payloads":[] and "images":[] in it, <é>')
    refreshing = refresher(config, registry, Publisher())
    (refresh,) = refreshing.unique()
    await refresh.poll()
    while await refresh.examine_rest():
        pass
    await refresh.source.store.close()
    published = refreshing.publisher.current
    assert published is not None
    body = b"".join(published.parts)
    CONTRACT.validate(json.loads(body))
    read = load(body)
    assert read.title == config.title
    assert read.dump() == body
    assert published.images == len(read.payloads[0].images) == 20


@pytest.mark.parametrize(
    "change", [{"contract": 2}, {"contract": "1"}, {"payloads": None}, {"generated_at": "yesterday"}, {"sizes": [{}]}]
)
def test_both_sides_refuse_what_breaks_the_contract(change: dict[str, object]) -> None:
    document = {**json.loads(EXAMPLES[0].read_text()), **change}
    with pytest.raises(StateInvalid):
        load(json.dumps(document).encode())
    if "generated_at" not in change:  # a format is a note in JSON Schema, not a rule
        with pytest.raises(ValidationError):
            CONTRACT.validate(document)


def test_a_reader_ignores_keys_that_it_does_not_know() -> None:
    document = json.loads(EXAMPLES[-1].read_text())
    document["later"] = {"anything": 1}
    document["payloads"][0]["later"] = True
    CONTRACT.validate(document)
    load(json.dumps(document).encode())
