"""The doctor in a real home: what it finds hurts, and hurts no more when it was moved aside."""

import json
import subprocess
import sys
from pathlib import Path

from strata_lab.changes import Create
from support import activated_stacks as stacks
from support import lab_process

SITE = f".local/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"


def code_of(finding: dict[str, str]) -> str:
    return finding["identifier"].rpartition("-")[0]


async def test_what_hurts_is_found_moved_aside_and_put_back_by_the_service(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / SITE / "numpy").mkdir(parents=True)
    (home / SITE / "numpy/__init__.py").write_text("raise ImportError('planted')\n")
    (home / "wave.py").write_text("raise ImportError('planted')\n")
    contract = stacks.contract(tmp_path, stacks.plain(tmp_path), "prefix")
    engine = stacks.operations(tmp_path, home)
    record = engine.execute(Create(environment="torn"))
    (engine.layout.generation(record.generation) / "bin/python").unlink()
    with lab_process.lab(tmp_path, home, environ={"STRATA_IMAGE_CONTRACT": str(contract)}) as lab:
        found = {code_of(item): item for item in lab.get("strata/api/doctor").json()["findings"]}
        assert {"user-site", "shadowing-file", "environment"} <= found.keys()
        assert "torn" in found["environment"]["title"]
        assert "planted" in await lab.run("import wave")
        with lab.client() as client:
            identifier = found["shadowing-file"]["identifier"]
            moved = client.post(f"strata/api/doctor/findings/{identifier}")
            assert moved.status_code in {200, 201}, moved.text
            assert "planted" not in await lab.run("import wave; print(wave.Error)")
            aside = lab.get("strata/api/doctor").json()["asides"][0]
            back = client.delete(f"strata/api/doctor/asides/{aside['identifier']}")
            assert back.status_code in {200, 204}, back.text
        assert (home / "wave.py").exists()


async def test_an_image_with_one_python_works_and_says_what_it_cannot_protect(tmp_path: Path) -> None:
    contract = stacks.contract(tmp_path, Path(sys.prefix) / "bin" / "python", "venv")
    with lab_process.lab(tmp_path, environ={"STRATA_IMAGE_CONTRACT": str(contract)}) as lab:
        assert (await lab.run("import sys; print(sys.prefix)")).strip() == sys.prefix
        found = lab.get("strata/api/doctor").json()["findings"]
    assert "one Python" in " ".join(item["explanation"] for item in found if code_of(item) == "image")


def test_the_command_prints_what_was_found_as_json(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".jupyter").mkdir(parents=True)
    (home / ".jupyter/jupyter_server_config.json").write_text("{}")
    contract = stacks.contract(tmp_path, stacks.plain(tmp_path), "prefix")
    environ = lab_process.environment(tmp_path, home, {"STRATA_IMAGE_CONTRACT": str(contract)})
    program = "import sys; from strata_lab.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-I", "-c", program, "doctor", "--json"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=lab_process.WAIT)
    document = json.loads(done.stdout)
    assert any("jupyter_server_config.json" in item["title"] for item in document["findings"]), done.stderr
