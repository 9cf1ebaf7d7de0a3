"""Subcommands that look after the environments as a whole."""

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    """Print what makes SHELL complete this command: eval "$(strata completion bash)"."""
    from strata_lab.cli.main import cli  # noqa: PLC0415 (main imports this module)

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 (the choices above are click's own)
    click.echo(kind(cli, {}, "strata", "_STRATA_COMPLETE").source())
