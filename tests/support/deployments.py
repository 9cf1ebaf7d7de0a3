"""Configurations of deployments for tests."""

from typing import Any

import yaml
from strata_hub import yaml_document
from strata_hub.config import DeploymentConfig, judge

REPOSITORY = "registry.example.org/lab/science"


def document(**changes: Any) -> dict[str, Any]:
    """Return a small, complete configuration with `changes` at its top level; None removes a key."""
    whole: dict[str, Any] = {
        "name": "test",
        "title": "Test deployment",
        "payloads": {"lab": {"title": "Science lab", "repository": REPOSITORY}},
        "sizes": {"small": {"title": "Small", "cpu_limit": 1, "memory_limit": "2G"}},
        "refresh": {"recheck_interval": None},
    }
    whole.update(changes)
    return {key: value for key, value in whole.items() if value is not None}


def deployment(**changes: Any) -> DeploymentConfig:
    """Return the configuration that `document` describes, read as a file would be."""
    config, problems = judge(yaml_document.parse(yaml.safe_dump(document(**changes), sort_keys=False), "test.yaml"))
    if config is None:
        raise ValueError("; ".join(problem.sentence() for problem in problems))
    return config
