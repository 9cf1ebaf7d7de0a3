"""Put uv, of one version, from PyPI into a private venv: the only tool that everything else needs."""

import subprocess
import sys
import venv
from pathlib import Path

UV = "0.13.9"
MINIMUM = (3, 11)


def main() -> int:
    """Create ``.strata/tools`` with uv in it, unless it is there."""
    if sys.version_info < MINIMUM:
        print("Strata needs Python 3.11 or newer; name it with `make PYTHON=/path/to/python3.11`.", file=sys.stderr)
        return 1
    tools = Path(".strata/tools")
    stamp = tools / f"uv-{UV}"
    if stamp.exists() and (tools / "bin/uv").exists():
        return 0
    print(f"Installing uv {UV} into {tools}", flush=True)
    try:
        venv.create(tools, with_pip=True, clear=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(
            f"Could not create a venv in {tools}: {error}. On Debian and Ubuntu, install python3-venv.", file=sys.stderr
        )
        return 1
    done = subprocess.run(
        [tools / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"uv=={UV}"],
        check=False,
    )
    if done.returncode:
        print("Could not install uv from the package index; is the network up?", file=sys.stderr)
        return 1
    stamp.touch()
    return 0


if __name__ == "__main__":
    sys.exit(main())
