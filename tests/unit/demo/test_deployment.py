"""The demo's configuration is one that the service takes."""

from pathlib import Path

from strata_demo.deployment import write_deployment
from strata_hub.config import load


def test_the_service_takes_the_configuration_that_the_demo_writes(tmp_path: Path) -> None:
    write_deployment(tmp_path / "deployment.yaml", "127.0.0.1:5000", tmp_path / "catalogue.sqlite")
    loaded = load(tmp_path / "deployment.yaml")
    assert loaded.name == "demo"
