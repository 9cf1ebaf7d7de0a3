"""``strata-hub serve``: the service, managed by the hub or on its own."""

import asyncio
import os
from pathlib import Path

import click

from strata_hub import config as configuration
from strata_hub.service.process import place_of, secrets_of
from strata_hub.service.process import serve as run

from .config_option import config_option


@click.command()
@config_option
@click.option("--bind", metavar="HOST:PORT", help="Where to listen, unless the hub says it. Default: 127.0.0.1:8090.")
def serve(path: Path, bind: str | None) -> None:
    """Keep the catalogue up to date, and publish the menu state.

    Started by JupyterHub as a managed service, it listens where the hub expects it.
    """
    config = configuration.load(path)
    asyncio.run(run(config, place_of(os.environ, bind), secrets_of(config, os.environ)))
