"""The command ``strata``: its subcommands, found without importing them, and how it ends."""

import sys
from importlib import import_module

import click

from strata_lab import __version__
from strata_lab.cli.exits import Exit, exit_for, explanation
from strata_lab.errors import StrataError

COMMANDS = {
    "list": ("views", "Environments, and how they stand to this image"),
    "show": ("views", "One environment: what was asked for and what it holds"),
    "plan": ("changes", "What installing packages would do, without doing it"),
    "create": ("changes", "Make an environment"),
    "install": ("changes", "Add packages"),
    "upgrade": ("changes", "Bring packages to newer versions"),
    "remove": ("changes", "Take packages out"),
    "undo": ("changes", "Go back to what was before the last change"),
    "redo": ("changes", "Take back an undo"),
    "clone": ("changes", "Make a second environment like one"),
    "rename": ("changes", "Give an environment another name"),
    "delete": ("changes", "Put an environment into the bin"),
    "restore": ("changes", "Take an environment out of the bin"),
    "adopt": ("changes", "Keep what was installed by hand"),
    "rebuild": ("changes", "Make an environment fit the image at hand"),
    "export": ("files", "Write an environment as a file"),
    "import": ("files", "Make an environment from a file"),
    "freeze": ("files", "Print exactly what an environment holds"),
    "reproduce": ("files", "Make the environment again that a notebook ran in"),
    "history": ("views", "What was done to an environment"),
    "why": ("views", "Why a package is there"),
    "doctor": ("care", "What hurts this lab or will, and moving it aside"),
    "kernels": ("care", "The kernels that this lab offers"),
    "sweep": ("care", "Remove what nothing uses"),
    "completion": ("care", "How a shell completes this command"),
}


class Lazy(click.Group):
    """A group that imports a subcommand when it is run, so that help and completion are quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """Return the names in the order in which they are learnt."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (click's signature)
        """Import and return one."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"strata_lab.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (as above)
        """List the subcommands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (as above)
        """Tell the exit codes."""
        formatter.write("\nExit codes:\n" + explanation() + "\n")


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="strata")
def cli() -> None:
    """Add packages of your own on top of the lab's software, without being able to break it."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code; whatever goes wrong is a sentence on standard error."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        result = cli.main(arguments, prog_name="strata", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("Cancelled.", err=True)
        return Exit.CANCELLED
    except StrataError as error:
        return _tell(error, as_json="--json" in arguments)
    except BrokenPipeError:
        # Whoever read the output has closed it; Python would complain again when it flushes at its end.
        sys.stdout = None
        return Exit.DONE
    except OSError as error:
        click.echo(f"strata: {error.strerror or error}: {error.filename or 'the system refused'}", err=True)
        return Exit.FAILED
    return result if isinstance(result, int) else Exit.DONE


def _tell(error: StrataError, *, as_json: bool) -> Exit:
    from strata_lab.cli.output import Output, printable  # noqa: PLC0415 (pydantic: only who prints pays)

    if as_json:
        Output(as_json=True).document({"code": error.code, "message": str(error), "hint": error.hint})
    else:
        click.echo(f"strata: {printable(str(error))}", err=True)
        if error.hint:
            click.echo(printable(error.hint), err=True)
    return exit_for(error)
