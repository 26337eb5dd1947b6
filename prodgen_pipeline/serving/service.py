"""The query path with its parts put together: what HTTP, commands and evaluation call.

Belongs here: which embedder, which endpoint, which secrets. Does not: the steps of a search or an answer.
"""

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prodgen_pipeline.core.errors import DatabaseUnavailable
from prodgen_pipeline.core.models import Reader
from prodgen_pipeline.core.redaction import detect
from prodgen_pipeline.governance.secrets import master_key, tenant_secrets
from prodgen_pipeline.serving.ask import AskResult, ask
from prodgen_pipeline.serving.question import Secret
from prodgen_pipeline.serving.search import SearchResult, search
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage.database import Database
from prodgen_pipeline.storage.tenants import Tenant

if TYPE_CHECKING:
    from prodgen_pipeline.clients.embedding import Embedder
    from prodgen_pipeline.clients.generator import Generator


class QueryService:
    """Answers for every tenant. Safe to share between threads."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        embedder: "Callable[[], Embedder]",
        generator: "Generator | None" = None,
    ) -> None:
        """`database` is the serving side; `embedder` is asked for the engine with every question: keep one."""
        self.settings = settings
        self.database = database
        self._make_embedder = embedder
        self._embedder_lock = threading.Lock()
        self._generator = generator

    def search(self, tenant: Tenant, text: str, *, reader: Reader, k: int = 10) -> SearchResult:
        """Find the best chunks that the reader may see. Raises as `search.search`."""
        return search(
            self.database, tenant, text, reader=reader, k=k, embedder=self._embedder(), secret=self._secret(tenant)
        )

    def ask(self, tenant: Tenant, text: str, *, reader: Reader, actor: str, session: str | None = None) -> AskResult:
        """Answer from what the reader may see and record it. Raises as `search.search`."""
        return ask(
            self.database, tenant, text, reader=reader, actor=actor, embedder=self._embedder(),
            secret=self._secret(tenant), generator=self._generator, session=session,
        )  # fmt: skip

    def load_embedder(self) -> None:
        """Load the model that the first question would wait for; raises ConfigurationError when it cannot be used."""
        self._embedder().embed(["warm-up"])

    def load_recognizers(self) -> None:
        """Load what the first question with a personal value in it would wait for (seconds)."""
        detect("warm-up: warm.up@example.org", self.settings.redaction)

    def database_answers(self) -> bool:
        """Whether the database answers now; may wait as long as its pool does."""
        try:
            with self.database.transaction() as tx:
                return bool(tx.value("serving.answers"))
        except DatabaseUnavailable:
            return False

    def _embedder(self) -> "Embedder":
        # The engines are made once per process, but two first questions at a time would both make one.
        with self._embedder_lock:
            return self._make_embedder()

    def _secret(self, tenant: Tenant) -> Secret:
        def secret(purpose: str) -> bytes:
            return tenant_secrets(self._master, tenant.tenant_id)(purpose)

        return secret

    @functools.cached_property
    def _master(self) -> bytes:
        # Not before it is needed: the service may start before the first sync has made the key.
        return master_key(self.settings)


@contextmanager
def open_service(settings: Settings, database: Database, *, many: bool) -> Iterator[QueryService]:
    """Put the query path together; `many` questions get the engine that runs fast, one the engine that starts fast."""
    from prodgen_pipeline.clients.embedding import local_embedder, query_embedder

    generator = configured_generator(settings)
    try:
        yield QueryService(settings, database, embedder=local_embedder if many else query_embedder, generator=generator)
    finally:
        if generator is not None:
            generator.close()


def configured_generator(settings: Settings) -> "Generator | None":
    """The model endpoint of the settings; None where there is none, so that answers are extractive."""
    if settings.openai_base_url is None and settings.openai_api_key is None:
        return None
    from prodgen_pipeline.clients.generator import Generator

    return Generator(
        base_url=settings.openai_base_url,
        api_key=settings.openai_api_key.get_secret_value() if settings.openai_api_key else None,
        model=settings.generation.model,
        timeout_seconds=settings.generation.timeout_seconds,
    )
