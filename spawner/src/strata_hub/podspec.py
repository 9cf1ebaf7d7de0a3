"""From a choice to what a lab is given: environment, annotations, labels, limits. Pure.

The launch environment is a contract with images that are older or newer than the hub:
``tests/contracts/launch-environment.schema.json``.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from .options import Choice

CONTRACT = "1"
PREFIX = "strata.jupyter.org"
MAX_LABEL = 63


def launch_environment(choice: Choice) -> dict[str, str]:
    """Return the variables that tell a lab what it is."""
    return {
        "STRATA_CONTRACT": CONTRACT,
        "STRATA_DEPLOYMENT": choice.deployment,
        "STRATA_IMAGE": choice.reference,
        "STRATA_IMAGE_TAG": choice.image.tag,
        "STRATA_IMAGE_DIGEST": choice.digest,
        "STRATA_IMAGE_TITLE": choice.image.display,
        "STRATA_PAYLOAD": choice.payload,
        "STRATA_SIZE": choice.size.name if choice.size else "",
        "STRATA_SAFE_MODE": "1" if choice.safe_mode else "0",
        "STRATA_DEBUG": "1" if choice.debug else "0",
    }


def annotations(choice: Choice) -> dict[str, str]:
    """Return what provenance needs, in full length: annotations have no limit that a tag could reach."""
    return {
        f"{PREFIX}/deployment": choice.deployment,
        f"{PREFIX}/payload": choice.payload,
        f"{PREFIX}/image": choice.reference,
        f"{PREFIX}/image-tag": choice.image.tag,
        f"{PREFIX}/image-digest": choice.digest,
        f"{PREFIX}/image-title": choice.image.display,
        f"{PREFIX}/image-stack": choice.image.stack,
        f"{PREFIX}/image-cycle": choice.image.cycle,
        f"{PREFIX}/intent": choice.intent,
        f"{PREFIX}/size": choice.size.name if choice.size else "",
        f"{PREFIX}/safe-mode": "true" if choice.safe_mode else "false",
    }


def labels(choice: Choice) -> dict[str, str]:
    """Return labels to select pods by; values that do not fit are shortened, and stay distinct."""
    return {
        f"{PREFIX}/payload": label_value(choice.payload),
        f"{PREFIX}/tag": label_value(choice.image.tag),
        f"{PREFIX}/size": label_value(choice.size.name if choice.size else ""),
    }


def label_value(text: str) -> str:
    """Return `text` as the value of a Kubernetes label.

    The rule is Kubernetes': at most 63 characters, letters, digits, ``-``, ``_`` and ``.``, first and last a letter or
    digit, or nothing. A text that already is one is kept; any other gets a hash of the whole text, so that two
    different texts never share a value.
    """
    if re.fullmatch(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?", text, re.ASCII) and not _HASHED.fullmatch(
        text
    ):
        return text
    mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    stem = re.sub(r"[^A-Za-z0-9]+", "-", text[: MAX_LABEL - 15]).strip("-")
    return f"{stem}--{mark}".lstrip("-")


_HASHED = re.compile(r"(.*--)?[0-9a-f]{12}", re.ASCII)


@dataclass(frozen=True)
class Resources:
    """Limits and guarantees of a lab, under the names of JupyterHub's spawner traits."""

    cpu_limit: float
    cpu_guarantee: float
    mem_limit: int
    """Bytes."""
    mem_guarantee: int
    """Bytes."""


def resources(choice: Choice) -> Resources | None:
    """Return what the chosen size gives; None where the deployment declares no sizes."""
    size = choice.size
    if size is None:
        return None
    return Resources(
        cpu_limit=size.cpu_limit,
        cpu_guarantee=size.cpu_request,
        mem_limit=size.memory_limit,
        mem_guarantee=size.memory_request,
    )


def literal(values: Mapping[str, str]) -> dict[str, str]:
    """Return `values` such that `str.format` gives them back unchanged.

    KubeSpawner expands annotations and labels as format strings; a brace in a tag or a label of an image would fail a
    spawn, or reveal attributes of the user object.
    """
    return {key: value.replace("{", "{{").replace("}", "}}") for key, value in values.items()}
