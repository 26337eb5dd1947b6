"""From a question to hits: redact it, embed it, ask both halves of the index, fuse them, fetch the text.

Belongs here: the order of the steps and their times. Does not: the scores (sql/queries/search.sql), joining them
(`core.fusion`), whether the hits are evidence enough (`core.answering`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prodgen_pipeline.core.configuration import RedactionConfig, RetrievalConfig
from prodgen_pipeline.core.errors import ConfigurationError
from prodgen_pipeline.core.fusion import fuse
from prodgen_pipeline.core.lexical import query_terms
from prodgen_pipeline.core.models import Hit, Reader
from prodgen_pipeline.governance import releases
from prodgen_pipeline.governance.releases import ServedRelease
from prodgen_pipeline.serving.question import Secret, redact_question
from prodgen_pipeline.serving.timing import StepTimer
from prodgen_pipeline.storage.database import Database, Transaction
from prodgen_pipeline.storage.tenants import Tenant

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from prodgen_pipeline.clients.embedding import Embedder

#: Terms of one question that are looked up; a pasted page would ask for thousands of posting lists.
MAX_TERMS = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # a vector has no single answer to ==
class SearchResult:
    """Hits, best first, and what they were found with."""

    hits: tuple[Hit, ...]
    #: Id of the release, and the tenant's generation that served it.
    release: str
    generation: int
    #: Milliseconds by step, and `total`.
    timings_ms: dict[str, float]
    #: The question as it may be kept.
    query_redacted: str
    #: The release's contents: what an answer must be made with.
    manifest: Mapping[str, Any]
    #: (dimensions,) float32, unit length.
    vector: "NDArray[np.float32]"


def search(
    database: Database,
    tenant: Tenant,
    text: str,
    *,
    reader: Reader,
    k: int,
    embedder: "Embedder",
    secret: Secret,
) -> SearchResult:
    """Find the `k` best chunks among those that the reader may see, with the configuration of the served release.

    `database` is the serving side; `secret` gives the tenant's secret of a purpose. All reads are one transaction.

    Raises:
        NotFound: nothing is served to the tenant yet.
        ConfigurationError: the release wants another embedding model than the installed one.
        DatabaseUnavailable: the database does not answer.
    """
    timer = StepTimer()
    with database.transaction(tenant.tenant_id, reader) as tx:
        with timer.step("redact"):
            release = releases.require_served(tx)
            question = redact_question(tx, text, _redaction_config(release), secret)
        with timer.step("embed"):
            vector = _embed(embedder, question.spoken, release)
        with timer.step("retrieve"):
            hits = _retrieve(tx, release, question.text, vector, k)
    return SearchResult(
        hits=hits,
        release=release.release_id,
        generation=release.generation_id,
        timings_ms=timer.milliseconds(),
        query_redacted=question.text,
        manifest=release.manifest,
        vector=vector,
    )


def retrieval_config(manifest: Mapping[str, Any]) -> RetrievalConfig:
    """How a release retrieves; what its manifest does not know has its default."""
    known = RetrievalConfig.__dataclass_fields__.keys()
    return RetrievalConfig(**{name: value for name, value in manifest["retrieval"].items() if name in known})


def _redaction_config(release: ServedRelease) -> RedactionConfig:
    """How the served documents were redacted: questions are redacted the same way."""
    known = RedactionConfig.__dataclass_fields__.keys()
    return RedactionConfig(**{name: value for name, value in release.manifest["redaction"].items() if name in known})


def _embed(embedder: "Embedder", text: str, release: ServedRelease) -> "NDArray[np.float32]":
    wanted = release.manifest["embedding"]
    if embedder.dimensions != wanted["dimensions"]:
        raise ConfigurationError(
            f"release {release.release_id} holds vectors of {wanted['dimensions']} dimensions ({wanted['model']}), "
            f"the installed model makes {embedder.dimensions}: install the release's model"
        )
    vector: NDArray[np.float32] = embedder.embed([text])[0]
    return vector


def _retrieve(
    tx: Transaction, release: ServedRelease, question: str, vector: "NDArray[np.float32]", k: int
) -> tuple[Hit, ...]:
    config = retrieval_config(release.manifest)
    limit = max(k, config.n_candidates)
    as_text = vector_text(vector)
    dense = {
        row["chunk_id"]: row["similarity"]
        for row in tx.dicts("search.dense", generation_id=release.generation_id, vector=as_text, limit=limit)
    }
    lexical = _lexical(tx, release, config, question, limit)
    ranked = fuse(dense, {chunk: score for chunk, (score, _) in lexical.items()}, dense_weight=config.dense_weight)[:k]
    rows = tx.dicts(
        "search.hits", generation_id=release.generation_id, vector=as_text, chunk_ids=[chunk for chunk, _ in ranked]
    )
    coverage = {chunk: share for chunk, (_, share) in lexical.items()}
    # A list that is not full holds every chunk with any of the terms.
    if len(lexical) < limit:
        coverage = {row["chunk_id"]: coverage.get(row["chunk_id"], 0.0) for row in rows}
    return _hits(ranked, {row["chunk_id"]: row for row in rows}, coverage)


def _lexical(
    tx: Transaction, release: ServedRelease, config: RetrievalConfig, question: str, limit: int
) -> dict[int, tuple[float, float]]:
    """Score and share of the question's weight, by chunk."""
    asked = dict(list(query_terms(question).items())[:MAX_TERMS])
    if not asked or not release.n_chunks:
        return {}
    rows = tx.dicts(
        "search.lexical", generation_id=release.generation_id, terms=list(asked), weights=list(asked.values()),
        n_chunks=release.n_chunks, mean_length=max(1.0, release.n_terms / release.n_chunks),
        k1=config.bm25_k1, b=config.bm25_b, limit=limit,
    )  # fmt: skip
    return {row["chunk_id"]: (row["score"], row["coverage"]) for row in rows}


def vector_text(vector: "NDArray[np.float32]") -> str:
    """A vector as pgvector reads it; as text, because binary would need the type's id asked on every connection."""
    return "[" + ",".join(f"{value:.6g}" for value in vector.tolist()) + "]"


def _hits(
    ranked: Sequence[tuple[int, float]], rows: Mapping[int, Mapping[str, Any]], coverage: Mapping[int, float]
) -> tuple[Hit, ...]:
    """Put text and address to the ranking; a chunk that was replaced in the meantime is left out."""
    found = [(chunk, score, rows[chunk]) for chunk, score in ranked if chunk in rows]
    return tuple(
        Hit(
            rank=rank,
            score=round(score, 6),
            uri=row["uri"],
            source=row["source"],
            document_id=str(row["document_id"]),
            version=row["version"],
            chunk_id=str(chunk),
            title=row["title"],
            pages=tuple(row["pages"]),
            text=row["text"],
            heading_path=tuple(row["heading_path"]),
            similarity=row["similarity"],
            term_coverage=coverage.get(chunk),
        )
        for rank, (chunk, score, row) in enumerate(found, start=1)
    )
