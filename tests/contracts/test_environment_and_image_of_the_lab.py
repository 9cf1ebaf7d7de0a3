import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from pydantic import BaseModel
from strata_lab.environments import Record
from strata_lab.errors import StackUnusable
from strata_lab.image_contract import ImageContract, parse
from support.records import locked, make_record

FOLDER = Path(__file__).parent
MODELS: dict[str, type[BaseModel]] = {"environment": Record, "image": ImageContract}


def schema(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    return document


def examples(name: str) -> list[Path]:
    return sorted((FOLDER / name).glob("*.json"))


EXAMPLES = [(name, path) for name in MODELS for path in examples(name)]


@pytest.mark.parametrize("name", MODELS)
def test_the_contract_is_what_the_lab_reads_and_writes(name: str) -> None:
    written = schema(name)
    own = json.loads(json.dumps(MODELS[name].model_json_schema(mode="validation")))
    assert {key: value for key, value in written.items() if key not in {"$schema", "$id"}} == own


@pytest.mark.parametrize(("name", "path"), EXAMPLES, ids=lambda value: getattr(value, "stem", value))
def test_an_example_follows_the_contract_and_is_read_by_the_lab(name: str, path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    Draft202012Validator(schema(name)).validate(document)
    MODELS[name].model_validate(document)


@pytest.mark.parametrize("name", MODELS)
def test_each_contract_has_examples(name: str) -> None:
    assert len(examples(name)) >= 2


def test_what_the_lab_records_follows_the_contract() -> None:
    record = make_record(locked=[locked("lines==1.1", "starmath>=1")], intent={"requirements": ["lines"]})
    Draft202012Validator(schema("environment")).validate(json.loads(record.model_dump_json()))


@pytest.mark.parametrize(("name", "path"), EXAMPLES, ids=lambda value: getattr(value, "stem", value))
def test_an_unknown_key_and_another_number_are_refused(name: str, path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    for change in ({"surprise": 1}, {"contract": 2}):
        with pytest.raises(ValidationError):
            Draft202012Validator(schema(name)).validate(document | change)
    with pytest.raises(StackUnusable):
        parse(json.dumps(document | {"surprise": 1}))
