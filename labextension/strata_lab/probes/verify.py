"""Import what a new generation brings, in its own interpreter, and tell each step on a line of a file.

Arguments: a JSON file with what to look at, and the file to answer in. The answer is written as it becomes known: an
import may end the process.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import sys
import warnings


def main(asked: str, answer: str) -> None:
    """Look at versions and imports."""
    with open(asked, encoding="utf-8") as stream:
        task = json.load(stream)
    sys.argv[:] = [""]
    own = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder) != own]
    if task["front"]:
        sys.path[:] = [task["site"]] + [folder for folder in sys.path if folder != task["site"]]
    warnings.simplefilter("ignore")
    with open(answer, "w", encoding="utf-8", buffering=1) as out:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - lives as long as the process

        def say(kind: str, **more: str) -> None:
            out.write(json.dumps({"kind": kind, **more}) + "\n")

        for name, version in task["versions"].items():
            try:
                found = importlib.metadata.version(name)
            except Exception as error:  # noqa: BLE001 - hostile metadata may raise anything
                found = type(error).__name__
            if found != version:
                say("problem", sentence=f"{name} is {found} to the interpreter, where {version} was installed.")
        for modules in task["imports"].values():
            for module in modules:
                say("trying", module=module)
                try:
                    importlib.import_module(module)
                except BaseException as error:  # noqa: BLE001 - a module may even exit
                    reason = str(error).splitlines()[:1] or [""]
                    say("failed", module=module, sentence=f"import {module}: {type(error).__name__}: {reason[0][:300]}")
                else:
                    say("imported", module=module)
        say("end")
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
