"""From what went wrong with a pod to what the page, the API and the log of the hub say.

Every error here ends a start as a ``SpawnException``: the hub logs one line, and is not brought nearer to its limit of
consecutive failures, since no restart of the hub would help.
"""

import json
from collections.abc import Mapping
from html import escape
from types import MappingProxyType

from jupyterhub.spawner import SpawnException

from .errors import (
    ClusterSilent,
    LabCrashed,
    LabFailed,
    LabImageFailed,
    LabOutOfMemory,
    LabRefused,
    LabRemoved,
    LabTooSlow,
    LabUnschedulable,
    StrataError,
)
from .pod_status import Step, Trouble, TroubleKind, shorten

_OF_TROUBLE: Mapping[TroubleKind, tuple[type[LabFailed], str]] = MappingProxyType({
    TroubleKind.IMAGE: (LabImageFailed, "Choose another image."),
    TroubleKind.MEMORY: (LabOutOfMemory, "Choose a larger size, or another image."),
    TroubleKind.CRASH: (LabCrashed, "Choose another image, or start in safe mode."),
    TroubleKind.NODE: (LabUnschedulable, "Choose a smaller size, or try again later."),
    TroubleKind.POD: (LabRemoved, "Start it again."),
})  # fmt: skip

_WAITED_FOR: Mapping[Step, str] = MappingProxyType({
    Step.ASKED: "Kubernetes had not shown the lab's pod yet",
    Step.WAITING: "it was waiting for a node",
    Step.PREPARING: "its node was preparing volumes and network",
    Step.PULLING: "its node was downloading the image",
    Step.STARTING: "its containers were starting",
    Step.RUNNING: "it was running, and did not answer yet",
    Step.ENDED: "it had ended",
})  # fmt: skip


def from_trouble(trouble: Trouble) -> LabFailed:
    """Return the error that says what `trouble` is and what to do."""
    kind, hint = _OF_TROUBLE[trouble.kind]
    return kind(_with_detail(trouble.sentence, trouble.detail), hint=hint)


def too_slow(step: Step, seconds: float, detail: str = "") -> LabTooSlow:
    """Return the error of a lab that was not ready after `seconds`, saying where it stood."""
    sentence = f"The lab was not ready after {seconds:.0f} seconds: {_WAITED_FOR[step]}."
    return LabTooSlow(_with_detail(sentence, detail), hint="Try again, or choose another image.")


def cluster_silent(what: str, seconds: float) -> ClusterSilent:
    """Return the error of an API server that did not let us `what` for `seconds`."""
    return ClusterSilent(f"Kubernetes did not let the hub {what} for {seconds:.0f} seconds.", hint="Try again later.")


def from_refusal(status: int, body: str) -> LabFailed:
    """Return the error of a request that the API server refused for good.

    Parameters
    ----------
    status
        The HTTP status of the refusal.
    body
        Its body: a Kubernetes ``Status`` document, or anything.
    """
    try:
        document = json.loads(body)
        words = str(document.get("message") or "") if isinstance(document, dict) else ""
    except ValueError:
        words = ""
    if "exceeded quota" in words:
        return LabRefused(
            _with_detail("The quota of this deployment is used up.", words), hint="Stop another lab, or try later."
        )
    sentence = f"Kubernetes refused to create the lab (status {status})."
    return LabRefused(_with_detail(sentence, words), hint="Tell the administrators of this hub.")


def spawn_exception(error: StrataError, choose_url: str) -> SpawnException:
    """Return what JupyterHub shows for `error`, with a link back to the form.

    Parameters
    ----------
    error
        What went wrong.
    choose_url
        The page on which another image can be chosen for this server.
    """
    sentence = error.sentence()
    link = f'<a class="strata-choose-another" href="{escape(choose_url)}">Choose another image</a>'
    html = f"{escape(sentence)} {link}"
    raised = SpawnException(sentence, reason=error.code, message_html=html, status_code=error.status)
    # JupyterHub's progress page reads these two, and shows the exception's representation without them.
    raised.jupyterhub_message = sentence
    raised.jupyterhub_html_message = html
    return raised


def _with_detail(sentence: str, detail: str) -> str:
    words = shorten(detail).rstrip(". ")
    return f"{sentence} Kubernetes says: {words}." if words else sentence
