"""Whether the service can answer: the embedder once it is loaded, the database now.

Belongs here: the two questions behind /readyz. Does not: whether the process lives (/healthz says so by answering).
"""

import logging
import threading

import anyio
from anyio import to_thread

from prodgen_pipeline.core.errors import ProdgenError
from prodgen_pipeline.serving.service import QueryService

logger = logging.getLogger(__name__)

#: A load balancer asks every few seconds and does not wait long.
_DATABASE_SECONDS = 2.0


class Readiness:
    """Loads in the background what the first question would wait for, and says when it is there."""

    def __init__(self, service: QueryService) -> None:
        self._service = service
        self._embedder = "loading"
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._load, name="warm-up")

    def start(self) -> None:
        """Begin to load; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Wait until nothing is being loaded: an interpreter that ends under native code is aborted."""
        self._stopping.set()
        self._thread.join()

    async def check(self) -> dict[str, str]:
        """Each part with `ok` or what is wrong with it, within two seconds."""
        database = "does not answer"
        with anyio.move_on_after(_DATABASE_SECONDS):
            if await to_thread.run_sync(self._service.database_answers, abandon_on_cancel=True):
                database = "ok"
        return {"database": database, "embedder": self._embedder}

    def _load(self) -> None:
        try:
            self._service.load_embedder()
        except ProdgenError as error:
            self._embedder = "failed: see the log"
            logger.error("the embedding model cannot be used: %s", error)
            return
        self._embedder = "ok"
        if not self._stopping.is_set():
            self._service.load_recognizers()
