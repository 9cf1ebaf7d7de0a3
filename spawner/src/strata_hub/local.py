"""The menu on one machine: labs are processes that share one machinery, each on the stack of its image."""

import asyncio
import os
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from jupyterhub.spawner import LocalProcessSpawner
from traitlets import Dict, List, TraitError, Unicode, Union, default, validate

from .errors import LabFailed, StrataError
from .menu_spawner import MenuSpawner, Refused
from .options import Choice
from .state import ImageEntry

ANSWER_INTERVAL = 0.1
TAIL_LINES = 12
_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. +-]*", re.ASCII)


class LocalStrataSpawner(MenuSpawner, LocalProcessSpawner):
    """Starts labs as processes of this machine.

    Limits of sizes are announced to the lab, and not enforced: that takes a spawner with containers.
    """

    popen_kwargs: dict[str, Any]
    machinery_python = Unicode(
        config=True, help="Absolute path of the Python in which JupyterLab, jupyterhub and strata-lab are installed."
    )
    machinery_module = Unicode("strata_lab.launch", config=True, help="The module that starts a lab.")
    stacks = Union(
        [Dict(per_key_traits=None), Unicode()],
        config=True,
        help="""
        Where the image contracts are: a folder with KEY.json files, or a mapping from KEY to a file.

        The first of these keys that is there counts: the image's digest, its tag, its other names, the name of its
        stack, its version, `default`. In a folder, characters that a file name should not have become dashes.
        """,
    )
    home_template = Unicode(
        "",
        config=True,
        help="""
        Path of homes with {username} in it; every lab then runs as the hub's own account.

        For demonstrations and tests: it does not keep users apart. Empty: users are accounts of this machine.
        """,
    )
    log_folder = Unicode(config=True, help="Folder for the output of labs; the hub's working directory by default.")
    env_keep = List(
        Unicode(), ["LANG", "LC_ALL", "PATH", "TZ"], config=True, help="Variables that a lab gets from the hub."
    )

    @default("cmd")
    def _cmd(self) -> list[str]:
        # -I: nothing in the home, the working directory or the environment can stand in for the machinery.
        return [self.machinery_python, "-I", "-m", self.machinery_module]

    @default("log_folder")
    def _log_folder(self) -> str:
        return str(Path.cwd())

    @validate("machinery_python")
    def _machinery_python(self, proposal: Mapping[str, Any]) -> str:
        path = str(proposal["value"])
        if not Path(path).is_absolute():
            raise TraitError(f"machinery_python must be an absolute path, not {path!r}")
        return path

    @property
    def log_file(self) -> Path:
        """Where the lab of this server writes."""
        name = re.sub(r"[^A-Za-z0-9_.-]", lambda found: f"%{ord(found.group()):02x}", f"{self.user.name}--{self.name}")
        return Path(self.log_folder) / f"lab-{name}.log"

    @property
    def home(self) -> Path:
        """The home of the owner where homes come from a template."""
        safe = re.sub(r"[^A-Za-z0-9_-]", lambda found: f"%{ord(found.group()):02x}", self.user.name)
        return Path(self.home_template.replace("{username}", safe))

    def contract_file(self, choice: Choice) -> Path:
        """Return the image contract of the chosen image's stack.

        Raises
        ------
        LabFailed
            If this machine has no stack for that image.
        """
        for key in _keys(choice.image):
            path = self._contract_at(key)
            if path is not None and path.is_file():
                return path.resolve()
        raise LabFailed(
            f"This machine has no stack for {choice.image.display}.",
            hint="Choose another image, or ask the administrators to add its stack.",
        )

    def _contract_at(self, key: str) -> Path | None:
        if isinstance(self.stacks, dict):
            return Path(self.stacks[key]) if key in self.stacks else None
        name = re.sub(r"[^A-Za-z0-9_.+-]", "-", key)
        return Path(self.stacks) / f"{name}.json" if self.stacks and _SAFE.fullmatch(name) else None

    def get_env(self) -> dict[str, str]:
        """Return the environment of the lab, with the contract of its image."""
        env = super().get_env()
        if self.choice is not None:
            env["STRATA_IMAGE_CONTRACT"] = str(self.contract_file(self.choice))
        return env

    def get_args(self) -> list[str]:
        """Return the arguments of the lab's server, which asks to be told that it may run as root."""
        args: list[str] = super().get_args()
        return [*args, "--allow-root"] if self.home_template and os.geteuid() == 0 else args

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """Return `env` with the account or the home of the owner."""
        if not self.home_template:
            return super().user_env(env)
        return {**env, "USER": self.user.name, "HOME": str(self.home), "SHELL": shutil.which("bash") or "/bin/sh"}

    def make_preexec_fn(self, name: str) -> Callable[[], None] | None:
        """Return what changes to the owner's account; None where homes come from a template."""
        return None if self.home_template else super().make_preexec_fn(name)

    async def start(self) -> tuple[str, int]:
        """Start the lab and wait until it answers.

        Raises
        ------
        Refused
            If it cannot be started, or ends before it answers: with its exit status and its last words.
        """
        try:
            address = await self._launch()
            await self._answering(address)
        except StrataError as error:
            raise Refused(error) from None
        return address

    async def _launch(self) -> tuple[str, int]:
        if self.choice is not None:
            self.contract_file(self.choice)
        try:
            self.log_file.parent.mkdir(parents=True, exist_ok=True)
            extra: dict[str, Any] = {}
            if self.home_template:
                self.home.mkdir(parents=True, exist_ok=True)
                extra["cwd"] = str(self.home)
            with self.log_file.open("wb") as log:
                self.popen_kwargs = {**self.popen_kwargs, **extra, "stdout": log, "stderr": subprocess.STDOUT}
                await super().start()
        except OSError as error:
            raise LabFailed(
                f"The lab cannot be started: {error}.", hint="Tell the administrators of this hub."
            ) from error
        return self.ip or "127.0.0.1", self.port

    async def _answering(self, address: tuple[str, int]) -> None:
        """Return when something listens at `address`; the hub's own start_timeout ends a wait without end."""
        while True:
            status = await self.poll()
            if status is not None:
                raise LabFailed(self._last_words(status), hint="Choose another image, or try safe mode.")
            if await asyncio.to_thread(_listens, address):
                return
            await asyncio.sleep(ANSWER_INTERVAL)

    def _last_words(self, status: int) -> str:
        how = f"was ended by signal {-status}" if status < 0 else f"ended with exit status {status}"
        try:
            lines = self.log_file.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        except OSError:
            lines = []
        words = " / ".join(line.strip() for line in lines if line.strip())
        said = f" Its last words: {words[-1500:]}" if words else ""
        return f"The lab {how} before it answered.{said}"

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Say what is being waited for."""
        what = self.choice.image.display if self.choice else "your lab"
        yield {"progress": 10, "message": f"Starting {what}."}
        runs = answers = False
        while not answers:
            await asyncio.sleep(ANSWER_INTERVAL)
            if self.pid and not runs:
                runs = True
                yield {"progress": 40, "message": "The lab's process runs; waiting for it to answer."}
            answers = runs and await asyncio.to_thread(_listens, (self.ip or "127.0.0.1", self.port))
        yield {"progress": 90, "message": "The lab answers; opening it."}


def _keys(image: ImageEntry) -> list[str]:
    candidates = [image.digest or "", image.tag, *image.names, image.stack, image.version, "default"]
    return [key for key in candidates if key]


def _listens(address: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(address, timeout=1):
            return True
    except OSError:
        return False
