"""Runs the query service: `python -m prodgen_pipeline.serving --host HOST --port PORT`, as `prodgen up` does.

Prints nothing but its log, on standard error. Ends on SIGTERM and SIGINT when the running requests are answered.
"""

import argparse
import logging
import signal
import sys

from prodgen_pipeline.core.errors import ProdgenError
from prodgen_pipeline.settings import Settings, load_settings

#: A question in the thread pool holds one connection; further ones wait for it.
MAX_CONNECTIONS = 16
#: Seconds that running requests may take to end after a signal.
GRACE_SECONDS = 10


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until a signal; the database may come and go meanwhile.

    Raises:
        ConfigurationError: the settings are wrong, or there is no database that could be started.
    """
    import uvicorn

    from prodgen_pipeline.serving.app import create_app
    from prodgen_pipeline.serving.service import open_service
    from prodgen_pipeline.storage.connection import lease_addresses
    from prodgen_pipeline.storage.database import Database

    with (
        lease_addresses(settings) as addresses,
        Database(addresses.serving, "prodgen_serving", max_connections=MAX_CONNECTIONS) as database,
        open_service(settings, database, many=True) as service,
    ):
        config = uvicorn.Config(
            create_app(service), host=host, port=port, log_config=None, access_log=False, server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )  # fmt: skip
        uvicorn.Server(config).run()


def main() -> int:
    """Read the arguments and serve; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m prodgen_pipeline.serving", description=__doc__)
    settings = load_settings()
    parser.add_argument("--host", default=settings.serving.host)
    parser.add_argument("--port", type=int, default=settings.serving.api_port)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # uvicorn gives a signal back to the handler before its own once it has stopped: it must end this process cleanly,
    # so that the database's lease is given back.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        serve(settings, arguments.host, arguments.port)
    except ProdgenError as error:
        logging.getLogger("prodgen_pipeline.serving").error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
