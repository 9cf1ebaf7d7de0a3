"""The served OpenAPI document is true: requests made from it are answered as it says, and none breaks the server."""

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from strata_lab.api.openapi import document
from support.lab import Lab, prefix_stack
from support.lab_server import LabServer, lab_environment, lab_server

SCHEMA = schemathesis.openapi.from_dict(document())
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    folder = tmp_path_factory.mktemp("openapi")
    lab = Lab(folder / "home", folder / "cache", prefix_stack())
    with lab_server(folder, environ=lab_environment(lab, folder)) as running, running.client() as client:
        made = client.post("/jobs", json={"change": {"action": "create", "environment": "demo"}})
        with client.stream("GET", f"/jobs/{made.json()['id']}/events") as events:
            assert '"state": "succeeded"' in "".join(events.iter_text())
        yield running


@SCHEMA.parametrize()
@settings(
    max_examples=12,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_what_the_document_promises_is_kept(case: schemathesis.Case, server: LabServer) -> None:
    """Rule: each answer has a status, a media type and a body that the document names, and is no server error."""
    headers = {"Authorization": f"token {server.token}"}
    case.call_and_validate(base_url=f"{server.url}strata/api", headers=headers, checks=CHECKS, timeout=120)
