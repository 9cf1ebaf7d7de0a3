"""The service with a real registry, from its start to its end, through what goes wrong in between."""

import signal
import sqlite3
import subprocess
from pathlib import Path

import httpx
import pytest
from strata_hub.state import load
from support import service_process
from support.oci_images import lab_image, push
from support.service_process import LIMIT, SECRET, TOKEN, serving
from support.sites import NAME, Site


def test_a_registry_becomes_a_state_over_http_and_in_a_file(site: Site) -> None:
    with serving(site.config(), site.folder / "log") as service:
        service.wait_for(lambda: service.startable() == set(site.tags))
        payload = service.payload()
        assert payload is not None
        newest = payload.images[0]
        assert newest.digest == site.tags["recommended"].digest
        assert newest.names == ("recommended",)
        assert newest.section == "recommended"
        assert payload.error is None
        file = site.folder / "state.json"
        service.wait_for(lambda: load(file.read_bytes()) == service.state())
        assert not list(site.folder.glob(".state.json.*"))
        assert service.stop() == 0
        assert {entry["level"] for entry in service.logged()} == {"info"}


def test_a_push_is_found_by_reading_the_list(site: Site) -> None:
    with serving(site.config(), site.folder / "log") as service:
        service.wait_for(lambda: service.startable() == set(site.tags))
        push(site.registry.url, NAME, "d_2026_06_01", lab_image("d_2026_06_01"))
        service.wait_for(lambda: "d_2026_06_01" in service.startable())


def test_an_alias_that_moves_is_followed(site: Site) -> None:
    with serving(site.config(), site.folder / "log") as service:
        service.wait_for(lambda: service.startable() == set(site.tags))
        push(site.registry.url, NAME, "recommended", site.tags["w_2026_40"])

        def moved() -> bool:
            payload = service.payload()
            shown = [image for image in payload.images if image.section == "recommended"] if payload else []
            return [image.tag for image in shown] == ["w_2026_40"]

        service.wait_for(moved)


def test_a_push_is_told_by_the_registry_itself(site: Site) -> None:
    config = site.config(poll_interval="1h")
    with serving(config, site.folder / "log", port=site.port) as service:
        service.wait_for(lambda: service.startable() == set(site.tags))
        before = _metric(service, "strata_listings_total")
        push(site.registry.url, NAME, "d_2026_06_01", lab_image("d_2026_06_01"))
        service.wait_for(lambda: "d_2026_06_01" in service.startable())
        assert _metric(service, "strata_listings_total") == before


def test_a_notification_with_a_forged_line_is_one_line_in_the_log(site: Site) -> None:
    with serving(site.config(log_level="debug"), site.folder / "log") as service:
        service.wait_for(service.state)
        event = {"action": "push", "target": {"repository": f"{NAME}\n{{}}", "tag": 'x\r\n{"level": "info"}'}}
        headers = {"Authorization": f"Bearer {SECRET}"}
        route = service.base + "notifications/distribution"
        assert httpx.post(route, headers=headers, json={"events": [event]}, trust_env=False).status_code == 202
        assert service.stop() == 0
        assert all("message" in entry for entry in service.logged())
        text = service.log.read_text()
        assert SECRET not in text
        assert TOKEN not in text


def test_kill_9_in_the_middle_of_a_scan_leaves_a_readable_store(site: Site) -> None:
    config = site.config(refresh={"recheck_interval": None, "moving_interval": 3600, "batch": 2})
    database = site.folder / "catalogue.sqlite"
    for rounds in range(1, 5):
        with serving(config, site.folder / f"log{rounds}") as service:
            known = _examined(database)
            service.wait_for(lambda known=known: _examined(database) > known or _examined(database) == 40)
            service.kill()
        with sqlite3.connect(database) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
        if _examined(database) == 40:
            break
    with serving(config, site.folder / "log") as service:
        service.wait_for(lambda: service.startable() == set(site.tags))
        assert {entry["level"] for entry in service.logged()} == {"info"}


def test_a_frozen_registry_leaves_the_list_and_says_so(site: Site) -> None:
    with serving(site.impatient(), site.folder / "log") as service:
        service.wait_for(lambda: service.startable() == set(site.tags))
        site.registry.process.send_signal(signal.SIGSTOP)
        try:
            service.wait_for(lambda: (payload := service.payload()) and payload.error)
            payload = service.payload()
            assert payload is not None
            assert payload.error is not None
            assert payload.error.code == "registry.unavailable"
            assert service.startable() == set(site.tags)
            assert service.get("health").json()["status"] == "degraded"
        finally:
            site.registry.process.send_signal(signal.SIGCONT)
        service.wait_for(lambda: (payload := service.payload()) and payload.error is None)
        assert service.stop() == 0


def test_a_registry_that_is_gone_costs_nothing_after_a_restart(site: Site) -> None:
    with serving(site.impatient(), site.folder / "log") as service:
        service.wait_for(lambda: service.startable() == set(site.tags))
        listed = service.payload()
        assert service.stop() == 0
    site.registry.process.kill()
    site.registry.process.wait(LIMIT)
    with serving(site.impatient(), site.folder / "log2") as service:
        service.wait_for(service.state)
        assert service.startable() == set(site.tags)
        service.wait_for(lambda: (payload := service.payload()) and payload.error)
        payload = service.payload()
        assert payload is not None
        assert listed is not None
        assert payload.listed_at is not None
        assert listed.listed_at is not None
        assert payload.images == listed.images
        assert service.stop() == 0


def test_a_registry_that_is_not_there_at_the_start_is_a_sentence(site: Site) -> None:
    site.registry.process.kill()
    site.registry.process.wait(LIMIT)
    with serving(site.impatient(), site.folder / "log") as service:
        service.wait_for(service.state)
        payload = service.payload()
        assert payload is not None
        assert (payload.listed_at, payload.images) == (None, ())
        service.wait_for(lambda: (found := service.payload()) and found.error)
        warnings = [entry for entry in service.logged() if entry["level"] != "info"]
        assert all("traceback" not in entry for entry in warnings)


def test_a_locked_database_holds_nothing_up_for_ever(site: Site) -> None:
    config, database = site.config(), site.folder / "catalogue.sqlite"
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        with serving(config, site.folder / "log") as service:
            service.wait_for(lambda: service.startable() == set(site.tags))
            sentences = [entry["message"] for entry in service.logged() if entry["level"] == "warning"]
            assert any("is locked by another process" in sentence for sentence in sentences)
            other.execute("COMMIT")
            service.wait_for(lambda: _examined(database) == 40)
            assert service.stop() == 0
    finally:
        other.close()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"titel": "typo"}, "titel: this key is not known here"),
        ({"sizes": {}}, "sizes"),
        ({"database": "nowhere"}, "sqlite"),
    ],
)
def test_a_malformed_configuration_is_a_sentence(site: Site, change: dict[str, object], expected: str) -> None:
    text = _ending(site.config(**change), site.folder / "log")
    assert expected in text
    assert "Traceback" not in text
    assert f"{site.folder}/strata.yaml, line" in text


def test_a_missing_configuration_is_a_sentence(tmp_path: Path) -> None:
    text = _ending(tmp_path / "none.yaml", tmp_path / "log")
    assert "none.yaml cannot be read: No such file or directory" in text


def test_an_address_in_use_is_a_sentence(site: Site) -> None:
    with serving(site.config(), site.folder / "log") as service:
        text = _ending(site.config("second.yaml"), site.folder / "second", port=service.port)
    assert f"cannot listen on 127.0.0.1:{service.port}: it is in use" in text


def _ending(config: Path, log: Path, *, port: int = 0) -> str:
    """Return what a service says that cannot start."""
    process = service_process.start(config, log, port=port)
    try:
        assert process.wait(LIMIT) == 2
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(LIMIT)
        raise
    return log.read_text()


def _examined(database: Path) -> int:
    """Return how many images the store knows, as any other process would read it."""
    if not database.exists():
        return 0
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=LIMIT)
    try:
        return int(connection.execute("SELECT count(*) FROM manifest").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()


def _metric(service: service_process.Service, name: str) -> float:
    lines = [line for line in service.get("metrics").text.splitlines() if line.startswith(f"{name}{{")]
    return float(lines[0].rpartition(" ")[2])
