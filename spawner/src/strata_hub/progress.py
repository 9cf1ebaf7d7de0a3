"""What a progress page says while a lab starts. Pure."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from .pod_status import PodStatus, Step

REMINDER = 10.0
"""Seconds after which a step that lasts is mentioned again."""

_PERCENT: Mapping[Step, int] = MappingProxyType({
    Step.ASKED: 5,
    Step.WAITING: 15,
    Step.PREPARING: 30,
    Step.PULLING: 45,
    Step.STARTING: 75,
    Step.RUNNING: 90,
    Step.ENDED: 95,
})  # fmt: skip

_WORDS: Mapping[Step, str] = MappingProxyType({
    Step.ASKED: "Asking Kubernetes for the lab",
    Step.WAITING: "Waiting for a node with room for the lab",
    Step.PREPARING: "A node was found; it prepares the home and the network of the lab",
    Step.STARTING: "The image is on the node; the lab is starting",
    Step.RUNNING: "The lab runs; waiting until it answers",
    Step.ENDED: "The lab has ended",
})  # fmt: skip


class Narrator:
    """Tells one start, step by step, without repeating itself and without going back.

    Parameters
    ----------
    size
        Compressed bytes of the image; 0 where nobody knows.
    """

    def __init__(self, size: int = 0) -> None:
        self._size = size
        self._percent = 0
        self._last: tuple[Step, bool, str] | None = None
        self._told_at: datetime | None = None

    def tell(self, status: PodStatus, now: datetime) -> dict[str, int | str] | None:
        """Return the progress event for `status`, or None where there is nothing new to say."""
        trouble = status.trouble.sentence if status.trouble else ""
        subject = (status.step, status.scaling, trouble)
        new = subject != self._last
        if not new and self._told_at and (now - self._told_at).total_seconds() < REMINDER:
            return None
        self._last, self._told_at = subject, now
        self._percent = max(self._percent, _PERCENT[status.step])
        return {"progress": self._percent, "message": self._message(status, trouble, now, again=not new)}

    def _message(self, status: PodStatus, trouble: str, now: datetime, *, again: bool) -> str:
        parts = [self._words(status)]
        if status.since and (again or status.step is Step.PULLING):
            seconds = max(0, round((now - status.since).total_seconds()))
            parts.append(f"since {status.since:%H:%M:%S} UTC ({seconds} s)")
        sentence = ", ".join(parts) + "."
        if trouble:
            sentence += f" {trouble}"
            if status.trouble and not status.trouble.final:
                sentence += " Kubernetes tries again."
        return sentence

    def _words(self, status: PodStatus) -> str:
        if status.step is Step.PULLING:
            size = f" ({human_size(self._size)} compressed)" if self._size else ""
            return f"The node downloads the image{size}"
        if status.step is Step.WAITING and status.scaling:
            return "The cluster adds a node for the lab, which takes some minutes"
        return _WORDS[status.step]


def human_size(count: int) -> str:
    """Return bytes in the decimal unit that registries show, such as ``3.2 GB``."""
    amount = float(count)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:  # noqa: PLR2004 - the step between decimal units
            return f"{amount:.0f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
