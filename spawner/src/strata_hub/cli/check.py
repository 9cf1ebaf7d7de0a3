"""``strata-hub check``: what is wrong with a configuration, and where."""

import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import click

from strata_hub import config as configuration
from strata_hub import yaml_document
from strata_hub.config import DeploymentConfig
from strata_hub.errors import ConfigurationError
from strata_hub.factory import make_client, store_opener
from strata_hub.service.process import secrets_of


@click.command()
@click.argument("path", metavar="FILE", required=False, type=click.Path(path_type=Path))
@click.option("--schema", is_flag=True, help="Print the JSON Schema of a configuration instead.")
@click.option("--secrets/--no-secrets", default=False, help="Also look whether every secret is there.")
@click.pass_context
def check(context: click.Context, path: Path | None, schema: bool, secrets: bool) -> None:
    """Check the configuration in FILE, and say what it will do.

    Prints every problem with its line, and exits with 1 if there is one. Nothing is started, and no registry is asked.
    """
    if schema:
        document = DeploymentConfig.model_json_schema()
        click.echo(json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **document}, indent=2))
        return
    if path is None:
        raise click.UsageError("Name the FILE to check.")
    try:
        config, problems = configuration.judge(yaml_document.read(path))
    except ConfigurationError as error:
        click.echo(error.sentence(), err=True)
        context.exit(1)
    for problem in problems:
        click.echo(problem.sentence(), err=True)
    if config is None:
        context.exit(1)
    if secrets and _missing_secrets(config):
        context.exit(1)
    for line in describe(config):
        click.echo(line)


def describe(config: DeploymentConfig) -> list[str]:
    """Return what a service with `config` does, a sentence a line."""
    lines = [f"{config.name} ({config.title}) is well configured."]
    for name, payload in config.payloads.items():
        registry = config.registry(payload.host)
        account = "with credentials" if registry.credentials else "anonymously"
        lines.append(
            f"Payload {name}: {payload.repository} over {registry.scheme}, {account}, for {registry.platform}; "
            f"tags are read as {payload.scheme}."
        )
    moving = config.refresh.moving_interval
    lines.append(f"Tag lists are read every {config.poll_interval:g} s, moving tags every {moving:g} s.")
    default = next((name for name, size in config.sizes.items() if size.default), next(iter(config.sizes)))
    lines.append(f"Sizes: {', '.join(config.sizes)}; {default} by default.")
    lines.append(f"The catalogue is kept in {config.database.url}.")
    if config.publish.file is not None:
        lines.append(f"The menu state is also written to {config.publish.file}.")
    return lines


def _missing_secrets(config: DeploymentConfig) -> bool:
    missing = False
    for attempt in _secrets(config):
        try:
            attempt()
        except ConfigurationError as error:
            click.echo(error.sentence(), err=True)
            missing = True
    return missing


def _secrets(config: DeploymentConfig) -> Iterator[Callable[[], object]]:
    yield partial(secrets_of, config, os.environ)
    yield partial(store_opener, config)
    for host in sorted({payload.host for payload in config.payloads.values()}):
        yield partial(make_client, config, host)
