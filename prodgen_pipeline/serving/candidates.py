"""The candidates of one question: nearest vectors and best terms, each scored by the other half too.

Belongs here: the order of the statements. Does not: choosing between plans (`core.ranking.retrieval`), joining
the scores (`core.ranking.fusion`), texts (`search`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from prodgen_pipeline.core.configuration import RetrievalConfig
from prodgen_pipeline.core.ranking.lexical import query_terms
from prodgen_pipeline.core.ranking.postings import Bm25, add_up
from prodgen_pipeline.core.ranking.retrieval import (
    POSTINGS_BUDGET,
    RESCORED,
    DensePlan,
    SearchFilter,
    dense_plan,
    effort,
    falls_short,
)
from prodgen_pipeline.governance.releases import ServedRelease
from prodgen_pipeline.storage.database import Transaction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Terms of one question that are looked up; a pasted page would ask for thousands of lists.
MAX_TERMS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Chunks that may be hits, by id: every one has all three."""

    similarity: dict[int, float]
    #: BM25; 0 for a chunk with none of the terms.
    lexical: dict[int, float]
    #: Share of the question's weighted terms.
    coverage: dict[int, float]
    #: The question's terms in its order: how often each is asked for, and in how many of the visible chunks it is.
    asked: dict[str, int]
    frequency: dict[str, int]
    #: Chunks that the reader may see.
    n_chunks: int
    plan: DensePlan


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reach:
    """What the reader can see of the generation, and the documents that the search is narrowed to."""

    access_ids: list[int]
    n_chunks: int
    n_terms: int
    document_ids: list[int] | None


def find(
    tx: Transaction,
    release: ServedRelease,
    config: RetrievalConfig,
    question: str,
    vector: "NDArray[np.float32]",
    *,
    narrowed: SearchFilter,
    limit: int,
    exact: bool = False,
    carried: Sequence[int] = (),
) -> Candidates:
    """Find up to `limit` chunks by each half; `exact` compares every vector and adds up every posting.

    Chunks that are `carried` on are scored as well, unless the search is narrowed.
    """
    reach = _reach(tx, release, narrowed)
    if not reach.n_chunks or reach.document_ids == []:
        return Candidates(
            similarity={}, lexical={}, coverage={}, asked={}, frequency={}, n_chunks=0, plan=DensePlan.EXACT
        )
    as_text = vector_text(vector)
    asked = dict(list(query_terms(question).items())[:MAX_TERMS])
    similarity, plan = _dense(tx, release, reach, as_text, limit=limit, exact=exact)
    also = list(dict.fromkeys([*similarity, *(carried if reach.document_ids is None else ())]))
    scored, frequency = _lexical(tx, release, config, reach, asked, also, limit=limit, exact=exact)
    unknown = [chunk for chunk in scored if chunk not in similarity]
    if unknown:
        rows = tx.dicts("search.similarities", generation_id=release.generation_id, vector=as_text, chunk_ids=unknown)
        similarity |= {row["chunk_id"]: row["similarity"] for row in rows}
    return Candidates(
        similarity=similarity,
        lexical={chunk: scored[chunk][0] if chunk in scored else 0.0 for chunk in similarity},
        coverage={chunk: scored[chunk][1] if chunk in scored else 0.0 for chunk in similarity},
        asked=asked,
        frequency=frequency,
        n_chunks=reach.n_chunks,
        plan=plan,
    )


def _reach(tx: Transaction, release: ServedRelease, narrowed: SearchFilter) -> _Reach:
    visible = tx.dicts("search.visible", generation_id=release.generation_id)
    documents = None
    if narrowed:
        rows = tx.dicts(
            "search.documents_matching", sources=_or_null(narrowed.sources), media_types=_or_null(narrowed.media_types),
            uri_prefix=narrowed.uri_prefix or None, since=narrowed.since, until=narrowed.until,
            metadata=Jsonb(dict(narrowed.metadata)) if narrowed.metadata else None,
        )  # fmt: skip
        documents = [row["document_id"] for row in rows]
    return _Reach(
        access_ids=[row["access_id"] for row in visible],
        n_chunks=sum(row["n_chunks"] for row in visible),
        n_terms=sum(row["n_terms"] for row in visible),
        document_ids=documents,
    )


def _or_null(values: Sequence[str]) -> list[str] | None:
    return list(values) or None


def _dense(
    tx: Transaction, release: ServedRelease, reach: _Reach, vector: str, *, limit: int, exact: bool
) -> tuple[dict[int, float], DensePlan]:
    n_documents = None if reach.document_ids is None else len(reach.document_ids)
    plan = dense_plan(n_visible=reach.n_chunks, has_index=release.has_vector_index, n_documents=n_documents)
    asked: dict[str, Any] = {
        "generation_id": release.generation_id, "vector": vector, "limit": limit, "document_ids": reach.document_ids
    }  # fmt: skip
    if plan is DensePlan.APPROXIMATE and not exact:
        dimensions = release.manifest["embedding"]["dimensions"]
        rows = tx.dicts("search.dense_approximate", dimensions=dimensions, effort=effort(limit), **asked)
        if not falls_short(n_found=len(rows), limit=limit, n_visible=reach.n_chunks, n_documents=n_documents):
            return _similarities(rows), plan
        plan = DensePlan.EXACT_AFTER_APPROXIMATE
    rows = tx.dicts("search.dense_exact", access_ids=reach.access_ids, **asked)
    return _similarities(rows), plan if plan is not DensePlan.APPROXIMATE else DensePlan.EXACT


def _similarities(rows: Sequence[dict[str, Any]]) -> dict[int, float]:
    return {row["chunk_id"]: row["similarity"] for row in rows}


def _lexical(
    tx: Transaction,
    release: ServedRelease,
    config: RetrievalConfig,
    reach: _Reach,
    asked: dict[str, int],
    also: list[int],
    *,
    limit: int,
    exact: bool,
) -> tuple[dict[int, tuple[float, float]], dict[str, int]]:
    """BM25 and share of the weight by chunk, for the best `limit` and for `also`; and in how many chunks each term is.

    Rare terms first: while their postings fit the budget they are added up chunk by chunk; the frequent rest, which
    say little, are looked up only for the best of these and for `also`.
    """
    generation = release.generation_id
    budget = reach.n_terms + 1 if exact else POSTINGS_BUDGET
    rows = tx.dicts("search.term_lists", generation_id=generation, terms=list(asked), budget=budget)
    frequency = {row["term"]: row["n"] for row in rows}
    idf = {
        term: weight * math.log1p((reach.n_chunks - n + 0.5) / (n + 0.5))
        for term, weight in asked.items()
        for n in (frequency.get(term, 0),)
    }
    bm25 = Bm25(k1=config.bm25_k1, b=config.bm25_b, mean_length=max(1.0, reach.n_terms / reach.n_chunks))
    summed = add_up({row["term"]: row["postings"] for row in rows if row["postings"]}, idf, bm25)
    chunks = list(dict.fromkeys([*summed.best(max(limit, RESCORED), _allowed(tx, generation, reach)), *also]))
    scores = summed.of(chunks)
    frequent = [row["term"] for row in rows if not row["postings"]]
    if frequent and chunks:
        parts = tx.dicts("search.term_lists_of", generation_id=generation, terms=frequent, chunk_ids=chunks)
        rest = add_up({row["term"]: row["postings"] for row in parts}, idf, bm25).of(chunks)
        scores = [(a + c, b + d) for (a, b), (c, d) in zip(scores, rest, strict=True)]
    whole = sum(idf.values()) or 1.0
    scored = {chunk: (score, held / whole) for chunk, (score, held) in zip(chunks, scores, strict=True)}
    # More than `limit` were scored, because the frequent terms may change the order.
    first = sorted(scored, key=lambda chunk: (-scored[chunk][0], chunk))[:limit]
    found = {chunk: scored[chunk] for chunk in first if scored[chunk][0] > 0}
    return found | {chunk: scored[chunk] for chunk in also}, frequency


def _allowed(tx: Transaction, generation: int, reach: _Reach) -> set[int] | None:
    """Chunks that a narrowed search may find; None where all may be."""
    if reach.document_ids is None:
        return None
    rows = tx.dicts("search.chunks_of", generation_id=generation, document_ids=reach.document_ids)
    return {row["chunk_id"] for row in rows}


def vector_text(vector: "NDArray[np.float32]") -> str:
    """A vector as pgvector reads it; as text, because binary would need the type's id asked on every connection."""
    return "[" + ",".join(f"{value:.6g}" for value in vector.tolist()) + "]"
