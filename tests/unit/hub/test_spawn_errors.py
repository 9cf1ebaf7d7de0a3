"""What the page, the API and the log say of a lab that did not start."""

import json

import pytest
from jupyterhub.utils import format_exception
from strata_hub.errors import LabRefused
from strata_hub.pod_status import Step, Trouble, TroubleKind
from strata_hub.spawn_errors import cluster_silent, from_refusal, from_trouble, spawn_exception, too_slow


@pytest.mark.parametrize("kind", TroubleKind)
def test_every_kind_of_trouble_is_an_error_with_a_code_and_a_way_out(kind: TroubleKind) -> None:
    error = from_trouble(Trouble(kind, "It did not work.", "0/1 nodes."))
    assert error.code.startswith("lab.")
    assert error.hint
    assert error.sentence().startswith("It did not work. Kubernetes says: 0/1 nodes.")


def test_a_link_leads_back_to_the_form_of_the_same_server() -> None:
    raised = spawn_exception(from_trouble(Trouble(TroubleKind.IMAGE, "No image.")), "/hub/spawn/a/b")
    message, html = format_exception(raised)
    assert message == "No image. Choose another image."
    assert '<a class="strata-choose-another" href="/hub/spawn/a/b">Choose another image</a>' in html
    assert raised.message_html == html


def test_what_kubernetes_says_cannot_become_markup() -> None:
    error = from_trouble(Trouble(TroubleKind.CRASH, "It ended.", '<script>alert("x")</script>'))
    html = spawn_exception(error, '/hub/spawn/"><script>').message_html
    assert "<script>" not in html


def test_no_failed_lab_brings_the_hub_nearer_to_its_limit() -> None:
    """JupyterHub counts errors, and no SpawnException of any status."""
    from jupyterhub.spawner import SpawnException  # noqa: PLC0415 - the subject of this test

    for error in (too_slow(Step.PULLING, 300), cluster_silent("create the lab", 30), from_refusal(403, "")):
        assert isinstance(spawn_exception(error, "/"), SpawnException)


def test_a_slow_start_says_where_it_stood() -> None:
    assert "downloading the image" in str(too_slow(Step.PULLING, 290))
    assert "waiting for a node" in str(too_slow(Step.WAITING, 290))


def test_a_used_up_quota_is_told_in_words() -> None:
    body = json.dumps({"kind": "Status", "message": 'pods "x" is forbidden: exceeded quota: labs, requested: pods=1'})
    error = from_refusal(403, body)
    assert isinstance(error, LabRefused)
    assert "quota of this deployment is used up" in str(error)


@pytest.mark.parametrize("body", ["", "not json", "[]", '"text"', '{"message": null}'])
def test_any_body_of_a_refusal_is_understood(body: str) -> None:
    assert str(from_refusal(422, body)) == "Kubernetes refused to create the lab (status 422)."
