"""Ports of the demonstration's parts."""

import socket
from pathlib import Path

from strata_demo.processes import kept_port, port_is_free


def test_a_port_is_kept_from_one_start_to_the_next(tmp_path: Path) -> None:
    first = kept_port(tmp_path / "port")
    assert port_is_free(first)
    assert kept_port(tmp_path / "port") == first


def test_another_port_is_taken_where_the_kept_one_is_in_use(tmp_path: Path) -> None:
    first = kept_port(tmp_path / "port")
    with socket.create_server(("127.0.0.1", first)):
        second = kept_port(tmp_path / "port")
    assert second != first
    assert (tmp_path / "port").read_text() == str(second)


def test_a_file_that_names_no_port_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("x")
    assert kept_port(tmp_path / "port") == int((tmp_path / "port").read_text())
