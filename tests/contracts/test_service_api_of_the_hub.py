import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from strata_hub.refresh.publisher import Publisher
from strata_hub.service.events import FORMATS
from strata_hub.service.handlers import Parts
from strata_hub.service.readers import Readers
from support.deployments import deployment
from support.scripted_client import ScriptedClient
from support.services import refresher, served

FOLDER = Path(__file__).parent
SCHEMA = json.loads((FOLDER / "service-api.schema.json").read_text())
EXAMPLES = sorted((FOLDER / "service-api").glob("*.json"))
NOTIFICATIONS = {path.stem: path.read_bytes() for path in EXAMPLES if path.stem.partition("-")[0] in FORMATS}
TOKEN, SECRET = "state-token", "notification-secret"


def part(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]})


@pytest.fixture
async def service() -> AsyncIterator[httpx.AsyncClient]:
    refreshing = refresher(deployment(), ScriptedClient(), Publisher())
    async with served(Parts(refreshing, Readers(TOKEN, None), SECRET)) as client:
        yield client


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_follows_exactly_one_part_of_the_contract(example: Path) -> None:
    document = json.loads(example.read_text())
    Draft202012Validator(SCHEMA).validate(document)
    part(example.stem.partition("-")[0]).validate(document)


@pytest.mark.parametrize("name", sorted(NOTIFICATIONS))
async def test_an_example_of_a_notification_is_taken(service: httpx.AsyncClient, name: str) -> None:
    kind, body = name.partition("-")[0], NOTIFICATIONS[name]
    headers = {"Authorization": f"Bearer {SECRET}"}
    answer = await service.post(f"notifications/{kind}", headers=headers, content=body)
    assert answer.status_code == 202
    part("accepted").validate(answer.json())
    (hint,) = FORMATS[kind](body)
    assert (hint.name, hint.tag) == ("lab/science", "d_2026_06_01")


@pytest.mark.parametrize(
    ("method", "route", "headers", "status"),
    [
        ("GET", "state", {}, 401),
        ("GET", "state", {"Authorization": f"Bearer {TOKEN}"}, 503),
        ("GET", "metrics", {}, 401),
        ("POST", "notifications/harbor", {}, 401),
        ("POST", "notifications/harbor", {"Authorization": SECRET}, 400),
        ("GET", "nothing", {}, 404),
        ("PUT", "state", {}, 405),
    ],
)
async def test_every_error_follows_the_contract(
    service: httpx.AsyncClient, method: str, route: str, headers: dict[str, str], status: int
) -> None:
    answer: Any = await service.request(method, route, headers=headers)
    assert answer.status_code == status
    part("error").validate(answer.json())


@pytest.mark.parametrize("headers", [{}, {"Authorization": f"Bearer {TOKEN}"}], ids=["anybody", "reader"])
async def test_health_follows_the_contract(service: httpx.AsyncClient, headers: dict[str, str]) -> None:
    part("health").validate((await service.get("health", headers=headers)).json())
