"""Runs the query service: `python -m prodgen_pipeline.serving [--host HOST] [--port PORT] [--workers N]`.

Prints nothing but its log, on standard error. Ends on SIGTERM and SIGINT when the running requests are answered.
"""

import argparse
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from prodgen_pipeline.core.errors import ProdgenError
from prodgen_pipeline.settings import Settings, load_settings

if TYPE_CHECKING:
    from prodgen_pipeline.serving.admission import Gate

#: A question in the thread pool holds one connection, further ones wait for it; one more is the process's sign of life.
MAX_CONNECTIONS = 17
#: Seconds that running requests may take to end after a signal.
GRACE_SECONDS = 10
#: What prometheus_client reads when it is imported: the folder in which processes share their figures.
_SHARED_FIGURES = "PROMETHEUS_MULTIPROC_DIR"


def serve(settings: Settings, bound: socket.socket, *, is_one_of_many: bool = False) -> None:
    """Serve until a signal; the database may come and go meanwhile.

    Raises:
        ConfigurationError: the settings are wrong, or there is no database that could be started.
    """
    import uvicorn

    from prodgen_pipeline.serving.app import create_app
    from prodgen_pipeline.serving.metrics import Metrics
    from prodgen_pipeline.serving.service import open_service
    from prodgen_pipeline.serving.spending import living_worker
    from prodgen_pipeline.storage.connection import lease_addresses
    from prodgen_pipeline.storage.database import Database

    class Server(uvicorn.Server):
        """Sends away who still waits before it waits for those who are in."""

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            gate: Gate = app.state.gate
            gate.close()
            await super().shutdown(sockets)

    with (
        lease_addresses(settings) as addresses,
        Database(addresses.serving, "prodgen_serving", max_connections=MAX_CONNECTIONS) as database,
        living_worker(database) as worker,
        open_service(settings, database, many=True, worker=worker) as service,
    ):
        app = create_app(service, Metrics(is_shared=is_one_of_many), admission=settings.admission)
        config = uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=GRACE_SECONDS
        )
        Server(config).run(sockets=[bound])


def serve_with_workers(settings: Settings, bound: socket.socket, n: int) -> None:
    """Serve with `n` processes until a signal; the embedded database is leased for as long as any of them runs.

    Raises ConfigurationError as `serve`, WorkerFailed where they do not stay up.
    """
    from prodgen_pipeline.serving.workers import run_workers
    from prodgen_pipeline.storage.connection import lease_addresses

    with ExitStack() as stack:
        stack.enter_context(lease_addresses(settings))
        figures = stack.enter_context(TemporaryDirectory(prefix="prodgen-figures-"))
        os.environ.update({_SHARED_FIGURES: figures})
        from prometheus_client.multiprocess import mark_process_dead

        command = [sys.executable, "-m", "prodgen_pipeline.serving", "--worker-socket", str(bound.fileno())]
        run_workers(command, n, shared=bound, grace_seconds=GRACE_SECONDS, forget=mark_process_dead)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the arguments and serve; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # uvicorn gives a signal back to the handler before its own once it has stopped: it must end this process cleanly,
    # so that the database's lease is given back.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        _run(arguments)
    except ProdgenError as error:
        logging.getLogger("prodgen_pipeline.serving").error("%s", error)
        return 1
    return 0


def _run(arguments: Sequence[str] | None) -> None:
    from prodgen_pipeline.serving.workers import bind, end_with_parent

    settings = load_settings()
    parser = argparse.ArgumentParser(prog="python -m prodgen_pipeline.serving", description=__doc__)
    parser.add_argument("--host", default=settings.serving.host)
    parser.add_argument("--port", type=int, default=settings.serving.api_port)
    parser.add_argument("--workers", type=int, default=settings.serving.workers, help="processes that share the port")
    # A descriptor: this is one of those processes.
    parser.add_argument("--worker-socket", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.workers < 1:
        parser.error("--workers is 1 or more")
    if given.worker_socket is not None:
        end_with_parent()
        serve(settings, socket.socket(fileno=given.worker_socket), is_one_of_many=True)
    elif given.workers > 1:
        serve_with_workers(settings, bind(given.host, given.port), given.workers)
    else:
        serve(settings, bind(given.host, given.port))


if __name__ == "__main__":
    sys.exit(main())
