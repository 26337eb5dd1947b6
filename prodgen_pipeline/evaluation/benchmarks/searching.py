"""`bench search`: how long a search takes, for one client and for several at once, step by step.

Belongs here: questions made from the corpus, the clock around the real query path. Does not: whether what is found is
right (retrieval, evaluation.run).
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from prodgen_pipeline.core.errors import NotFound
from prodgen_pipeline.core.metrics import percentile
from prodgen_pipeline.core.models import Reader
from prodgen_pipeline.evaluation.benchmarks.scratch import scratch, sync_in_own_process
from prodgen_pipeline.serving.search import SearchResult
from prodgen_pipeline.serving.service import QueryService, embedder_of
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import documents, sources
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant

#: Words of a made question: what people type into a search box is shorter, what they ask is longer.
QUESTION_WORDS = 8
N_RESULTS = 10
Ask = Callable[[str], SearchResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """Milliseconds, each a latency that some search had."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What some clients saw who search one after the other without a pause."""

    n_clients: int
    n_searches: int
    per_second: float
    latency_ms: Percentiles
    #: By step of the query path.
    step_ms: dict[str, Percentiles]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchReport:
    """Latencies over an index of some size."""

    n_documents: int
    n_chunks: int
    loads: tuple[Load, ...]


def measure_searching(
    settings: Settings,
    folders: Mapping[str, Path],
    *,
    n_questions: int = 200,
    clients: Sequence[int] = (1, 8),
    progress: Callable[[str], None] = lambda line: None,
) -> SearchReport:
    """Index copies of the folders on a temporary home, then measure there."""
    with scratch(settings, folders) as at:
        progress(f"indexing {len(folders)} folders")
        sync_in_own_process(at)
        return measure_tenant(
            at.settings, at.databases, at.tenant, n_questions=n_questions, clients=clients, progress=progress
        )


def measure_tenant(
    settings: Settings,
    databases: Databases,
    tenant: Tenant,
    *,
    n_questions: int = 200,
    clients: Sequence[int] = (1, 8),
    progress: Callable[[str], None] = lambda line: None,
) -> SearchReport:
    """Measure searches over a tenant's served index; raises NotFound where it serves no text."""
    texts = _served_texts(databases, tenant)
    questions = made_questions(texts, n_questions)
    if not questions:
        raise NotFound(f"tenant {tenant.name} serves no text to make questions from: `prodgen sync` first")
    ask = searcher(settings, databases, tenant)
    # Connections, plans, caches and the model are warm in a service.
    for question in questions[: max(clients)]:
        ask(question)
    loads = []
    for n_clients in clients:
        progress(f"{len(questions)} searches by {n_clients} {'client' if n_clients == 1 else 'clients'}")
        loads.append(under_load(ask, questions, n_clients))
    return SearchReport(n_documents=_n_documents(databases, tenant), n_chunks=len(texts), loads=tuple(loads))


def searcher(settings: Settings, databases: Databases, tenant: Tenant, *, k: int = N_RESULTS) -> Ask:
    """A function from question to hits on the real query path, for a reader who is in every group of the tenant."""
    service = QueryService(settings, databases.serving, embedder=embedder_of(settings, purpose="query"))
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        groups = {group for source in sources.list_all(tx) for group in source.groups}
    reader = Reader(groups=tuple(sorted(groups)))

    def ask(question: str) -> SearchResult:
        return service.search(tenant, question, reader=reader, k=k)

    return ask


def made_questions(texts: Sequence[str], n: int) -> list[str]:
    """Up to `n` runs of words from evenly spaced texts; the same texts give the same questions."""
    chosen = [texts[len(texts) * at // n] for at in range(min(n, len(texts) * 4))] if texts else []
    made = []
    for turn, text in enumerate(chosen):
        words = text.split()
        # Texts that are chosen more than once give another run each time.
        start = len(words) * (1 + turn % 4) // 6
        made.append(" ".join(words[start : start + QUESTION_WORDS]))
    return [question for question in dict.fromkeys(made) if question]


def percentiles(values: Iterable[float]) -> Percentiles:
    """The 50th, 95th and 99th, rounded to a hundredth."""
    ordered = sorted(values)
    return Percentiles(**{f"p{share}": round(percentile(ordered, share / 100), 2) for share in (50, 95, 99)})


def under_load(ask: Ask, questions: Sequence[str], n_clients: int) -> Load:
    """Let clients search one question after the other, each its own part of them."""

    def client(own: Sequence[str]) -> list[tuple[float, dict[str, float]]]:
        seen = []
        for question in own:
            before = time.perf_counter()
            result = ask(question)
            seen.append(((time.perf_counter() - before) * 1000, result.timings_ms))
        return seen

    started = time.perf_counter()
    with ThreadPoolExecutor(n_clients) as pool:
        seen = [
            each for part in pool.map(client, [questions[at::n_clients] for at in range(n_clients)]) for each in part
        ]
    wall = time.perf_counter() - started
    steps = sorted({name for _, timings in seen for name in timings})
    return Load(
        n_clients=n_clients,
        n_searches=len(seen),
        per_second=round(len(seen) / wall, 1),
        latency_ms=percentiles(latency for latency, _ in seen),
        step_ms={name: percentiles(timings.get(name, 0.0) for _, timings in seen) for name in steps},
    )


def _served_texts(databases: Databases, tenant: Tenant) -> list[str]:
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        served = [row for row in documents.list_all(tx) if row["state"] == "served"]
        return [chunk["text"] for row in served for chunk in documents.chunks(tx, row["document_id"])]


def _n_documents(databases: Databases, tenant: Tenant) -> int:
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        return sum(row["state"] == "served" for row in documents.list_all(tx))
