"""Subcommands that look after the lab as a whole."""

import os
from dataclasses import asdict

import click
from click.shell_completion import get_completion_class

from strata_lab.cli import options
from strata_lab.cli.output import Output


@click.command("doctor")
@click.option("--aside", "aside", metavar="FINDING", help="Move what this finding is about aside; it can be put back.")
@click.option("--restore", "back", metavar="ID", help="Put back what was moved aside.")
@options.output_options
def doctor_command(aside: str | None, back: str | None, *, as_json: bool, plain: bool) -> None:
    """Find what hurts this lab or will: planted configuration, dead kernels, a full home, broken environments."""
    from strata_lab.doctor import doctor_of  # noqa: PLC0415 (its probes are needed here only)

    if aside and back:
        raise click.UsageError("Use --aside or --restore, one at a time.")
    output = Output.of(as_json=as_json, plain=plain)
    doctor = doctor_of(os.environ)
    if aside or back:
        moved = doctor.set_aside(aside) if aside else doctor.restore(str(back))
        if as_json:
            output.document(moved)
        elif aside:
            output.text(f"Moved {moved.original} aside; `strata doctor --restore {moved.identifier}` puts it back.")
        else:
            output.text(f"Put {moved.original} back.")
        return
    found, asides = doctor.examine(), doctor.asides()
    if as_json:
        told = [
            {
                "finding": item.identifier,
                "severity": item.severity,
                "title": item.title,
                "explanation": item.explanation,
                "path": str(item.path) if item.path else None,
            }
            for item in found
        ]
        output.document({"findings": told, "asides": [item.model_dump(mode="json") for item in asides]})
        return
    if not found:
        output.text("Nothing was found that hurts this lab.")
    for item in found:
        output.text(f"{item.severity}: {item.title}\n  {item.explanation}")
        if item.path is not None:
            output.text(f"  `strata doctor --aside {item.identifier}` moves it aside.")
    for past in asides:
        output.text(f"aside: {past.original}; `strata doctor --restore {past.identifier}` puts it back.")


@click.command("kernels")
@options.output_options
def kernels_command(*, as_json: bool, plain: bool) -> None:
    """Print the kernels that this lab offers, and why one cannot be started."""
    from strata_lab.kernel_catalogue import KernelCatalogue  # noqa: PLC0415 (needed here only)

    output = Output.of(as_json=as_json, plain=plain)
    found = KernelCatalogue(os.environ).kernels().values()
    if as_json:
        output.document(
            [
                {
                    "name": kernel.name,
                    "title": kernel.title,
                    "python": str(kernel.python),
                    "reason": kernel.reason,
                    "environment": kernel.environment,
                    "generation": kernel.generation,
                }
                for kernel in found
            ]
        )
        return
    output.table(["NAME", "TITLE", "STATE"], [[kernel.name, kernel.title, kernel.reason or "good"] for kernel in found])


@click.command("sweep")
@options.output_options
def sweep_command(*, as_json: bool, plain: bool) -> None:
    """Remove half-made generations, those that nothing uses, and what has been in the bin for long."""
    from strata_lab.wiring import open_operations  # noqa: PLC0415 (completion does not need it)

    output = Output.of(as_json=as_json, plain=plain)
    swept = open_operations("command").sweep()
    told = asdict(swept)
    if as_json:
        output.document(told)
    elif any(told.values()):
        output.text(
            f"Removed {len(swept.generations)} generations, {len(swept.binned)} deleted environments and "
            f"{swept.leftovers} leftovers; {len(swept.stuck)} could not be removed."
        )
    else:
        output.text("There was nothing to remove.")


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    """Print what makes SHELL complete this command: eval "$(strata completion bash)"."""
    from strata_lab.cli.main import cli  # noqa: PLC0415 (main imports this module)

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 (the choices above are click's own)
    click.echo(kind(cli, {}, "strata", "_STRATA_COMPLETE").source())
