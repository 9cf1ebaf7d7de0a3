import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strata_hub.errors import InvalidRequest
from strata_hub.service.events import Hint, distribution, harbor

PUSH: dict[str, Any] = {
    "id": "320678d8-ca14-430f-8bb6-4ca139cd83f7",
    "timestamp": "2026-06-01T12:00:00Z",
    "action": "push",
    "target": {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": "sha256:fea8895f450959fa676bcc1df0611ea93823a735a01205fd8622846041d0c7cf",
        "repository": "lab/science",
        "url": "http://registry.example.org/v2/lab/science/manifests/sha256:fea8",
        "tag": "d_2026_06_01",
    },
    "request": {"host": "registry.example.org", "method": "PUT"},
    "actor": {},
    "source": {"addr": "registry:5000"},
}


def envelope(*events: dict[str, Any]) -> bytes:
    return json.dumps({"events": events}).encode()


def changed(event: dict[str, Any], **target: Any) -> dict[str, Any]:
    return {**event, "target": {**event["target"], **target}}


def test_a_push_names_repository_and_tag() -> None:
    assert distribution(envelope(PUSH)) == (Hint("lab/science", "d_2026_06_01", PUSH["target"]["digest"]),)


@pytest.mark.parametrize("action", ["pull", "mount", "unknown", ""])
def test_what_changes_no_list_hints_at_nothing(action: str) -> None:
    assert distribution(envelope({**PUSH, "action": action})) == ()


def test_a_push_of_a_blob_or_of_a_digest_hints_at_nothing() -> None:
    assert distribution(envelope(changed(PUSH, tag=""))) == ()


def test_a_deletion_hints_at_the_list() -> None:
    assert distribution(envelope({**changed(PUSH, tag=""), "action": "delete"})) == (Hint("lab/science", None),)


def test_each_hint_comes_once() -> None:
    assert len(distribution(envelope(PUSH, PUSH, changed(PUSH, tag="other")))) == 2


@pytest.mark.parametrize("tag", ["a\nb", "../x", "a" * 129, "", "sha256:abc"])
def test_what_can_be_no_tag_is_left_out(tag: str) -> None:
    assert distribution(envelope(changed(PUSH, tag=tag))) == ()


def harbor_event(kind: str, **data: Any) -> dict[str, Any]:
    whole = {
        "resources": [{"digest": "sha256:1", "tag": "d_2026_06_01", "resource_url": "r.example.org/lab/science:x"}],
        "repository": {"name": "science", "namespace": "lab", "repo_full_name": "lab/science", "repo_type": "private"},
        **data,
    }
    if kind.startswith("harbor."):
        return {"specversion": "1.0", "id": "1", "source": "/projects/1", "type": kind, "data": whole}
    return {"type": kind, "occur_at": 1780000000, "operator": "robot", "event_data": whole}


@pytest.mark.parametrize("kind", ["PUSH_ARTIFACT", "harbor.artifact.pushed"])
def test_a_harbor_push_names_repository_and_tag(kind: str) -> None:
    assert harbor(json.dumps(harbor_event(kind)).encode()) == (Hint("lab/science", "d_2026_06_01", "sha256:1"),)


@pytest.mark.parametrize("kind", ["PULL_ARTIFACT", "SCANNING_COMPLETED", "QUOTA_EXCEED", "harbor.artifact.pulled", "x"])
def test_other_harbor_events_hint_at_nothing(kind: str) -> None:
    assert harbor(json.dumps(harbor_event(kind)).encode()) == ()


@pytest.mark.parametrize("kind", ["DELETE_ARTIFACT", "harbor.artifact.deleted"])
def test_a_harbor_deletion_hints_at_the_list(kind: str) -> None:
    assert harbor(json.dumps(harbor_event(kind)).encode()) == (Hint("lab/science", None),)


def test_a_harbor_push_without_a_tag_hints_at_the_list() -> None:
    event = harbor_event("PUSH_ARTIFACT", resources=[{"digest": "sha256:1"}])
    assert harbor(json.dumps(event).encode()) == (Hint("lab/science", None),)


@pytest.mark.parametrize("reader", [distribution, harbor])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b'{"events": 1}',
        b'{"events": [{"action": []}]}',
        b'{"type": 1}',
        b"[" * 100_000,
        json.dumps({"events": [{"action": "push"}] * 1001}).encode(),
        json.dumps({"type": "PUSH_ARTIFACT", "event_data": {"resources": "x"}}).encode(),
    ],
)
def test_what_is_no_event_is_refused_in_a_sentence(reader: Any, body: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        reader(body)
    assert "\n" not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["events", "type", "data", "target", "tag", "action"]), inner)
    ),
    max_leaves=20,
)


@given(JSON)
def test_no_document_raises_anything_else(document: Any) -> None:
    for reader in (distribution, harbor):
        try:
            hints = reader(json.dumps(document).encode())
        except InvalidRequest:
            continue
        assert all(hint.name for hint in hints)
