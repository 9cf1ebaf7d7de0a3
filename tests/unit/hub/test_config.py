from pathlib import Path
from typing import Any

import pytest
import yaml
from strata_hub import config as configuration
from strata_hub import yaml_document
from strata_hub.config import DeploymentConfig
from strata_hub.errors import ConfigurationError
from support.deployments import deployment, document


def problems(text: str) -> list[str]:
    config, found = configuration.judge(yaml_document.parse(text, "d.yaml"))
    assert (config is None) == bool(found)
    return [problem.sentence() for problem in found]


def problems_of(**changes: Any) -> str:
    return "\n".join(problems(yaml.safe_dump(document(**changes), sort_keys=False)))


def test_the_smallest_configuration_is_enough() -> None:
    config = deployment()
    assert config.poll_interval == 5.0
    assert config.payloads["lab"].host == "registry.example.org"
    assert config.payloads["lab"].name == "lab/science"
    assert config.registry("registry.example.org").scheme == "https"


def test_each_problem_is_named_with_its_line() -> None:
    text = (
        "name: Not A Name\ntitle: T\ntypo: 1\npayloads:\n  lab:\n    title: L\n    repository: science\n"
        "sizes:\n  small:\n    title: S\n    cpu_limit: 1\n    memory_limit: lots\n"
    )
    found = problems(text)
    assert [sentence.split(":")[0] for sentence in found] == [f"d.yaml, line {line}" for line in (1, 3, 7, 12)]
    assert "typo: this key is not known here" in found[1]
    assert "payloads.lab.repository: a repository begins with its registry's host" in found[2]
    assert "memory" in found[3]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"payloads": {}}, "payloads"),
        ({"sizes": {}}, "sizes"),
        ({"sizes": None}, "sizes: this key is missing"),
        ({"title": 2026.10}, "put it in quotes"),
        ({"poll_interval": "often"}, "a duration is"),
        ({"poll_interval": 0}, "greater than or equal to 0.2"),
        ({"database": "mysql://host/x"}, "sqlite:///PATH"),
        ({"database": "postgresql://me:hunter2@host/x"}, "the password stands in the URL"),
        ({"notifications": {"secret": "hunter2"}}, "never itself"),
        ({"payloads": {"lab": {"title": "L", "repository": "r.example.org/lab/science:tag"}}}, "repository"),
        ({"payloads": {"lab": {"title": "L", "repository": "r.example.org/Lab"}}}, "lower case"),
        ({"payloads": {"lab": {"title": "L", "repository": "https://r.example.org/lab"}}}, "repository"),
        (
            {"payloads": {"lab": {"title": "L", "repository": "r.io/lab", "scheme": "rubbish"}}},
            "known are calver, rubin",
        ),
        ({"registries": {"bad host": {}}}, "registries"),
        ({"registries": {"r.io": {"tls": False}}}, "registries.r.io.tls: this key is not known"),
        ({"registries": {"r.io": {"credentials": {"username_variable": "X"}}}}, "belong together"),
    ],
)
def test_what_cannot_be_meant_is_refused(changes: dict[str, Any], expected: str) -> None:
    text = problems_of(**changes)
    assert expected in text
    assert "hunter2" not in text


def test_two_default_sizes_are_refused() -> None:
    size = {"title": "S", "cpu_limit": 1, "memory_limit": "1G", "default": True}
    assert "more than one of sizes" in problems_of(sizes={"a": size, "b": size})


def test_a_request_above_its_limit_is_refused() -> None:
    assert "cpu_request" in problems_of(
        sizes={"a": {"title": "S", "cpu_limit": 1, "cpu_request": 2, "memory_limit": "1G"}}
    )


@pytest.mark.parametrize("text", ["", "[]", "just text", "42"])
def test_a_file_that_is_no_mapping_is_refused(text: str) -> None:
    assert len(problems(text)) == 1


def test_loading_names_the_first_problem_and_counts_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "d.yaml"
    path.write_text("name: x\n")
    with pytest.raises(ConfigurationError, match=r"this key is missing \(and 2 more\)") as caught:
        configuration.load(path)
    assert f"strata-hub check {path}" in caught.value.hint


def test_the_schema_can_be_exported() -> None:
    schema = DeploymentConfig.model_json_schema()
    assert schema["additionalProperties"] is False
    assert {"name", "title", "payloads", "sizes"} == set(schema["required"])
