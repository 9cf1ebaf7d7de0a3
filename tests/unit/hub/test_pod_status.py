"""Reading a pod: from documents as Kubernetes writes them to what a user is told."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strata_hub.pod_status import MAX_DETAIL, Step, TroubleKind, read

Document = dict[str, Any]
UID = "11111111-2222-3333-4444-555555555555"


def pod(
    *containers: Document,
    phase: str = "Pending",
    node: str = "node-1",
    conditions: tuple[Document, ...] = (),
    **status: Any,
) -> Document:
    return {
        "metadata": {"name": "jupyter-a", "uid": UID, "creationTimestamp": "2026-06-01T12:00:00Z"},
        "spec": {"nodeName": node} if node else {},
        "status": {"phase": phase, "containerStatuses": list(containers), "conditions": list(conditions), **status},
    }


def waiting(reason: str, message: str = "", **more: Any) -> Document:
    return {"name": "notebook", "state": {"waiting": {"reason": reason, "message": message}}, **more}


def ended(code: int, reason: str = "Error", message: str = "", **more: Any) -> Document:
    state = {"terminated": {"exitCode": code, "reason": reason, "message": message}}
    return {"name": "notebook", "state": state, **more}


RUNNING = {"name": "notebook", "ready": True, "state": {"running": {"startedAt": "2026-06-01T12:00:30Z"}}}


def event(reason: str, second: int, uid: str = UID) -> Document:
    return {
        "metadata": {"name": f"{reason}-{second}", "uid": f"{reason}{second}"},
        "involvedObject": {"uid": uid},
        "reason": reason,
        "lastTimestamp": f"2026-06-01T12:00:{second:02}Z",
    }


def test_no_pod_is_a_request_that_kubernetes_has_not_shown_yet() -> None:
    assert read(None).step is Step.ASKED


def test_a_pod_without_a_node_waits_for_one() -> None:
    status = read(pod(node=""))
    assert (status.step, status.trouble) == (Step.WAITING, None)
    assert status.since == datetime(2026, 6, 1, 12, tzinfo=UTC)


UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/3 nodes are available: 3 Insufficient memory.",
    "lastTransitionTime": "2026-06-01T12:00:01Z",
}


def test_a_size_that_no_node_has_room_for_is_trouble_that_may_pass() -> None:
    trouble = read(pod(node="", conditions=(UNSCHEDULABLE,))).trouble
    assert trouble
    assert (trouble.kind, trouble.final) == (TroubleKind.NODE, False)
    assert "Insufficient memory" in trouble.detail


def test_a_node_that_was_asked_for_is_worth_waiting_for() -> None:
    assert read(pod(node="", conditions=(UNSCHEDULABLE,)), [event("TriggeredScaleUp", 3)]).scaling


def test_a_pull_is_told_with_the_time_since_when() -> None:
    status = read(pod(waiting("ContainerCreating")), [event("Scheduled", 1), event("Pulling", 2)])
    assert status.step is Step.PULLING
    assert status.since == datetime(2026, 6, 1, 12, 0, 2, tzinfo=UTC)


def test_a_pull_that_is_over_is_over() -> None:
    events = [event("Pulling", 2), event("Pulled", 9)]
    assert read(pod(waiting("ContainerCreating")), events).step is Step.STARTING


def test_without_events_a_node_prepares() -> None:
    assert read(pod(waiting("ContainerCreating"))).step is Step.PREPARING


def test_a_pod_whose_containers_run_runs() -> None:
    assert read(pod(RUNNING, phase="Running")).step is Step.RUNNING


@pytest.mark.parametrize(
    ("reason", "message", "final"),
    [
        ("InvalidImageName", "couldn't parse image name", True),
        ("ErrImageNeverPull", "not present with pull policy of Never", True),
        ("ErrImagePull", "manifest unknown: manifest sha256:00 not found", True),
        ("ImagePullBackOff", "Back-off pulling image: 401 Unauthorized", True),
        ("ErrImagePull", "no match for platform in manifest", True),
        ("ErrImagePull", "dial tcp 10.0.0.1:443: i/o timeout", False),
        ("ImagePullBackOff", "Back-off pulling image", False),
    ],
)
def test_an_image_that_cannot_be_pulled_is_final_where_trying_again_has_no_hope(
    reason: str, message: str, final: bool
) -> None:
    trouble = read(pod(waiting(reason, message))).trouble
    assert trouble
    assert (trouble.kind, trouble.final) == (TroubleKind.IMAGE, final)


@pytest.mark.parametrize(
    "container",
    [
        ended(137, "OOMKilled"),
        {**waiting("CrashLoopBackOff"), "lastState": ended(137, "OOMKilled")["state"], "restartCount": 1},
    ],
)
def test_a_lab_that_was_killed_for_memory_is_told_so(container: Document) -> None:
    trouble = read(pod(container)).trouble
    assert trouble
    assert (trouble.kind, trouble.final) == (TroubleKind.MEMORY, True)


def test_a_crash_loop_quotes_the_last_words_of_the_lab() -> None:
    last = ended(3, message="Traceback ...\nImportError: No module named 'jupyterlab'")["state"]
    trouble = read(pod({**waiting("CrashLoopBackOff", "back-off 10s"), "lastState": last, "restartCount": 1})).trouble
    assert trouble
    assert (trouble.kind, trouble.final) == (TroubleKind.CRASH, True)
    assert trouble.detail.endswith("ImportError: No module named 'jupyterlab'")
    assert "exit status 3" in trouble.sentence


def test_one_crash_may_pass_and_a_second_does_not() -> None:
    first, second = read(pod(ended(1))).trouble, read(pod(ended(1, restartCount=1))).trouble
    assert first
    assert second
    assert (first.final, second.final) == (False, True)


def test_a_lab_that_runs_again_after_a_crash_is_in_no_trouble() -> None:
    assert read(pod({**RUNNING, "lastState": ended(1)["state"], "restartCount": 1}, phase="Running")).trouble is None


def test_a_lab_that_ends_in_peace_did_not_start_either() -> None:
    trouble = read(pod(ended(0, "Completed"), phase="Succeeded")).trouble
    assert trouble
    assert trouble.final


def test_an_init_container_that_is_done_is_no_trouble() -> None:
    init = {"name": "home", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
    status = read(pod(waiting("PodInitializing"), initContainerStatuses=[init]))
    assert (status.step, status.trouble) == (Step.PREPARING, None)


def test_an_init_container_that_fails_is_named() -> None:
    init = {"name": "home", "state": {"terminated": {"exitCode": 2}}, "restartCount": 3}
    trouble = read(pod(waiting("PodInitializing"), initContainerStatuses=[init])).trouble
    assert trouble
    assert "'home'" in trouble.sentence


@pytest.mark.parametrize(
    ("reason", "kind"), [("Evicted", TroubleKind.POD), ("OutOfcpu", TroubleKind.NODE), ("NodeLost", TroubleKind.POD)]
)
def test_a_pod_that_the_cluster_ended_says_why(reason: str, kind: TroubleKind) -> None:
    status = read(pod(phase="Failed", reason=reason, message="The node was low on resource."))
    assert status.step is Step.ENDED
    assert status.trouble
    assert status.trouble.kind is kind


def test_a_pod_that_is_being_deleted_has_ended() -> None:
    document = pod(RUNNING, phase="Running")
    document["metadata"]["deletionTimestamp"] = "2026-06-01T12:01:00Z"
    assert read(document).step is Step.ENDED


def test_a_long_message_keeps_its_end() -> None:
    trouble = read(pod(waiting("CreateContainerError", "x" * 10_000 + " the reason"))).trouble
    assert trouble
    assert trouble.detail.endswith("the reason")
    assert len(trouble.detail) <= MAX_DETAIL + 2


EVENTS = [event("Scheduled", 1), event("Pulling", 2), event("Pulled", 9), event("Created", 10), event("Started", 11)]
OTHERS = [event("Pulling", 50, "other"), event("TriggeredScaleUp", 51, "other")]


@given(st.lists(st.sampled_from(EVENTS), unique_by=lambda e: e["reason"]), st.randoms(use_true_random=False), st.data())
def test_events_may_come_in_any_order_and_any_number(seen: list[Document], random: Any, data: st.DataObject) -> None:
    """The reading depends only on the newest documents, never on the order in which they came."""
    document = pod(waiting("ContainerCreating"))
    again = data.draw(st.lists(st.sampled_from([*seen, *OTHERS]), max_size=10))
    mixed = [*seen, *again]
    random.shuffle(mixed)
    assert read(document, mixed) == read(document, seen)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "phase": st.sampled_from(["Pending", "Running", "Succeeded", "Failed", "Unknown"]),
            "reason": st.none() | st.text(max_size=9),
            "message": st.none() | st.text(max_size=9),
            "containerStatuses": st.none()
            | st.lists(
                st.fixed_dictionaries(
                    {"name": st.sampled_from(["notebook", "other"])},
                    optional={
                        "state": st.none()
                        | st.sampled_from([RUNNING["state"], ended(1)["state"], ended(0)["state"]])
                        | st.builds(lambda reason: {"waiting": {"reason": reason}}, st.none() | st.text(max_size=9)),
                        "restartCount": st.integers(0, 9),
                    },
                ),
                max_size=3,
            ),
            "conditions": st.none() | st.just([UNSCHEDULABLE]),
        },
    )
)
def test_no_status_is_too_strange_to_be_read(status: Document) -> None:
    read({"metadata": {"uid": UID}, "status": status})
