"""`bench tenants`: many small tenants and a large one in one database, and what they cost each other.

Belongs here: the tenants, the order in which they come, the ratios. Does not: drawing and filling (drawn, filling).
"""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from prodgen_pipeline.clients.embedding import local_embedder
from prodgen_pipeline.core.errors import IntegrityError
from prodgen_pipeline.core.models import Reader
from prodgen_pipeline.evaluation.benchmarks.drawn import DrawnVectors, Pool, draw_documents, read_pool
from prodgen_pipeline.evaluation.benchmarks.filling import fill
from prodgen_pipeline.evaluation.benchmarks.scratch import Scratch, scratch
from prodgen_pipeline.evaluation.benchmarks.searching import Percentiles, made_questions, percentiles
from prodgen_pipeline.lifecycle.sync import open_run, sync_tenant
from prodgen_pipeline.serving.service import QueryService, embedder_of
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import sources, tenants

#: Sentences of a document: one chunk.
DOCUMENT_SENTENCES = 5
#: Small tenants that are there before the large one comes; they are the ones that are measured.
WATCHED = 10
N_SEARCHES = 200
N_EDITS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantFigures:
    """Searches and edits of tenants at one moment."""

    search_ms: Percentiles
    #: Seconds from an edit to its being found, a run's start included.
    edit_seconds: Percentiles


@dataclass(frozen=True, slots=True, kw_only=True)
class TenancyReport:
    """What is measured for the same tenants at several moments."""

    n_tenants: int
    documents_each: int
    large_documents: int
    #: The watched small tenants: alone, beside the large one, beside everybody.
    small_alone: TenantFigures
    small_beside_large: TenantFigures
    small_beside_all: TenantFigures
    #: The large tenant: beside the watched ones, beside everybody.
    large_first: TenantFigures
    large_beside_all: TenantFigures

    @property
    def small_ratio(self) -> float:
        """p95 of small tenants' searches, beside everybody / alone."""
        return self.small_beside_all.search_ms.p95 / self.small_alone.search_ms.p95

    @property
    def large_ratio(self) -> float:
        """p95 of the large tenant's searches, beside everybody / beside ten small ones."""
        return self.large_beside_all.search_ms.p95 / self.large_first.search_ms.p95


def measure_tenancy(
    settings: Settings,
    folders: Mapping[str, Path],
    *,
    n_tenants: int = 1_000,
    documents_each: int = 100,
    large_documents: int = 100_000,
    progress: Callable[[str], None] = lambda line: None,
) -> TenancyReport:
    """Draw the tenants' documents from the folders, fill a temporary home with them, measure on the way."""
    pool = read_pool(folders)
    vectors = DrawnVectors(pool, local_embedder())
    with TemporaryDirectory(prefix="prodgen-drawn-") as temporary, scratch(settings, {}) as at:
        known = _Tenants(at=at, pool=pool, vectors=vectors, folder=Path(temporary))
        progress(f"{WATCHED} tenants of {documents_each} documents")
        watched = [known.add(f"small-{number}", documents_each, seed=number) for number in range(WATCHED)]
        small_alone = known.measure(watched)
        progress(f"one of {large_documents:,}")
        large = known.add("large", large_documents, seed=-1, progress=progress)
        large_first, small_beside_large = known.measure([large]), known.measure(watched)
        for number in range(WATCHED, n_tenants):
            known.add(f"small-{number}", documents_each, seed=number)
            if number % 100 == 0:
                progress(f"{number} of {n_tenants} tenants")
        return TenancyReport(
            n_tenants=n_tenants, documents_each=documents_each, large_documents=large_documents,
            small_alone=small_alone, small_beside_large=small_beside_large, small_beside_all=known.measure(watched),
            large_first=large_first, large_beside_all=known.measure([large]),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tenants:
    """The tenants of one scratch home, each with a folder of drawn documents."""

    at: Scratch
    pool: Pool
    vectors: DrawnVectors
    folder: Path

    def add(self, name: str, n: int, *, seed: int, progress: Callable[[str], None] = lambda line: None) -> Scratch:
        own = self.folder / name
        own.mkdir()
        for number, text in enumerate(draw_documents(self.pool, n, n_sentences=DOCUMENT_SENTENCES, seed=seed)):
            (own / f"{number:07d}.txt").write_text(text, encoding="utf-8")
        with self.at.databases.pipeline.transaction() as tx:
            tenant = tenants.add(tx, name)
        with self.at.databases.pipeline.transaction(tenant.tenant_id) as tx:
            sources.add(tx, "files", str(own), include=[], exclude=[], groups=[])
        # Starting workers for a hundred small files takes longer than indexing them.
        local = replace(self.at.settings.local, inline_documents=min(n, 500))
        there = replace(self.at, tenant=tenant, folders={"files": own}, settings=replace(self.at.settings, local=local))
        fill(there, self.vectors, progress)
        return there

    def measure(self, measured: Sequence[Scratch]) -> TenantFigures:
        settings, databases = self.at.settings, self.at.databases
        service = QueryService(settings, databases.serving, embedder=embedder_of(settings, purpose="query"))
        latencies = []
        each = N_SEARCHES // len(measured)
        for place in measured:
            questions = made_questions(_texts(place, each), each)
            service.search(place.tenant, questions[0], reader=Reader())
            for question in questions:
                before = time.perf_counter()
                service.search(place.tenant, question, reader=Reader())
                latencies.append((time.perf_counter() - before) * 1000)
        edits = [_edit(measured[number % len(measured)], service, number) for number in range(N_EDITS)]
        return TenantFigures(search_ms=percentiles(latencies), edit_seconds=percentiles(edits))


def _texts(place: Scratch, n: int) -> list[str]:
    with place.databases.pipeline.transaction(place.tenant.tenant_id) as tx:
        return [row["text"] for row in tx.dicts("benchmarks.texts", limit=n)]


def _edit(place: Scratch, service: QueryService, number: int) -> float:
    """Change a document and wait until it is found; returns seconds."""
    path = sorted(place.folders["files"].iterdir())[number]
    word = f"zq{secrets.token_hex(6)}"
    path.write_text(path.read_text(encoding="utf-8") + f"\nThe word of the day is {word}.\n", encoding="utf-8")
    before = time.perf_counter()
    with open_run(
        place.settings, place.databases.pipeline, place.tenant, run_id=secrets.token_hex(8), kind="sync",
        actor="benchmark",
    ) as run:  # fmt: skip
        sync_tenant(run)
    hits = service.search(place.tenant, word, reader=Reader(), k=1).hits
    if not hits or word not in hits[0].text:
        raise IntegrityError(f"the edit of {path.name} is not found")
    return time.perf_counter() - before
