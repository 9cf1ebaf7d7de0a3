"""Which running kernels must be restarted after a change: those that have imported what changed. They are asked."""

import ast
import asyncio
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any, Protocol

TIMEOUT = 10.0
_QUESTION = "__import__('json').dumps(sorted(set(__import__('sys').modules) & set({names!r})))"


class Answer(StrEnum):
    """What a kernel answered."""

    RESTART = "restart"
    CURRENT = "current"
    BUSY = "busy"
    SILENT = "silent"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do with one running kernel.

    Attributes
    ----------
    modules
        Those that it imported before they changed.
    sentence
        For people.
    """

    kernel_id: str
    name: str
    answer: Answer
    modules: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """Return the advice as one sentence."""
        return {
            Answer.RESTART: f"Restart it to use the new {', '.join(self.modules)}.",
            Answer.CURRENT: "It has not imported anything that changed.",
            Answer.BUSY: "It is busy, so it could not be asked.",
            Answer.SILENT: f"It did not answer within {TIMEOUT:.0f} seconds.",
            Answer.OTHER: "It is not a Python kernel of Strata, so the change does not reach it.",
        }[self.answer]


def changed_modules(before: Path | None, after: Path | None) -> set[str]:
    """Return the top-level modules of distributions whose version differs between two generations.

    Parameters
    ----------
    before, after
        Prefixes of generations; None where there was none.
    """
    old, new = _held(before), _held(after)
    return {
        module
        for name in old.keys() | new.keys()
        if old.get(name, ("", set()))[0] != new.get(name, ("", set()))[0]
        for module in old.get(name, ("", set()))[1] | new.get(name, ("", set()))[1]
    }


def _held(prefix: Path | None) -> dict[str, tuple[str, set[str]]]:
    """Return version and top-level modules of each distribution of a prefix."""
    if prefix is None:
        return {}
    path = [str(folder) for folder in prefix.glob("lib/python3*/site-packages")]
    return {found.name: (found.version, top_level(found)) for found in distributions(path=path)} if path else {}


def top_level(distribution: Distribution) -> set[str]:
    """Return the names that a distribution adds to what can be imported, from the list of its files."""
    found = set()
    for path in distribution.files or ():
        first = path.parts[0]
        if first.endswith((".dist-info", ".data")) or first in {"..", "__pycache__"}:
            continue
        if len(path.parts) > 1:
            found.add(first)
        elif path.suffix in {".py", ".so", ".pyd"}:
            found.add(first.partition(".")[0])
    return {name for name in found if name.isidentifier()}


class KernelManagers(Protocol):
    """The part of Jupyter's mapping kernel manager that is needed here."""

    def list_kernel_ids(self) -> list[str]:
        """Return the ids of running kernels."""

    def get_kernel(self, kernel_id: str) -> Any:  # noqa: ANN401 - Jupyter's kernel manager, which has no types
        """Return the manager of one kernel."""


async def advise(
    kernel_manager: KernelManagers, modules: Collection[str], environments: Iterable[str] | None = None
) -> list[Advice]:
    """Ask every running kernel of an environment which of `modules` it has imported.

    Parameters
    ----------
    kernel_manager
        The server's.
    modules
        Top-level names that changed.
    environments
        Names whose kernels are asked; by default the kernels of all environments and of the stack.
    """
    wanted = None if environments is None else set(environments)
    questions = []
    for kernel_id in list(kernel_manager.list_kernel_ids()):
        kernel = kernel_manager.get_kernel(kernel_id)
        facts = (kernel.kernel_spec.metadata or {}).get("strata") if kernel.kernel_spec else None
        if facts is not None and wanted is not None and facts.get("environment") not in wanted:
            continue
        questions.append(_ask(kernel_id, kernel, modules, ours=facts is not None))
    return list(await asyncio.gather(*questions))


async def _ask(kernel_id: str, kernel: Any, modules: Collection[str], *, ours: bool) -> Advice:  # noqa: ANN401 - as above
    """Ask one kernel, without a trace in its history or its output."""
    name = kernel.kernel_spec.display_name if kernel.kernel_spec else kernel.kernel_name
    if not ours:
        return Advice(kernel_id, name, Answer.OTHER)
    if getattr(kernel, "execution_state", "idle") == "busy":
        return Advice(kernel_id, name, Answer.BUSY)
    client = kernel.client()
    client.start_channels(iopub=False, stdin=False, hb=False, control=False)
    try:
        expression = _QUESTION.format(names=sorted(modules))
        message = client.execute("", silent=True, store_history=False, user_expressions={"strata": expression})
        async with asyncio.timeout(TIMEOUT):
            reply = await client.get_shell_msg()
            while reply["parent_header"].get("msg_id") != message:
                reply = await client.get_shell_msg()
        told = json.loads(ast.literal_eval(reply["content"]["user_expressions"]["strata"]["data"]["text/plain"]))
    except (TimeoutError, KeyError, ValueError, SyntaxError):
        state = getattr(kernel, "execution_state", "")
        return Advice(kernel_id, name, Answer.BUSY if state == "busy" else Answer.SILENT)
    finally:
        client.stop_channels()
    found = tuple(str(module) for module in told)
    return Advice(kernel_id, name, Answer.RESTART if found else Answer.CURRENT, found)
