"""A real registry with a small repository, and a folder for the service that reads it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .docker_registry import DockerRegistry
from .oci_images import Built, lab_image
from .service_process import config_for, write_config

NAME = "lab/science"


def weeklies(count: int) -> dict[str, Built]:
    """Return `count` weeklies over some years, and an alias of the newest."""
    names = [f"w_{2026 - number // 52}_{52 - number % 52:02}" for number in range(count)]
    tags = {name: lab_image(name) for name in names}
    return {**tags, "recommended": tags[names[0]]}


@dataclass
class Site:
    """A registry that tells the port `port` of its pushes, and a folder for a service."""

    registry: DockerRegistry
    folder: Path
    port: int
    tags: dict[str, Built]

    def config(self, name: str = "strata.yaml", **changes: Any) -> Path:
        """Write a configuration for a service of this registry."""
        return write_config(self.folder / name, config_for(self.registry.host, self.folder, **changes))

    def impatient(self) -> Path:
        """Write a configuration that gives a registry up within seconds."""
        settings = {"scheme": "http", "requests_per_second": None}
        hurry = {"request_timeout": 2, "patience": 4, "retries": 1}
        return self.config(registries={self.registry.host: {**settings, **hurry}})
