"""How an operation's progress looks: a bar on a terminal, few lines elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from strata_lab.cli.output import Output, size
from strata_lab.progress import Amount, Entered, Phase, Progress, Report

_STEP = 10


class _Lines:
    """Tell phases as lines, and amounts each time that a tenth of the whole is passed."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._told: dict[Phase, int] = {}

    def __call__(self, event: Progress) -> None:
        if isinstance(event, Entered):
            self._write(event.sentence)
        elif isinstance(event, Amount) and event.total:
            tenth = event.done * _STEP // event.total
            if tenth > self._told.get(event.phase, -1):
                self._told[event.phase] = tenth
                self._write(f"  {size(event.done)} of {size(event.total)}")


@contextmanager
def shown(output: Output) -> Iterator[Report]:
    """Yield a report that shows progress while the block runs, on standard error."""
    if output.as_json:
        yield lambda _event: None
        return
    if not output.rich:
        yield _Lines(output.note)
        return
    from rich.console import Console  # noqa: PLC0415 (a pipe does not pay for it)
    from rich.markup import escape  # noqa: PLC0415 (as above)
    from rich.progress import BarColumn, DownloadColumn, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.progress import Progress as Bars  # noqa: PLC0415 (as above)

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=None)

        def report(event: Progress) -> None:
            if isinstance(event, Entered):
                bars.update(task, description=escape(event.sentence), total=None, completed=0)
            elif isinstance(event, Amount):
                bars.update(task, completed=event.done, total=event.total)

        yield report
