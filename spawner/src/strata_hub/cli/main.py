"""The command ``strata-hub``: a group that imports a subcommand when it is asked for."""

from importlib import import_module
from typing import Any

import click

from strata_hub.errors import StrataError

COMMANDS = {
    "check": ("strata_hub.cli.check", "check", "Say what is wrong with a configuration, and where."),
    "menu": ("strata_hub.cli.menu", "menu", "Show what the form shows to a user, and why not the rest."),
    "prune": ("strata_hub.cli.prune", "prune", "Propose what to delete under the retention policy."),
    "serve": ("strata_hub.cli.serve", "serve", "Run the service that keeps the menu up to date."),
    "state": ("strata_hub.cli.state", "state", "Ask the registries once and write the menu state."),
    "tags": ("strata_hub.cli.tags", "tags", "Check and explain the tags of a repository."),
}
"""Name of each subcommand: its module, its click command there, and its line in ``strata-hub --help``."""


class LazyGroup(click.Group):
    """A group whose subcommands are imported when they are run, so that each starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all subcommands, sorted."""
        return sorted({*super().list_commands(ctx), *COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the subcommand, importing it; None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one line for each subcommand without importing any."""
        rows = [(name, COMMANDS[name][2]) for name in self.list_commands(ctx) if name in COMMANDS]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - what the subcommand returns
        """Run the subcommand; an error that Strata raises on purpose is one sentence on stderr and exit status 2."""
        try:
            return super().invoke(ctx)
        except StrataError as error:
            click.echo(f"strata-hub: {error.sentence()}", err=True)
            ctx.exit(2)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="strata-hub")
def main() -> None:
    """Look after the lab images of a JupyterHub deployment."""
