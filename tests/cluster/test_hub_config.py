"""The values of each deployment, against the chart's own closed schema and against what reads them."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from strata_hub.config import judge
from strata_hub.spawner import StrataSpawner
from strata_hub.yaml_document import parse
from support.kubernetes.build import KUBERNETES, ROOT, ClusterUnavailable, binary

Values = dict[str, Any]
FOLDER = ROOT / "hub-config"
OVERLAYS = sorted(path.stem for path in (FOLDER / "overlays").glob("*.yaml"))


def merged(below: Values, above: Values) -> Values:
    """Merge as Helm does: mappings key by key, everything else replaced."""
    result = dict(below)
    for key, value in above.items():
        known = result.get(key)
        result[key] = merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return result


def values(overlay: str) -> Values:
    common = yaml.safe_load((FOLDER / "values.yaml").read_text("utf-8"))
    return merged(common, yaml.safe_load((FOLDER / f"overlays/{overlay}.yaml").read_text("utf-8")))


@pytest.fixture(scope="module")
def chart() -> Path:
    """The folder with the chart's own schema and default values."""
    named = os.environ.get("STRATA_Z2JH_SCHEMA")
    path = Path(named) if named else ROOT.parent / "shared/data/z2jh/values.schema.yaml"
    if not path.exists():
        pytest.skip(f"the chart's schema is not at {path}; STRATA_Z2JH_SCHEMA names it")
    return path.parent


@pytest.fixture(scope="module")
def schema(chart: Path) -> Values:
    found: Values = yaml.safe_load((chart / "values.schema.yaml").read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def defaults(chart: Path) -> Values:
    found: Values = yaml.safe_load((chart / "values.yaml").read_text("utf-8"))
    return found


def test_there_is_one_overlay_for_each_deployment() -> None:
    assert OVERLAYS == ["base", "science", "summit"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_values_are_valid_against_the_charts_schema(schema: Values, defaults: Values, overlay: str) -> None:
    jsonschema.validate(merged(defaults, values(overlay)), schema)


def test_a_misspelt_key_is_refused(schema: Values, defaults: Values) -> None:
    with pytest.raises(jsonschema.ValidationError, match="nope"):
        jsonschema.validate({**merged(defaults, values("science")), "nope": 1}, schema)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_helm_itself_accepts_the_values_and_refuses_a_misspelt_one(
    chart: Path, schema: Values, overlay: str, tmp_path: Path
) -> None:
    try:
        helm = binary("helm")
    except ClusterUnavailable as missing:
        pytest.skip(str(missing))
    frame = {"apiVersion": "v2", "name": "schema", "version": "0.0.1"}
    (tmp_path / "Chart.yaml").write_text(yaml.safe_dump(frame), "utf-8")
    (tmp_path / "values.yaml").write_bytes((chart / "values.yaml").read_bytes())
    (tmp_path / "values.schema.json").write_text(json.dumps(schema), "utf-8")
    (tmp_path / "templates").mkdir()
    files = ["-f", FOLDER / "values.yaml", "-f", FOLDER / f"overlays/{overlay}.yaml"]
    command = [helm, "template", "x", tmp_path, "--kube-version", KUBERNETES, *files]
    good = subprocess.run(command, capture_output=True, text=True, check=False)
    assert good.returncode == 0, good.stderr
    bad = subprocess.run([*command, "--set", "nope=1"], capture_output=True, text=True, check=False)
    assert bad.returncode != 0
    assert "additional properties 'nope' not allowed" in bad.stderr


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_service_accepts_its_part(overlay: str) -> None:
    data = values(overlay)["hub"]["extraFiles"]["strata"]["data"]
    config, problems = judge(parse(yaml.safe_dump(data), "overlay"))
    assert problems == ()
    assert config
    assert config.name == overlay


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_spawner_knows_every_trait_that_is_set(overlay: str) -> None:
    traits = values(overlay)["hub"]["config"]["StrataSpawner"]
    assert set(traits) <= set(StrataSpawner.class_traits(config=True))
    assert traits["deployment"] == overlay


def test_the_roles_are_narrow() -> None:
    documents = [
        document
        for path in (FOLDER / "rbac").glob("*.yaml")
        for document in yaml.safe_load_all(path.read_text("utf-8"))
        if "rules" in document
    ]
    assert documents
    for document in documents:
        for rule in document["rules"]:
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
            if document["kind"] == "ClusterRole":
                assert set(rule["verbs"]) <= {"get", "watch", "list"}
