"""The ``pip`` of terminals and notebooks: what it installs lands in the user's environment, planned and undoable.

``install`` and ``uninstall`` become operations on the environment of the kernel, or on the default one; everything else
goes to the real pip, bound to that environment's interpreter.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from strata_lab import activation, restarts
from strata_lab.changes import Install, Upgrade
from strata_lab.environments import Record
from strata_lab.errors import NotFound, Refused, StrataError
from strata_lab.image_contract import ImageContract, contract_path, load
from strata_lab.kernel_catalogue import site_packages
from strata_lab.kernels import DEFAULT_ENVIRONMENT
from strata_lab.layout import Layout
from strata_lab.operations import Operations
from strata_lab.pip_words import change
from strata_lab.plans import Consent, Plan
from strata_lab.stack import describe

ENVIRONMENT_VARIABLE = "STRATA_ENVIRONMENT"
RESULT_VARIABLE = "STRATA_PIP_RESULT"


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run one command of pip and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    environ = os.environ if environ is None else environ
    try:
        return _run(words, environ)
    except StrataError as error:
        _say(f"ERROR: {error.sentence()}", error=True)
        return 1
    except KeyboardInterrupt:
        _say("Cancelled; nothing was changed.", error=True)
        return 130


def _run(words: list[str], environ: Mapping[str, str]) -> int:
    command = next((word for word in words if not word.startswith("-")), "")
    if command not in {"install", "uninstall"} or {"-h", "--help"} & set(words):
        return _pass_on(words, environ)
    contract = load(contract_path(environ))
    layout = Layout.of(contract, environ)
    name = environ.get(ENVIRONMENT_VARIABLE) or DEFAULT_ENVIRONMENT
    request = change(words[words.index(command) + 1 :], command, name, exists=layout.current(name).is_symlink())
    stack = describe(contract, layout.cache, environ=activation.environment(contract, environ))
    operations = Operations(layout, stack, interface="pip", environ=environ)
    before = layout.current(name).resolve() if layout.current(name).is_symlink() else None
    try:
        plan = operations.plan(request)
    except NotFound:
        if not isinstance(request, Upgrade):
            raise
        # What the environment does not hold yet is installed, as pip does.
        request = Install(environment=name, requirements=request.names)
        plan = operations.plan(request)
    _show(plan)
    if plan.refusals:
        raise Refused(" ".join(plan.refusals))
    consent = Consent.to(plan) if plan.needs_consent and _agreed(plan) else None
    record = operations.execute(request, consent)
    _finish(record, layout, before, environ)
    return 0


def _show(plan: Plan) -> None:
    """Say what will happen, shortly."""
    if plan.satisfied:
        _say(f"The stack has it already: {', '.join(plan.satisfied)}.")
    if plan.added:
        _say(f"Adds to {plan.environment}: {', '.join(f'{item.name} {item.version}' for item in plan.added)}.")
    for item in plan.upgraded:
        _say(f"Changes {item.name} from {item.old} to {item.new}.")
    if plan.removed:
        _say(f"Removes {', '.join(plan.removed)}.")
    for shadow in plan.shadowing:
        hurt = [one.name for one in shadow.dependents if not one.satisfied]
        told = f"; {', '.join(hurt)} of the stack were not made for it" if hurt else ""
        _say(f"Replaces {shadow.name} {shadow.stack_version} of the stack by {shadow.new_version} here{told}.")
    for built in plan.builds:
        _say(f"Builds {built} from source, which runs its code.")


def _agreed(plan: Plan) -> bool:
    """Ask in a terminal; elsewhere say how to agree."""
    if not sys.stdin.isatty():
        names = " ".join(item.name for item in plan.shadowing) or plan.environment
        _say(f"This needs your consent ({names}): agree in Packages, or run it in a terminal.", error=True)
        return False
    sys.stdout.write("Go on? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _finish(record: Record, layout: Layout, before: Path | None, environ: Mapping[str, str]) -> None:
    """Say what was done, and tell a waiting kernel which modules changed."""
    after = layout.generation(record.generation)
    _say(f"Done: {record.environment} is at {record.generation}. `strata undo {record.environment}` takes it back.")
    result = environ.get(RESULT_VARIABLE)
    if not result:
        return
    site = site_packages(layout.current(record.environment))
    modules = sorted(restarts.changed_modules(before, after))
    document = {"environment": record.environment, "site": str(site) if site else None, "modules": modules}
    try:
        Path(result).write_text(json.dumps(document), encoding="utf-8")
    except OSError as error:
        _say(f"The kernel could not be told what changed: {error}.", error=True)


def _pass_on(words: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the machinery's pip on the interpreter of the environment, or of the stack where there is none."""
    contract = load(contract_path(environ))
    python = interpreter(contract, environ)
    variables = {**activation.for_kernel(contract, environ).environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    command = [sys.executable, "-I", "-m", "pip", "--python", str(python), *words]
    return subprocess.run(command, env=variables, check=False).returncode  # noqa: S603 - the user's own pip command


def interpreter(contract: ImageContract, environ: Mapping[str, str]) -> Path:
    """Return the interpreter that ``pip`` speaks of: the current environment's, or the stack's."""
    name = environ.get(ENVIRONMENT_VARIABLE) or DEFAULT_ENVIRONMENT
    python = Layout.of(contract, environ).current(name) / "bin" / "python"
    return python if python.exists() else contract.stack.python


def _say(text: str, *, error: bool = False) -> None:
    stream = sys.stderr if error else sys.stdout
    stream.write(text + "\n")
    stream.flush()


if __name__ == "__main__":
    sys.exit(main())
