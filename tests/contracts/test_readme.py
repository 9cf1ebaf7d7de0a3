"""What the README shows is what the programs take."""

import json
import re
from pathlib import Path

from strata_hub.config import load
from strata_lab.image_contract import parse

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


def test_the_service_takes_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "deployment.yaml").write_text(block("yaml"))
    assert load(tmp_path / "deployment.yaml").name == "science"


def test_the_lab_takes_the_image_contract() -> None:
    contract = json.loads(block("json"))
    assert parse(json.dumps(contract)).stack.title == contract["stack"]["title"]


def test_every_picture_is_there() -> None:
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)
    assert pictures
    assert all((Path(__file__).parents[2] / picture).is_file() for picture in pictures)
