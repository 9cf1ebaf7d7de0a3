"""``strata-hub state``: one refresh, and the state that comes of it."""

import asyncio
from pathlib import Path

import click

from strata_hub import config as configuration
from strata_hub import logs
from strata_hub.config import DeploymentConfig
from strata_hub.factory import make_machinery
from strata_hub.refresh.publisher import Published, replace_file

from .config_option import config_option


@click.command()
@config_option
@click.option("--output", type=click.Path(path_type=Path), help="Replace this file; default: standard output.")
@click.pass_context
def state(context: click.Context, path: Path, output: Path | None) -> None:
    """Ask the registries once and write the menu state, for sites that run no service.

    Exits with 1 if a registry could not be read; the state then holds the last good list, and says so.
    """
    config = configuration.load(path)
    logs.configure(config.log_level)
    document, well = asyncio.run(_once(config))
    if output is None:
        click.echo(b"".join(document.parts))
    else:
        try:
            replace_file(output, document.parts)
        except OSError as error:
            raise click.ClickException(f"{output} cannot be written: {error.strerror or error}.") from error
    if not well:
        context.exit(1)


async def _once(config: DeploymentConfig) -> tuple[Published, bool]:
    machinery = make_machinery(config)
    try:
        answered = [await refresh.poll() for refresh in machinery.refresher.unique()]
        return machinery.refresher.state(), all(answered)
    finally:
        await machinery.close()
