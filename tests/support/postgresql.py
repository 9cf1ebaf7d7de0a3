"""A PostgreSQL server of a test's own: in a temporary folder, on loopback, on a port of its own."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

PASSWORD = "strata-test"
_ACCOUNT = "postgres"
_READY_WITHIN = 90.0


def programs() -> Path | None:
    """Return the folder of the server's programs, newest version first; None where there is no server."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    return Path(on_path).resolve().parent if on_path else None


def why_not() -> str:
    """Return why no server can be started here, or an empty string."""
    if programs() is None:
        return "PostgreSQL is not installed (apt-get install postgresql)"
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        return "PostgreSQL refuses root, and setpriv (util-linux) is not installed"
    return ""


@contextmanager
def server() -> Iterator[str]:
    """Run a server and yield its URL without a password.

    Its data are outside pytest's folders: these are for root alone, and each session that starts makes them so again.
    """
    with TemporaryDirectory(prefix="strata-postgresql-", ignore_cleanup_errors=True) as folder:
        yield from _running(Path(folder))


def _running(folder: Path) -> Iterator[str]:
    where = programs()
    if where is None:
        raise RuntimeError(why_not())
    data = folder / "data"
    secret = folder / "password"
    secret.write_text(PASSWORD)
    if os.geteuid() == 0:
        shutil.chown(folder, _ACCOUNT)
        shutil.chown(secret, _ACCOUNT)
    account = ["-U", "strata", "-A", "scram-sha-256", f"--pwfile={secret}"]
    _run([str(where / "initdb"), "-D", str(data), "-E", "UTF8", "--no-locale", "--no-sync", *account])
    process, port = _start(where, data, folder)
    try:
        yield f"postgresql://strata@127.0.0.1:{port}/postgres"
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(60)


def _start(where: Path, data: Path, folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    for _ in range(10):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = _as_account([str(where / "postgres"), "-D", str(data), *options])
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")
        if _answers(process, where, port):
            return process, port
        process.kill()
        process.wait(60)
    raise RuntimeError(f"PostgreSQL did not start: {(folder / 'log').read_text()[-2000:]}")


def _answers(process: subprocess.Popen[bytes], where: Path, port: int) -> bool:
    limit = time.monotonic() + _READY_WITHIN
    asking = [str(where / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    while time.monotonic() < limit and process.poll() is None:
        if subprocess.run(asking, check=False).returncode == 0:
            return True
        time.sleep(0.05)
    return False


def _run(command: list[str]) -> None:
    done = subprocess.run(_as_account(command), check=False, capture_output=True, text=True, cwd="/")
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr[-2000:]}")


def _as_account(command: list[str]) -> list[str]:
    # setpriv replaces itself by the server, so that the signals of its end reach it; runuser would stand between.
    if os.geteuid() != 0:
        return command
    return ["setpriv", f"--reuid={_ACCOUNT}", f"--regid={_ACCOUNT}", "--init-groups", "--", *command]
