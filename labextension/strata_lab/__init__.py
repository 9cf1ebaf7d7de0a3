"""Pip and conda packages of a user's own on top of a lab image."""

__version__ = "0.1.0"


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    from strata_lab.app import StrataExtension  # noqa: PLC0415 (only a server needs it, and it imports the server)

    return [{"module": "strata_lab", "app": StrataExtension}]
