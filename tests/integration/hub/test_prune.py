"""``strata-hub prune`` on a real registry."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.oci_images import push
from support.service_process import LIMIT
from support.sites import NAME, Site

POLICY = {
    "recommended": {"first": {"tag": "recommended"}},
    "kinds": {"weekly": {"count": 2}},
    "retention": {"kinds": {"weekly": {"count": 10, "days": 0}}},
}


@pytest.fixture
def config(site: Site) -> Path:
    payload = {"title": "Science lab", "repository": f"{site.registry.host}/{NAME}", "policy": POLICY}
    settings = {"scheme": "http", "requests_per_second": None, "retries": 1, "patience": 60}
    return site.config(payloads={"lab": payload}, registries={site.registry.host: settings})


def prune(config: Path, *options: str, in_use: str | None = "") -> tuple[int, Any]:
    """Return the exit status and the report."""
    command = [str(Path(sys.executable).with_name("strata-hub")), "prune", "--config", str(config), "--json", *options]
    if in_use is not None:
        running = config.with_name("running.txt")
        running.write_text(in_use)
        command += ["--in-use", str(running)]
    environment = {"PATH": os.environ.get("PATH", os.defpath)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


def tags_of(report: Any, key: str = "deletions") -> set[str]:
    (repository,) = report["repositories"]
    return {tag for item in repository[key] for tag in item["tags"]}


def listed(site: Site) -> set[str]:
    """Return the tags whose manifests are there: docker-registry lists a tag for ever."""
    import httpx  # noqa: PLC0415 - only this question needs it

    accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    base = f"{site.registry.url}/v2/{NAME}/manifests/"
    with httpx.Client(trust_env=False, timeout=LIMIT) as client:
        return {tag for tag in site.tags if client.head(base + tag, headers=accept).status_code == 200}


def test_a_dry_run_touches_nothing(site: Site, config: Path) -> None:
    status, report = prune(config)
    assert status == 0
    assert report["dry_run"] is True
    assert tags_of(report) == {f"w_2026_{week:02}" for week in range(13, 43)}
    assert listed(site) == set(site.tags)


def test_what_is_deleted_is_what_was_proposed(site: Site, config: Path) -> None:
    proposed = tags_of(prune(config)[1])
    status, report = prune(config, "--delete")
    assert status == 0
    assert {outcome["error"] for outcome in report["outcomes"]} == {""}
    assert listed(site) == set(site.tags) - proposed
    assert "recommended" in listed(site)


def test_what_runs_and_what_an_alias_names_stays(site: Site, config: Path) -> None:
    push(site.registry.url, NAME, "recommended", site.tags["w_2026_20"])
    running = f"pod/alice {site.registry.host}/{NAME}:w_2026_15@{site.tags['w_2026_15'].digest} ready"
    status, report = prune(config, "--delete", "--kept", in_use=running)
    assert status == 0
    assert not {"w_2026_15", "w_2026_20", "recommended"} & tags_of(report)
    assert {"w_2026_15", "w_2026_20", "recommended"} <= listed(site)
    assert {"w_2026_15", "w_2026_20"} <= tags_of(report, "kept")


def test_a_fixed_tag_that_was_pushed_again_protects_what_it_names_now(site: Site, config: Path) -> None:
    prune(config)
    push(site.registry.url, NAME, "w_2026_52", site.tags["w_2026_20"])
    report = prune(config, "--delete")[1]
    assert "w_2026_20" not in tags_of(report)
    assert {"w_2026_20", "w_2026_52"} <= listed(site)


def test_nothing_is_deleted_while_nobody_knows_what_runs(site: Site, config: Path) -> None:
    status, report = prune(config, "--delete", in_use=None)
    assert status == 1
    assert "not known" in report["repositories"][0]["refused"]
    assert listed(site) == set(site.tags)


def test_nothing_is_deleted_when_the_registry_cannot_be_read(site: Site, config: Path) -> None:
    prune(config)
    site.registry.process.kill()
    site.registry.process.wait(LIMIT)
    status, report = prune(config, "--delete")
    assert status == 1
    assert report["repositories"][0]["refused"]
    assert tags_of(report) == set()
