"""What a pod's status and events mean to the person who waits for it. Pure.

The reading depends only on the newest documents, never on the order in which they came: a watch may repeat, drop or
reorder events, and a list may be a moment old.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Any

Document = Mapping[str, Any]

MAIN_CONTAINER = "notebook"
"""The name that KubeSpawner gives to the container of the lab."""
MAX_DETAIL = 400


class Step(IntEnum):
    """How far a pod is, in the order in which it gets there."""

    ASKED = 0
    """Kubernetes has not shown the pod yet."""
    WAITING = 1
    """It has no node yet."""
    PREPARING = 2
    """It has a node, which prepares volumes and network."""
    PULLING = 3
    """Its node downloads the image."""
    STARTING = 4
    """The image is there; the containers start."""
    RUNNING = 5
    """Every container runs."""
    ENDED = 6
    """The pod is over, or is being deleted."""


class TroubleKind(StrEnum):
    """What a pod cannot overcome by itself, by what a user can do about it."""

    IMAGE = "image"
    MEMORY = "memory"
    CRASH = "crash"
    NODE = "node"
    POD = "pod"


@dataclass(frozen=True)
class Trouble:
    """Why a pod does not get further."""

    kind: TroubleKind
    sentence: str
    detail: str = ""
    """The words of Kubernetes, shortened."""
    final: bool = True
    """False where Kubernetes tries again with some hope."""


@dataclass(frozen=True)
class PodStatus:
    """One reading of a pod."""

    step: Step
    since: datetime | None = None
    """When this step began (UTC), where Kubernetes says so."""
    trouble: Trouble | None = None
    scaling: bool = False
    """True where a new node was asked for, so that waiting has a point."""


_IMAGE_FINAL = frozenset({"InvalidImageName", "ErrImageNeverPull"})
_IMAGE = _IMAGE_FINAL | {
    "ErrImagePull",
    "ImagePullBackOff",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
}
_CONTAINER = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreCreateHookError"}
)
_HOPELESS = re.compile(
    r"not found|manifest unknown|name unknown|denied|unauthori[sz]ed|forbidden|no match for platform"
    r"|invalid reference|authentication required|unsupported media type|unsupported manifest",
    re.IGNORECASE | re.ASCII,
)
_KILLED_FOR_MEMORY = "OOMKilled"


def read(pod: Document | None, events: Iterable[Document] = ()) -> PodStatus:
    """Return what is known of a pod.

    Parameters
    ----------
    pod
        The pod as the API server returns it, or None where it is not there yet.
    events
        Events of the namespace, in any order and any number; those of other pods are passed over.
    """
    if pod is None:
        return PodStatus(Step.ASKED)
    metadata, status = pod.get("metadata") or {}, pod.get("status") or {}
    uid = metadata.get("uid")
    mine = [event for event in events if uid and (event.get("involvedObject") or {}).get("uid") == uid]
    if metadata.get("deletionTimestamp"):
        gone = Trouble(TroubleKind.POD, "The lab was removed from the cluster while it started.")
        return PodStatus(Step.ENDED, _time(metadata["deletionTimestamp"]), gone)
    containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    trouble = _phase_trouble(status) or _container_trouble(containers)
    if not _scheduled(pod, status):
        return _unscheduled(metadata, status, mine, trouble)
    if status.get("phase") in {"Failed", "Succeeded"}:
        return PodStatus(Step.ENDED, None, trouble)
    return PodStatus(*_progress(metadata, status, containers, mine), trouble)


def _scheduled(pod: Document, status: Document) -> bool:
    return bool((pod.get("spec") or {}).get("nodeName")) or bool(status.get("containerStatuses"))


def _unscheduled(
    metadata: Document, status: Document, events: Sequence[Document], trouble: Trouble | None
) -> PodStatus:
    condition = _condition(status, "PodScheduled")
    scaling = any(event.get("reason") == "TriggeredScaleUp" for event in events)
    if trouble is None and condition.get("status") == "False" and condition.get("reason") == "Unschedulable":
        words = str(condition.get("message") or "")
        trouble = Trouble(
            TroubleKind.NODE, "No node of the cluster has room for a lab of this size.", shorten(words), final=False
        )
    since = _time(condition.get("lastTransitionTime")) or _time(metadata.get("creationTimestamp"))
    return PodStatus(Step.WAITING, since, trouble, scaling)


def _progress(
    metadata: Document, status: Document, containers: Sequence[Document], events: Sequence[Document]
) -> tuple[Step, datetime | None]:
    if status.get("phase") == "Running" and containers and all(_up(container) for container in containers):
        return Step.RUNNING, _latest(
            _time((c.get("state") or {}).get("running", {}).get("startedAt")) for c in containers
        )
    if any("running" in (container.get("state") or {}) for container in containers):
        return Step.STARTING, None
    pulling = _latest(_event_time(event) for event in events if event.get("reason") == "Pulling")
    pulled = _latest(_event_time(event) for event in events if event.get("reason") in {"Pulled", "Created", "Started"})
    if pulling and (pulled is None or pulled < pulling):
        return Step.PULLING, pulling
    if pulled:
        return Step.STARTING, pulled
    scheduled = _time(_condition(status, "PodScheduled").get("lastTransitionTime"))
    return Step.PREPARING, scheduled or _time(metadata.get("creationTimestamp"))


def _up(container: Document) -> bool:
    state = container.get("state") or {}
    return "running" in state or (state.get("terminated") or {}).get("exitCode") == 0


def _phase_trouble(status: Document) -> Trouble | None:
    if status.get("phase") != "Failed" or not status.get("reason"):
        return None
    reason, words = str(status["reason"]), shorten(str(status.get("message") or ""))
    if reason == "Evicted":
        return Trouble(TroubleKind.POD, "The node ran short of room and removed the lab.", words)
    if reason.startswith("OutOf"):
        return Trouble(TroubleKind.NODE, "The node had no room left for a lab of this size.", words)
    return Trouble(TroubleKind.POD, f"The cluster ended the lab ({reason}).", words)


def _container_trouble(containers: Iterable[Document]) -> Trouble | None:
    found = [trouble for container in containers if (trouble := _one_container(container))]
    # A killed or missing container explains more than one that merely waits for it.
    return min(found, key=lambda trouble: list(TroubleKind).index(trouble.kind), default=None)


def _one_container(container: Document) -> Trouble | None:
    name = str(container.get("name") or "")
    who = "The lab" if name == MAIN_CONTAINER else f"The container {name!r} of the lab"
    state = container.get("state") or {}
    waiting = state.get("waiting") or {}
    reason, words = str(waiting.get("reason") or ""), shorten(str(waiting.get("message") or ""))
    if "running" in state:
        # What it was before is past: only another end of it would tell that it cannot run.
        return None
    last = state.get("terminated") or (container.get("lastState") or {}).get("terminated") or {}
    if last.get("reason") == _KILLED_FOR_MEMORY:
        return Trouble(TroubleKind.MEMORY, f"{who} needed more memory than its size allows, and was ended.")
    if reason in _IMAGE:
        return _image_trouble(reason, words)
    if reason in _CONTAINER:
        return Trouble(TroubleKind.CRASH, f"{who} could not be started ({reason}).", words)
    looping = reason == "CrashLoopBackOff" or int(container.get("restartCount") or 0) > 0
    if reason == "CrashLoopBackOff" or last.get("exitCode") or ("terminated" in state and name == MAIN_CONTAINER):
        return _crash(who, last, words, looping=looping)
    return None


def _image_trouble(reason: str, words: str) -> Trouble:
    if reason == "InvalidImageName":
        return Trouble(TroubleKind.IMAGE, "The name of the image is not one that can be pulled.", words)
    if reason == "ErrImageNeverPull":
        return Trouble(TroubleKind.IMAGE, "The image is not on the node, and must not be pulled.", words)
    final = bool(_HOPELESS.search(words))
    return Trouble(TroubleKind.IMAGE, "The image could not be downloaded.", words, final=final)


def _crash(who: str, last: Document, words: str, *, looping: bool) -> Trouble:
    code = last.get("exitCode")
    how = "at once" if code is None else f"with exit status {code}"
    often = " again and again" if looping else ""
    said = shorten(str(last.get("message") or "") or words)
    return Trouble(TroubleKind.CRASH, f"{who} ended{often} {how} while it started.", said, final=looping or code == 0)


def shorten(words: str) -> str:
    """Return `words` on one line, and its end where it is long: that is where a log says what went wrong."""
    line = " ".join(words.split())
    return line if len(line) <= MAX_DETAIL else "… " + line[-MAX_DETAIL:]


def _condition(status: Document, kind: str) -> Document:
    conditions: Sequence[Document] = status.get("conditions") or ()
    return next((condition for condition in conditions if condition.get("type") == kind), {})


def _event_time(event: Document) -> datetime | None:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return _latest(_time(time) for time in times) or _time((event.get("metadata") or {}).get("creationTimestamp"))


def _latest(times: Iterable[datetime | None]) -> datetime | None:
    return max((time for time in times if time), default=None)


def _time(text: object) -> datetime | None:
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
