"""Dagster's code server, with run workers that start in half a second.

`python -m prodgen_pipeline.defs.code_server api grpc ...`: the arguments are those of `python -m dagster`.

Dagster starts a fresh interpreter for every run, which spends 5 CPU seconds and more on imports before it looks at a
small change (25 s where five other programs want the processor). Here a helper process has imported everything once
(warm), and every run is a fork of it. All else is Dagster's own: cancelling, watching, ending.
"""

import multiprocessing
import sys
from multiprocessing import forkserver
from types import SimpleNamespace

from dagster._cli import main as dagster_main
from dagster._grpc import server

WARM = "prodgen_pipeline.defs.warm"


def fork_run_workers() -> None:
    """Let runs be forks of a process that is warm; it is started here, and ends with this one.

    Dagster offers no setting for this. It is pinned to one release, and a test sees that runs are still started so.
    """
    multiprocessing.set_forkserver_preload([WARM])
    vars(server)["multiprocessing"] = SimpleNamespace(
        get_context=lambda method: multiprocessing.get_context("forkserver"), Process=multiprocessing.Process
    )
    forkserver.ensure_running()


if __name__ == "__main__":
    if sys.platform == "linux":
        fork_run_workers()
    dagster_main()  # type: ignore[no-untyped-call]  # Dagster's
