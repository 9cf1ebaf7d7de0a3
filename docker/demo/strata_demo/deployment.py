"""The demo's configuration of the Strata service, as a site would write it in YAML."""

import json
from pathlib import Path

from .registry import REPOSITORY

_GIB = 1024**3


def write_deployment(path: Path, registry: str, database: Path) -> None:
    """Write the configuration for the registry at ``host:port`` to `path`; JSON is YAML."""
    path.write_text(json.dumps(_deployment(registry, database), indent=2))


def _deployment(registry: str, database: Path) -> dict[str, object]:
    return {
        "name": "demo",
        "title": "Demonstration",
        "database": f"sqlite:///{database}",
        "poll_interval": 5,
        "refresh": {"moving_interval": 5},
        "registries": {registry: {"scheme": "http"}},
        "payloads": {
            "lab": {
                "title": "Science lab",
                "repository": f"{registry}/{REPOSITORY}",
                "scheme": "rubin",
                "policy": {
                    "recommended": {
                        "recommended": {
                            "tag": "recommended",
                            "title": "Recommended",
                            "rank": 1,
                            "note": "The weekly build that the tutorials were tested with.",
                        },
                        "latest_release": {
                            "tag": "latest_release",
                            "title": "Latest release",
                            "rank": 2,
                            "note": "The newest release of the science stack.",
                        },
                    },
                    "kinds": {"release": {"count": 3}, "weekly": {"count": 4}, "daily": {"count": 3}},
                },
            }
        },
        "sizes": {
            "small": _size("Small", "Reading notebooks and light analysis", 1, 2, default=True),
            "medium": _size("Medium", "Most work", 2, 4),
            "large": _size("Large", "Images and catalogues that fill the memory", 4, 8),
        },
    }


def _size(title: str, purpose: str, cores: float, gibibytes: int, *, default: bool = False) -> dict[str, object]:
    return {
        "title": title,
        "purpose": purpose,
        "cpu_limit": cores,
        "cpu_request": cores / 4,
        "memory_limit": gibibytes * _GIB,
        "memory_request": gibibytes * _GIB // 4,
        "default": default,
    }
