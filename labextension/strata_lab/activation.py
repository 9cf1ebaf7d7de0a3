"""Set up a stack that needs more than its interpreter: conda's activate scripts, or a site's own script.

What activation does is constant for an image, so its effect on the environment is captured once, kept off the home, and
replayed: a kernel then starts as fast as one that needs no activation. Only a set-up script of the user's, which must
run after the image's in the same shell, is sourced at each start; whatever it does, the kernel gets at least the
activated stack, and the script's messages are passed on.
"""

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from strata_lab import userview
from strata_lab.environment_change import Change, difference
from strata_lab.errors import StackUnusable
from strata_lab.image_contract import ImageContract, StackKind
from strata_lab.layout import Layout, make_private
from strata_lab.sourcing import Script, source

TIMEOUT = 120.0
USER_TIMEOUT = 30.0
_REPORT_LIMIT = 4000
# Besides the image, a script may look at these.
_IDENTITY = ("HOME", "LANG", "LC_ALL", "LOGNAME", "SHELL", "TERM", "TZ", "USER")


@dataclass(frozen=True, slots=True)
class Activated:
    """The environment inside activation.

    Attributes
    ----------
    environ
        Complete; nothing needs to be added to run the stack's interpreter.
    report
        What the user's set-up script printed on standard error, or why it was not finished; empty when all went well.
    sourced
        Whether a shell ran for this, instead of a replay.
    """

    environ: Mapping[str, str]
    report: str = ""
    sourced: bool = False


def scripts(contract: ImageContract) -> tuple[Script, ...]:
    """Return what is sourced to set the stack up, in order; empty for a stack that only needs its interpreter."""
    stack = contract.stack
    found: list[Script] = []
    if stack.kind is StackKind.CONDA:
        folder = stack.python.parent.parent / "etc" / "conda" / "activate.d"
        found.extend(Script(path) for path in sorted(folder.glob("*.sh")))
    if stack.activation is not None:
        found.append(Script(stack.activation.script, stack.activation.arguments))
    return tuple(found)


def user_setup(contract: ImageContract, environ: Mapping[str, str]) -> Path | None:
    """Return the user's set-up script, where the image has such a custom, the user has one, and it holds a command.

    In safe mode there is none.
    """
    activation = contract.stack.activation
    home = environ.get("HOME", "")
    if activation is None or not activation.user_setup or environ.get("STRATA_SAFE_MODE") == "1" or not home:
        return None
    path = Path(home, activation.user_setup.removeprefix("~/"))
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return path if any(line.strip() and not line.lstrip().startswith("#") for line in lines) else None


def environment(contract: ImageContract, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables that activation sets, with nothing of the user's in them; empty where there is none.

    Parameters
    ----------
    contract
        Says how the stack is set up.
    environ
        The server's environment; by default this process's.

    Raises
    ------
    StackUnusable
        The image's script fails, does not end within two minutes, or there is no bash.
    """
    environ = os.environ if environ is None else environ
    if not scripts(contract):
        return {}
    change = captured(contract, environ)
    whole = change.applied(_base(contract, _plain(environ)))
    return {name: whole[name] for name in sorted({*change.assigned, *change.before, *change.after, "PATH"})}


def for_kernel(contract: ImageContract, environ: Mapping[str, str] | None = None) -> Activated:
    """Return the environment of a kernel: activated, and with the user's own set-up after it.

    Raises
    ------
    StackUnusable
        As for `environment`.
    """
    environ = os.environ if environ is None else environ
    base = _base(contract, userview.for_kernel(environ))
    own = user_setup(contract, environ)
    if own is None:
        return Activated(_activated(contract, environ, base))
    image = scripts(contract)
    done = source([*image, Script(own)], base, timeout=TIMEOUT + USER_TIMEOUT)
    if len(done.phases) > len(image):
        return Activated(done.phases[-1], done.complaints[-_REPORT_LIMIT:].strip(), sourced=True)
    reason = "it took too long" if done.timed_out else "it called exit"
    report = f"{own} was left out, because {reason}.\n{done.complaints[-_REPORT_LIMIT:]}".strip()
    return Activated(_activated(contract, environ, base), report, sourced=True)


def _activated(contract: ImageContract, environ: Mapping[str, str], base: Mapping[str, str]) -> dict[str, str]:
    """Return `base` with the captured activation replayed on it."""
    return captured(contract, environ).applied(base) if scripts(contract) else dict(base)


def captured(contract: ImageContract, environ: Mapping[str, str]) -> Change:
    """Return what activation changes: from the cache, or by sourcing once.

    Raises
    ------
    StackUnusable
        As for `environment`.
    """
    file = _file(contract, environ)
    if file is not None:
        with contextlib.suppress(OSError, ValidationError):
            return Change.model_validate_json(file.read_bytes())
    wanted = scripts(contract)
    base = _base(contract, _plain(environ))
    done = source(wanted, base, timeout=TIMEOUT)
    if len(done.phases) < len(wanted):
        reason = (
            "it took too long" if done.timed_out else (done.complaints.strip().splitlines() or ["it called exit"])[-1]
        )
        raise StackUnusable(
            f"{contract.stack.title} cannot be set up: {wanted[len(done.phases)].path} failed ({reason[:300]}).",
            hint="This is a fault of the image; its maintainers can mend it.",
        )
    change = difference(base, done.phases[-1])
    if file is not None:
        # A cache that cannot be written costs time at the next start, never this one.
        with contextlib.suppress(OSError):
            temporary = file.with_suffix(f".{secrets.token_hex(4)}")
            temporary.write_text(change.model_dump_json(), encoding="utf-8")
            temporary.replace(file)
    return change


def _file(contract: ImageContract, environ: Mapping[str, str]) -> Path | None:
    """Return where the capture is kept, or None where there is no folder that only this user can write."""
    try:
        folder = make_private(Layout.of(contract, environ).cache) / "activation"
        folder.mkdir(mode=0o700, exist_ok=True)
    except (OSError, StackUnusable):
        return None
    return folder / f"{_key(contract, environ)}.json"


def _key(contract: ImageContract, environ: Mapping[str, str]) -> str:
    """Return a name for what a capture depends on: the image, the contract, the scripts, and who the user is."""
    stamps = []
    for script in scripts(contract):
        with contextlib.suppress(OSError):
            state = script.path.stat()
            stamps.append((str(script.path), state.st_size, state.st_mtime_ns))
    known = [
        environ.get("STRATA_IMAGE_DIGEST", ""),
        contract.stack.model_dump(mode="json"),
        stamps,
        [environ.get(name, "") for name in _IDENTITY],
    ]
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:32]


def _base(contract: ImageContract, environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` with the stack's programs first on PATH, and what conda's scripts expect to be set."""
    prefix = contract.stack.python.parent.parent
    without = [] if contract.one_python else [str(contract.machinery.prefix / "bin")]
    base = userview.with_path(environ, first=[str(prefix / "bin")], without=without)
    if contract.stack.kind is StackKind.CONDA:
        base |= {"CONDA_PREFIX": str(prefix), "CONDA_DEFAULT_ENV": str(prefix), "CONDA_SHLVL": "1"}
    return base


def _plain(environ: Mapping[str, str]) -> dict[str, str]:
    """Return a small environment to capture in: none of the user's folders may end up in the capture."""
    kept = {name: environ[name] for name in _IDENTITY if name in environ}
    return {**kept, "PATH": os.defpath, **userview.USER_DEFENCES}
