"""How far a run is: a bar per stage on a terminal, a plain line now and then elsewhere. Always beside the output."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prodgen_pipeline.cli.outcome import say

#: Told (stage, documents done, documents known to wait); as lifecycle.runs.Run wants it.
Progress = Callable[[str, int, int], None]

#: Seconds between two plain lines.
_QUIET_SECONDS = 5.0


@contextmanager
def progress(title: str) -> Iterator[Progress]:
    """Show how far a run is for as long as the block lasts."""
    if not sys.stderr.isatty():
        yield _lines(title)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, waiting: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(f"{title} {stage}")
            bars.update(tasks[stage], completed=done, total=done + waiting)

        yield show


def _lines(title: str) -> Progress:
    last = time.monotonic()

    def show(stage: str, done: int, waiting: int) -> None:
        nonlocal last
        if time.monotonic() - last > _QUIET_SECONDS:
            last = time.monotonic()
            say(f"{title} {stage}: {done} of {done + waiting}")

    return show
