"""`bench scale`: searches over a drawn corpus of some size, by readers who see more or less of it.

Belongs here: filling the index, the readers, latency and recall against exact search. Does not: drawing (drawn), the
clock (searching).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

from prodgen_pipeline.clients.embedding import local_embedder
from prodgen_pipeline.core.models import Reader
from prodgen_pipeline.evaluation.benchmarks.drawn import DrawnVectors, Pool, draw_documents, read_pool
from prodgen_pipeline.evaluation.benchmarks.filling import fill
from prodgen_pipeline.evaluation.benchmarks.scratch import Scratch, scratch
from prodgen_pipeline.evaluation.benchmarks.searching import Load, Percentiles, made_questions, percentiles, under_load
from prodgen_pipeline.serving.search import SearchResult
from prodgen_pipeline.serving.service import QueryService, embedder_of
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage.generations import Generation

#: Share of the documents that a reader in the group of that name sees; every group's readers see the smaller ones' too.
SHARES = {"thousandth": 0.001, "hundredth": 0.01, "tenth": 0.1, "third": 0.3, "all": 1.0}
#: Chunks of 250 word pieces that a drawn document makes, about.
CHUNKS_PER_DOCUMENT = 7.5
N_QUESTIONS = 200
DEPTH = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderFigures:
    """Searches of one reader."""

    share: float
    n_chunks: int
    latency_ms: Percentiles
    #: Of the hits of the exact search, those that the served one found; mean over the questions.
    recall_at_10: float
    #: Searches with fewer hits than the exact one.
    n_short: int
    #: How often each plan was chosen.
    plans: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleReport:
    """One size."""

    n_documents: int
    n_chunks: int
    #: Wall seconds of all stages but embedding, the vector index included.
    indexing_seconds: float
    database_mb: float
    readers: tuple[ReaderFigures, ...]
    loads: tuple[Load, ...]


def measure_scaling(
    settings: Settings,
    folders: Mapping[str, Path],
    n_chunks: int,
    *,
    n_questions: int = N_QUESTIONS,
    clients: Sequence[int] = (1, 8),
    progress: Callable[[str], None] = lambda line: None,
) -> ScaleReport:
    """Draw a corpus of about `n_chunks` from the folders, index it on a temporary home, search it."""
    pool = read_pool(folders)
    vectors = DrawnVectors(pool, local_embedder())
    with TemporaryDirectory(prefix="prodgen-drawn-") as temporary:
        files = _write(pool, Path(temporary), round(n_chunks / CHUNKS_PER_DOCUMENT))
        with scratch(settings, files, groups=_groups(files)) as at:
            started = time.perf_counter()
            progress(f"indexing about {n_chunks:,} chunks")
            generation = fill(at, vectors, progress)
            indexed = time.perf_counter()
            return _measure(at, generation, n_questions, clients, progress, indexed - started)


def _write(pool: Pool, folder: Path, n: int) -> dict[str, Path]:
    """One folder a group, so that each is a source with rights of its own; documents are spread evenly."""
    shares = sorted(SHARES.items(), key=lambda item: item[1])
    for name, _ in shares:
        (folder / name).mkdir()
    for number, text in enumerate(draw_documents(pool, n)):
        place = (number * 0.6180339887) % 1.0  # evenly spread and without a period
        name = next(name for name, share in shares if place < share)
        (folder / name / f"{number:07d}.txt").write_text(text, encoding="utf-8")
    return {name: folder / name for name, _ in shares if any((folder / name).iterdir())}


def _groups(files: Mapping[str, Path]) -> dict[str, list[str]]:
    return {name: [other for other, share in SHARES.items() if share >= SHARES[name]] for name in files}


def _measure(
    at: Scratch,
    generation: Generation,
    n_questions: int,
    clients: Sequence[int],
    progress: Callable[[str], None],
    indexing_seconds: float,
) -> ScaleReport:
    service = QueryService(at.settings, at.databases.serving, embedder=embedder_of(at.settings, purpose="query"))
    with at.databases.pipeline.transaction(at.tenant.tenant_id) as tx:
        facts = tx.dicts("benchmarks.facts", generation_id=generation.generation_id)[0]
        sizes = {row["principal"]: row["n_chunks"] for row in tx.dicts("benchmarks.sizes")}
        texts = [row["text"] for row in tx.dicts("benchmarks.texts", limit=n_questions)]
    questions = made_questions(texts, n_questions)
    readers = []
    for name, share in SHARES.items():
        progress(f"{len(questions)} searches by a reader of {share:.1%}")
        seen = sizes.get(f"group:{name}", 0)
        readers.append(_as_reader(service, at, questions, Reader(groups=(name,)), share, seen))

    def ask(question: str) -> SearchResult:
        return service.search(at.tenant, question, reader=Reader(groups=("all",)))

    loads = []
    for n_clients in clients:
        progress(f"{len(questions)} searches by {n_clients} clients")
        loads.append(under_load(ask, questions, n_clients))
    return ScaleReport(
        n_documents=facts["n_documents"], n_chunks=facts["n_chunks"], indexing_seconds=round(indexing_seconds, 1),
        database_mb=round(facts["database_bytes"] / 1e6, 1),
        readers=tuple(readers), loads=tuple(loads),
    )  # fmt: skip


def _as_reader(
    service: QueryService, at: Scratch, questions: Sequence[str], reader: Reader, share: float, n_chunks: int
) -> ReaderFigures:
    latencies: list[float] = []
    recalls: list[float] = []
    plans: dict[str, int] = {}
    n_short = 0
    for question in questions:
        before = time.perf_counter()
        served = service.search(at.tenant, question, reader=reader, k=DEPTH)
        latencies.append((time.perf_counter() - before) * 1000)
        plans[served.plan] = plans.get(served.plan, 0) + 1
        exact = service.search(at.tenant, question, reader=reader, k=DEPTH, exact=True)
        wanted = {hit.chunk_id for hit in exact.hits}
        found = {hit.chunk_id for hit in served.hits}
        n_short += len(found) < len(wanted)
        if wanted:
            recalls.append(len(found & wanted) / len(wanted))
    return ReaderFigures(
        share=share, n_chunks=n_chunks, latency_ms=percentiles(latencies), n_short=n_short, plans=plans,
        recall_at_10=round(fmean(recalls), 4) if recalls else 1.0,
    )  # fmt: skip
