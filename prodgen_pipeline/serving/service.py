"""The query path with its parts put together: what HTTP, commands and evaluation call.

Belongs here: which embedder, which endpoint, which secrets. Does not: the steps of a search or an answer.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from prodgen_pipeline.core.configuration import EmbeddingConfig
from prodgen_pipeline.core.errors import DatabaseUnavailable
from prodgen_pipeline.core.models import EntitySpan, Reader
from prodgen_pipeline.core.ranking.retrieval import SearchFilter
from prodgen_pipeline.core.redaction import detect
from prodgen_pipeline.core.redaction.names import FindNames
from prodgen_pipeline.governance.keys import Actor
from prodgen_pipeline.governance.secrets import PSEUDONYMS, TenantSecrets, reading_secrets
from prodgen_pipeline.serving.ask import AskResult, AskStream, Means, Question, ask
from prodgen_pipeline.serving.conversation import Redact, redactor
from prodgen_pipeline.serving.question import Secret
from prodgen_pipeline.serving.search import Asked, EmbedderOf, SearchResult, search
from prodgen_pipeline.serving.spending import Spending
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import recall
from prodgen_pipeline.storage.database import Database
from prodgen_pipeline.storage.recall import Figures
from prodgen_pipeline.storage.tenants import Tenant

if TYPE_CHECKING:
    from prodgen_pipeline.clients.embedding import Embedder, Purpose
    from prodgen_pipeline.clients.generator import Generator
    from prodgen_pipeline.clients.reranker import HttpReranker, Reranker


class QueryService:
    """Answers for every tenant. Safe to share between threads."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        embedder: EmbedderOf,
        names: FindNames | None = None,
        generator: "Generator | None" = None,
        reranker: "Reranker | None" = None,
        worker: int | None = None,
    ) -> None:
        """`database` is the serving side; `embedder` is asked for the engine with every question: keep one.

        `names` reads questions for names that no list has (`clients.language.find_names`). `worker` is this process's
        number (`spending.living_worker`).
        """
        self.settings = settings
        self.database = database
        self._make_embedder = embedder
        self._embedder_lock = threading.Lock()
        self._names = names
        #: Of tenants whose first run has stored them.
        self._secrets: dict[int, TenantSecrets] = {}
        self._generator = generator
        self._reranker = reranker
        self._spending = Spending(database, settings.spending, worker=worker)

    def search(
        self,
        tenant: Tenant,
        text: str,
        *,
        reader: Reader,
        k: int = 10,
        narrowed: SearchFilter | None = None,
        widen: bool = False,
        exact: bool = False,
        rerank: bool = True,
    ) -> SearchResult:
        """Find the `k` best chunks that the reader may see; see `search.Asked`. Raises as `search.search`."""
        asked = Asked(k=k, narrowed=narrowed or SearchFilter(), widen=widen, exact=exact, rerank=rerank)
        return search(
            self.database, tenant, text, reader=reader, asked=asked, embedder=self._embedder,
            secret=self._secret(tenant), names=self._names, reranker=self._reranker,
        )  # fmt: skip

    def ask(
        self,
        tenant: Tenant,
        text: str,
        *,
        reader: Reader,
        actor: str,
        session: str | None = None,
        narrowed: SearchFilter | None = None,
        remembered: bool = True,
    ) -> AskResult:
        """Answer from what the reader may see and record it, in a batch: limits of requests do not hold.

        Raises as `ask.ask`.
        """
        question = Question(
            text=text, reader=reader, actor=actor, user=reader.user, session=session,
            narrowed=narrowed or SearchFilter(), remembered=remembered, is_batch=True,
        )  # fmt: skip
        return ask(self._means(tenant), tenant, question)

    def admit(self, tenant: Tenant, user: str | None) -> None:
        """Let one request in that asks no model; raises LimitExceeded, BudgetSpent, DatabaseUnavailable."""
        self._spending.admit(tenant, user)

    def stream(self, tenant: Tenant, question: Question) -> AskStream:
        """Understand and search a question; the answer is worded while the stream is iterated. Raises as `ask`."""
        return AskStream(self._means(tenant), tenant, question)

    def _means(self, tenant: Tenant) -> Means:
        return Means(
            database=self.database, embedder=self._embedder, secret=self._secret(tenant), names=self._names,
            spending=self._spending, generator=self._generator, reranker=self._reranker,
            sessions=self.settings.sessions,
        )  # fmt: skip

    def redactor(self, actor: Actor) -> Redact:
        """How a comment of this actor is redacted before it is kept."""
        config = self.settings.redaction.for_tenant(actor.tenant.name)
        return redactor(config, self._secret(actor.tenant), self._names)

    def recall_figures(self) -> Figures:
        """Recall over all tenants, as the newest audits found it; raises DatabaseUnavailable."""
        with self.database.transaction() as tx:
            return recall.figures(tx, at_least=self.settings.retrieval_audit.min_searches)

    def load_embedder(self) -> None:
        """Load the model that the first question would wait for; raises ConfigurationError when it cannot be used.

        An endpoint is not asked: that would cost money whenever a probe looks.
        """
        if self.settings.embedding.provider == "local":
            self._embedder(self.settings.embedding).embed(["warm-up"])

    def load_recognizers(self) -> None:
        """Load what the first question with a personal value or a name in it would wait for (seconds)."""
        detect("warm-up: warm.up@example.org", self.settings.redaction)
        if self._names is not None:
            self._names(["Xaveria Quellwasser is unknown to all lists."])

    def database_answers(self) -> bool:
        """Whether the database answers now; may wait as long as its pool does."""
        try:
            with self.database.transaction() as tx:
                return bool(tx.value("serving.answers"))
        except DatabaseUnavailable:
            return False

    def _embedder(self, config: EmbeddingConfig) -> "Embedder":
        # The engines are made once per process, but two first questions at a time would both make one.
        with self._embedder_lock:
            return self._make_embedder(config)

    def _secret(self, tenant: Tenant) -> Secret:
        # Before the question's own transaction: two connections for one question could be waited for in a circle.
        if tenant.tenant_id not in self._secrets:
            found = reading_secrets(self.settings, self.database, tenant.tenant_id)
            if not found.is_stored:
                return found
            # Now: what does not open, as it may for a moment while keys are rotated, is not remembered.
            found(PSEUDONYMS)
            self._secrets[tenant.tenant_id] = found
        return self._secrets[tenant.tenant_id]


@contextmanager
def open_service(
    settings: Settings, database: Database, *, many: bool, embedder: EmbedderOf | None = None, worker: int | None = None
) -> Iterator[QueryService]:
    """Put the query path together; `many` questions get the engine that runs fast, one the engine that starts fast.

    `embedder` takes the place of both; `worker` is this process's number (`spending.living_worker`). Only `many` are
    read by the language pipeline, which takes two seconds to load.
    """
    embedder = embedder or embedder_of(settings, purpose="query" if many else "one_question")
    names = _find_names if many else None
    with ExitStack() as stack:
        generator, reranker = configured_generator(settings), configured_reranker(settings)
        for endpoint in (generator, reranker):
            if endpoint is not None:
                stack.callback(endpoint.close)
        yield QueryService(
            settings, database, embedder=embedder, names=names, generator=generator, reranker=reranker, worker=worker
        )


def _find_names(texts: Sequence[str]) -> list[list[EntitySpan]]:
    """Names in questions; what reads them is imported by the first question that needs it."""
    from prodgen_pipeline.clients.language import find_names

    return find_names(texts)


def embedder_of(settings: Settings, *, purpose: "Purpose") -> EmbedderOf:
    """From a release's model to the engine or endpoint that embeds questions for it."""
    from prodgen_pipeline.clients.embedding import embedder_for

    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else None

    def embedder(config: EmbeddingConfig) -> "Embedder":
        return embedder_for(
            config, settings.embedding_service, purpose=purpose, api_key=key, base_url=settings.openai_base_url
        )

    return embedder


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


def configured_reranker(settings: Settings) -> "HttpReranker | None":
    """The reranker of the settings; None where there is none."""
    if settings.reranker_url is None:
        return None
    from prodgen_pipeline.clients.reranker import HttpReranker

    return HttpReranker(
        url=settings.reranker_url,
        model=settings.reranker.model,
        api_key=settings.reranker_key.get_secret_value() if settings.reranker_key else None,
        depth=settings.reranker.depth,
        timeout_seconds=settings.reranker.timeout_seconds,
    )
