"""A lab as an image starts it: the launch, a real server behind it, real kernels and terminals."""

import asyncio
import json
import os
import secrets
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import psutil
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

WAIT = 150.0
RESEND = 60.0
Process: TypeAlias = "subprocess.Popen[bytes]"


@dataclass(frozen=True)
class Lab:
    """A running lab."""

    url: str
    token: str
    home: Path
    log: Path
    process: Process

    def client(self) -> httpx.Client:
        """Return a client of the server's API that sends the token."""
        headers = {"Authorization": f"token {self.token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=WAIT, trust_env=False)

    def get(self, path: str) -> httpx.Response:
        """Ask for one page or document."""
        with self.client() as client:
            return client.get(path)

    def start_kernel(self, name: str = "python3") -> httpx.Response:
        """Ask for a kernel."""
        with self.client() as client:
            return client.post("api/kernels", json={"name": name})

    def logged(self) -> str:
        """Return what the server has written."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    async def run(self, code: str, *, kernel: str = "python3", kernel_id: str | None = None) -> str:
        """Run code in a kernel, a new one by default, and return what it printed, errors included."""
        if kernel_id is None:
            answer = self.start_kernel(kernel)
            assert answer.status_code == 201, answer.text
            kernel_id = answer.json()["id"]
        url = f"{self.url.replace('http', 'ws', 1)}api/kernels/{kernel_id}/channels"
        request = HTTPRequest(url, headers={"Authorization": f"token {self.token}"}, request_timeout=WAIT)
        socket = await websocket_connect(request)
        try:
            return await _execute(socket, code)
        finally:
            await _close(socket)

    async def terminal(self, command: str) -> str:
        """Run a command in a terminal and return what was shown between two marks."""
        with self.client() as client:
            name = client.post("api/terminals").json()["name"]
        url = f"{self.url.replace('http', 'ws', 1)}terminals/websocket/{name}"
        socket = await websocket_connect(HTTPRequest(url, headers={"Authorization": f"token {self.token}"}))
        # The shell echoes the line, so the marks are written in two halves.
        start, end = uuid.uuid4().hex, uuid.uuid4().hex
        line = f"echo {start[:8]}''{start[8:]}; {command}; echo {end[:8]}''{end[8:]}\r"
        await socket.write_message(json.dumps(["stdin", line]))
        shown = ""
        deadline = time.monotonic() + WAIT
        while end not in shown and time.monotonic() < deadline:
            text: str | bytes | None = await asyncio.wait_for(socket.read_message(), WAIT)
            message = json.loads(text or '["disconnect"]')
            if message[0] == "stdout":
                shown += message[1]
            elif message[0] == "disconnect":
                break
        await _close(socket)
        assert end in shown, shown
        return shown.split(start, 1)[1].split(end, 1)[0].replace("\r", "")


async def _close(socket: Any) -> None:
    """Close a connection and wait for the other side, so that nothing is left open when the loop ends."""
    socket.close()
    while await asyncio.wait_for(socket.read_message(), WAIT) is not None:
        continue


async def _execute(socket: Any, code: str) -> str:
    """Run code; ask again where a kernel that ended while starting has lost the question."""
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        shown = await _ask(socket, code)
        if shown is not None:
            return shown
    raise AssertionError(f"the kernel did not answer in {WAIT} s")


async def _ask(socket: Any, code: str) -> str | None:
    """Send one request; return what it printed, or None where the kernel took no notice of it."""
    message_id = uuid.uuid4().hex
    header = {"msg_id": message_id, "msg_type": "execute_request", "username": "", "session": uuid.uuid4().hex}
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False, "stop_on_error": True}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    await socket.write_message(json.dumps(message))
    shown, begun = "", False
    done: set[str] = set()
    while done != {"idle", "reply"}:
        try:
            text = await asyncio.wait_for(socket.read_message(), WAIT if begun else RESEND)
        except TimeoutError:
            assert not begun, f"no answer in {WAIT} s; shown so far: {shown}"
            return None
        assert text is not None, f"the connection to the kernel was closed; shown so far: {shown}"
        answer = json.loads(text)
        if answer["parent_header"].get("msg_id") != message_id:
            continue
        begun = True
        kind, content = answer["msg_type"], answer["content"]
        if kind == "stream":
            shown += content["text"]
        elif kind == "error":
            shown += "\n".join(content["traceback"])
        elif kind == "execute_reply":
            done.add("reply")
        elif kind == "status" and content["execution_state"] == "idle":
            done.add("idle")
    return shown


def environment(folder: Path, home: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """Return what a container gives a lab, with this test's own folders."""
    parent = folder / "private"
    parent.mkdir(exist_ok=True)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "SHELL": "/bin/bash",
        "USER": "tester",
        "STRATA_PRIVATE_PARENT": str(parent),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "STRATA_IMAGE_CONTRACT": str(folder / "no-contract.json"),
        **extra,
    }


LAUNCH = (sys.executable, "-I", "-m", "strata_lab.launch")
UNPROTECTED = (sys.executable, "-m", "jupyterlab", "--no-browser")


def start(
    folder: Path, home: Path, *, command: Sequence[str] = LAUNCH, environ: Mapping[str, str] | None = None
) -> tuple[Process, str, Path]:
    """Start a lab's process; return it with its token and its log."""
    token = secrets.token_hex(16)
    log = folder / f"lab-{token[:6]}.log"
    options = ["--allow-root", "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", f"--IdentityProvider.token={token}"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *options],
            cwd=home,
            env=environment(folder, home, environ or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return process, token, log


def url_of(process: Process, places: Sequence[Path], log: Path) -> str | None:
    """Wait for a server to answer; return its address, or None when it ended instead.

    Parameters
    ----------
    places
        Folders below which it may keep its runtime files.
    """
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return None
        try:
            found = [path for place in places for path in place.glob(f"**/jpserver-{process.pid}.json")]
            url: str = json.loads(found[0].read_text(encoding="utf-8"))["url"]
            httpx.get(f"{url}api", timeout=10, trust_env=False).raise_for_status()
        except (IndexError, OSError, ValueError, httpx.HTTPError):
            time.sleep(0.05)
        else:
            return url
    raise RuntimeError(f"no answer in {WAIT} s:\n{log.read_text(encoding='utf-8', errors='replace')}")


@contextmanager
def lab(
    folder: Path, home: Path | None = None, *, environ: Mapping[str, str] | None = None, command: Sequence[str] = LAUNCH
) -> Iterator[Lab]:
    """Run a lab until the block ends.

    Parameters
    ----------
    folder
        For the private folder, the cache and the log.
    home
        The user's home; ``folder/home`` by default.
    environ
        Further variables.
    command
        What starts it.
    """
    home = folder / "home" if home is None else home
    home.mkdir(exist_ok=True)
    process, token, log = start(folder, home, command=command, environ=environ)
    try:
        url = url_of(process, [folder / "private"], log)
        assert url is not None, f"the lab ended:\n{log.read_text(encoding='utf-8', errors='replace')}"
        yield Lab(url, token, home, log, process)
    finally:
        stop(process)


def stop(process: Process) -> None:
    """End a lab and what it started, by their ids."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for child in children:
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
