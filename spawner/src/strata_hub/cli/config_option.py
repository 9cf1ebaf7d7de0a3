"""The option by which a command is told its deployment."""

from pathlib import Path

import click

config_option = click.option(
    "--config",
    "path",
    required=True,
    envvar="STRATA_CONFIG",
    type=click.Path(path_type=Path),
    help="The deployment's configuration (YAML).",
)
