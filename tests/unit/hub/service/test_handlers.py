import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from strata_hub.refresh.publisher import Publisher
from strata_hub.refresh.refresher import Refresher
from strata_hub.service.handlers import Parts
from strata_hub.service.readers import Readers
from strata_hub.state import load
from support.deployments import deployment
from support.scripted_client import ScriptedClient
from support.services import refresher, served, until
from support.stores import digest_of

TOKEN, SECRET = "state-token", "notification-secret"
READER = {"Authorization": f"Bearer {TOKEN}"}
REGISTRY = {"Authorization": f"Bearer {SECRET}"}


@pytest.fixture
def registry() -> ScriptedClient:
    return ScriptedClient({"w_2026_20": "twenty", "w_2026_21": "twenty-one"})


@pytest.fixture
def refreshing(registry: ScriptedClient) -> Refresher:
    return refresher(deployment(poll_interval=3600), registry, Publisher())


@pytest.fixture
async def service(refreshing: Refresher) -> AsyncIterator[httpx.AsyncClient]:
    async with served(Parts(refreshing, Readers(TOKEN, None), SECRET)) as client:
        yield client


@pytest.fixture
async def running(refreshing: Refresher, service: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    task = asyncio.create_task(refreshing.run())

    async def there() -> bool:
        return (await service.get("state", headers=READER)).status_code == 200

    await until(there)
    yield service
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_hub_finds_the_service_up(service: httpx.AsyncClient) -> None:
    answer = await service.get("")
    assert answer.status_code == 200
    assert "Strata" in answer.text
    assert "x-content-type-options" in answer.headers


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer wrong",
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        "Bearer é",
        "Bearer " + "x" * 5000,
    ],
)
@pytest.mark.parametrize("route", ["state", "metrics"])
async def test_nobody_reads_without_the_token(service: httpx.AsyncClient, header: str | None, route: str) -> None:
    headers = {} if header is None else {"Authorization": header.encode()}
    answer = await service.get(route, headers=headers)  # type: ignore[arg-type]  # bytes are what a hostile client sends
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert TOKEN not in answer.text


async def test_before_the_first_list_there_is_no_state(service: httpx.AsyncClient) -> None:
    answer = await service.get("state", headers=READER)
    assert answer.status_code == 503
    assert answer.json()["code"] == "state.unavailable"
    assert (await service.get("health")).json()["status"] == "starting"


async def test_the_state_is_served_once_and_then_not_modified(running: httpx.AsyncClient) -> None:
    first = await running.get("state", headers=READER)
    state = load(first.content)
    assert {image.tag for image in state.payloads[0].images} == {"w_2026_20", "w_2026_21"}
    etag = first.headers["ETag"]
    for validator in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        again = await running.get("state", headers={**READER, "If-None-Match": validator})
        assert (again.status_code, again.content) == (304, b"")
    assert (await running.get("state", headers={**READER, "If-None-Match": '"x"'})).status_code == 200


async def test_a_notified_tag_is_in_the_state(running: httpx.AsyncClient, registry: ScriptedClient) -> None:
    registry.push("w_2026_22", "twenty-two")
    event = {"action": "push", "target": {"repository": "lab/science", "tag": "w_2026_22"}}
    answer = await running.post("notifications/distribution", headers=REGISTRY, json={"events": [event]})
    assert (answer.status_code, answer.json()) == (202, {"followed": 1})

    async def shown() -> bool:
        return b"w_2026_22" in (await running.get("state", headers=READER)).content

    await until(shown)
    assert registry.listings == 1


async def test_an_event_may_come_before_its_tag(running: httpx.AsyncClient, registry: ScriptedClient) -> None:
    target = {"repository": "lab/science", "tag": "w_2026_22", "digest": digest_of("twenty-two")}
    envelope = {"events": [{"action": "push", "target": target}]}
    await running.post("notifications/distribution", headers=REGISTRY, json=envelope)

    async def asked() -> bool:
        return "w_2026_22" in registry.examined

    await until(asked)
    registry.push("w_2026_22", "twenty-two")

    async def shown() -> bool:
        return b"w_2026_22" in (await running.get("state", headers=READER)).content

    await until(shown)
    assert registry.listings == 1


async def test_a_notified_deletion_is_in_the_state(running: httpx.AsyncClient, registry: ScriptedClient) -> None:
    del registry.images["w_2026_20"]
    event = {"action": "delete", "target": {"repository": "lab/science", "digest": "sha256:x"}}
    await running.post("notifications/distribution", headers=REGISTRY, json={"events": [event]})

    async def gone() -> bool:
        return b"w_2026_20" not in (await running.get("state", headers=READER)).content

    await until(gone)


async def test_unknown_repositories_are_ignored(running: httpx.AsyncClient, registry: ScriptedClient) -> None:
    event = {"action": "push", "target": {"repository": "other/thing", "tag": "x"}}
    answer = await running.post("notifications/distribution", headers=REGISTRY, json={"events": [event]})
    assert (answer.status_code, answer.json()) == (202, {"followed": 0})


@pytest.mark.parametrize("header", ["", SECRET + "x", f"Bearer {TOKEN}", f"Basic {SECRET}"])
async def test_a_notification_shows_its_secret(service: httpx.AsyncClient, header: str) -> None:
    answer = await service.post("notifications/harbor", headers={"Authorization": header}, content=b"{}")
    assert answer.status_code == 401


@pytest.mark.parametrize("header", [SECRET, f"Bearer {SECRET}", f"bearer {SECRET}"])
async def test_the_secret_may_be_the_whole_header(service: httpx.AsyncClient, header: str) -> None:
    event = {"type": "PULL_ARTIFACT", "event_data": {}}
    answer = await service.post("notifications/harbor", headers={"Authorization": header}, json=event)
    assert (answer.status_code, answer.json()) == (202, {"followed": 0})


async def test_without_a_secret_no_notification_is_taken(refreshing: Refresher) -> None:
    async with served(Parts(refreshing, Readers(TOKEN, None), "")) as client:
        answer = await client.post("notifications/harbor", headers={"Authorization": ""}, content=b"{}")
    assert answer.status_code == 403


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xff", b"[" * 50_000, b'{"type": 5}'])
async def test_malformed_notifications_are_a_sentence(service: httpx.AsyncClient, body: bytes) -> None:
    answer = await service.post("notifications/harbor", headers=REGISTRY, content=body)
    assert answer.status_code == 400
    assert answer.json()["code"] == "request"


async def test_a_body_that_is_too_large_is_not_read(service: httpx.AsyncClient) -> None:
    try:
        answer = await service.post("notifications/harbor", headers=REGISTRY, content=b"x" * (2 << 20))
    except httpx.TransportError:
        return
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "path", ["nothing", "state/", "notifications/", "notifications/other", "../../etc/passwd", "%00"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_other_paths_are_not_found(service: httpx.AsyncClient, path: str, method: str) -> None:
    answer = await service.request(method, path, headers=READER)
    assert answer.status_code == 404
    assert answer.json()["code"] == "http.404"


@pytest.mark.parametrize(("method", "path"), [("POST", "state"), ("DELETE", "health"), ("GET", "notifications/harbor")])
async def test_other_methods_are_not_allowed(service: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await service.request(method, path, headers=READER)
    assert answer.status_code == 405


async def test_health_tells_details_to_readers_only(running: httpx.AsyncClient) -> None:
    assert set((await running.get("health")).json()) == {"status", "version"}
    told = (await running.get("health", headers=READER)).json()
    assert told["status"] == "ok"
    assert told["repositories"][0]["tags"] == 2
    json.dumps(told)


async def test_metrics_are_prometheus_text(running: httpx.AsyncClient) -> None:
    text = (await running.get("metrics", headers=READER)).text
    assert 'strata_tags{repository="registry.example.org/lab/science"} 2.0' in text
    assert "strata_listings_total" in text
    assert "strata_state_bytes" in text
