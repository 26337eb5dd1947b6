"""From a question to hits: redact it, embed it, ask both halves of the index, fuse them, fetch the text.

Belongs here: the order of the steps and their times. Does not: the scores (sql/queries/search.sql), joining them
(`core.ranking.fusion`), whether the hits are evidence enough (`core.answering`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from prodgen_pipeline.core.configuration import EmbeddingConfig, RedactionConfig
from prodgen_pipeline.core.errors import DocumentRejected, UsageError
from prodgen_pipeline.core.models import Hit, Reader
from prodgen_pipeline.core.ranking.fusion import bm25_bound, fuse
from prodgen_pipeline.core.ranking.retrieval import DensePlan, SearchFilter
from prodgen_pipeline.core.ranking.widening import Parent, Part, joined
from prodgen_pipeline.core.redaction.names import FindNames
from prodgen_pipeline.core.word_pieces import spoken
from prodgen_pipeline.governance import releases
from prodgen_pipeline.governance.releases import ServedRelease
from prodgen_pipeline.serving import candidates
from prodgen_pipeline.serving.manifests import embedding_config, retrieval_config
from prodgen_pipeline.serving.ordering import (
    Ranked,
    Reranking,
    by_proximity,
    reranked,
    term_weights,
    with_carried,
    without_repetition,
)
from prodgen_pipeline.serving.question import RedactedQuestion, Secret, redact_question
from prodgen_pipeline.serving.timing import StepTimer
from prodgen_pipeline.storage.database import Database, Transaction
from prodgen_pipeline.storage.tenants import Tenant

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from prodgen_pipeline.clients.embedding import Embedder
    from prodgen_pipeline.clients.reranker import Reranker


#: Fused candidates whose texts are fetched: those that repeat a better one must have somebody to take their place.
CONSIDERED = 30
#: The embedder of a release; engines are kept, so it is asked for with every question.
EmbedderOf = Callable[[EmbeddingConfig], "Embedder"]
#: A manifest is JSON: lists become the tuples, and tables the records, that they were.
_REDACTION = TypeAdapter(RedactionConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is wanted of a search beside its words."""

    #: Number of hits.
    k: int
    narrowed: SearchFilter = SearchFilter()
    #: Give every hit the text that it is part of.
    widen: bool = False
    #: Compare every vector and add up every posting, however long that takes: the yardstick of `recall`.
    exact: bool = False
    #: Let the reranker have the last word, where there is one.
    rerank: bool = True
    #: Chunks cited earlier in a conversation, which may be evidence again.
    carried: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # a vector has no single answer to ==
class SearchResult:
    """Hits, best first, and what they were found with."""

    hits: tuple[Hit, ...]
    asked: Asked
    #: Id of the release, and the tenant's generation that served it.
    release: str
    generation: int
    #: Milliseconds by step, and `total`.
    timings_ms: dict[str, float]
    question: RedactedQuestion
    #: The release's contents: what an answer must be made with.
    manifest: Mapping[str, Any]
    #: (dimensions,) float32, unit length.
    vector: "NDArray[np.float32]"
    #: How the vectors were searched.
    plan: DensePlan
    reranking: Reranking = Reranking.OFF
    #: What each hit is part of, by its chunk id; empty unless asked for.
    parents: Mapping[str, Parent] = field(default_factory=dict)


def search(
    database: Database,
    tenant: Tenant,
    text: str,
    *,
    reader: Reader,
    asked: Asked,
    embedder: EmbedderOf,
    secret: Secret,
    names: FindNames | None = None,
    reranker: "Reranker | None" = None,
) -> SearchResult:
    """Find the best chunks among those that the reader may see, with the configuration of the served release.

    `database` is the serving side; `secret` gives the tenant's secret of a purpose, `names` is as in `redact_question`.
    All reads are one transaction.

    Raises:
        NotFound: nothing is served to the tenant yet.
        UsageError: the embedding endpoint refuses the question.
        ConfigurationError: the release wants an embedding model that is not there.
        EndpointUnavailable: the endpoint that embeds for the release does not answer.
        DatabaseUnavailable: the database does not answer.
    """
    timer = StepTimer()
    with database.transaction(tenant.tenant_id, reader) as tx:
        with timer.step("redact"):
            release = releases.require_served(tx)
            question = redacted(tx, tenant, release, text, secret, names)
        with timer.step("embed"):
            vector = embedded(embedder, question, release.manifest)
        return retrieve(tx, release, question, vector, asked, timer, reranker=reranker)


def redacted(
    tx: Transaction, tenant: Tenant, release: ServedRelease, text: str, secret: Secret, names: FindNames | None = None
) -> RedactedQuestion:
    """Redact a text as the served documents were redacted; `tx` is the reader's."""
    config = _redaction_config(tx, release).for_tenant(tenant.name)
    return redact_question(tx, text, config, secret, generation_id=release.generation_id, names=names)


def embedded(embedder: EmbedderOf, question: RedactedQuestion, manifest: Mapping[str, Any]) -> "NDArray[np.float32]":
    """The question's vector, (dimensions,) float32, by the model of the release; raises as `search`."""
    config = embedding_config(manifest)
    text = question.spoken if config.provider == "local" else spoken(question.kept)
    try:
        vector: NDArray[np.float32] = embedder(config).embed([text])[0]
    except DocumentRejected as error:
        raise UsageError(f"the embedding endpoint does not take this question: {error}") from error
    return vector


def retrieve(
    tx: Transaction,
    release: ServedRelease,
    question: RedactedQuestion,
    vector: "NDArray[np.float32]",
    asked: Asked,
    timer: StepTimer,
    *,
    reranker: "Reranker | None" = None,
) -> SearchResult:
    """Find the best chunks of a release for a question that is redacted and embedded; `tx` is the reader's."""
    with timer.step("retrieve"):
        best = best_candidates(tx, release, question.text, vector, asked)
    ranked, reranking = best.ranked, Reranking.OFF
    if reranker is not None and asked.rerank:
        with timer.step("rerank"):
            asked_of = ranked[: max(asked.k, reranker.depth)]
            ranked, reranking = reranked(reranker, question.sent_with(best.texts.values()), asked_of, best.texts)
    with timer.step("retrieve"):
        chosen = with_carried(without_repetition(ranked, best.rows, best.held, asked.k), asked.carried)[: asked.k]
        parents = _parents(tx, chosen, best.rows) if asked.widen else {}
        hits = _hits(chosen, best, parents)
    return SearchResult(
        hits=hits,
        asked=asked,
        release=release.release_id,
        generation=release.generation_id,
        timings_ms=timer.milliseconds(),
        question=question,
        manifest=release.manifest,
        vector=vector,
        plan=best.found.plan,
        reranking=reranking,
        parents=parents,
    )


def _redaction_config(tx: Transaction, release: ServedRelease) -> RedactionConfig:
    """How the served documents were redacted: questions are redacted the same way.

    A release is everybody's, so it says only that there are lists; they are the tenant's and stand in its generation.
    """
    described = release.manifest["redaction"]
    lists = tx.value("serving.lists", generation_id=release.generation_id) if described.get("has_lists") else {}
    known = RedactionConfig.__dataclass_fields__.keys()
    return _REDACTION.validate_python({name: value for name, value in (described | lists).items() if name in known})


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The best candidates with their rows; one that was replaced in the meantime is not among them."""

    ranked: Ranked
    rows: Mapping[int, Mapping[str, Any]]
    #: What of a candidate is read to judge it: its headings and its text.
    texts: Mapping[int, str]
    #: The question's terms that each holds.
    held: Mapping[int, frozenset[str]]
    found: candidates.Candidates


def best_candidates(
    tx: Transaction, release: ServedRelease, question: str, vector: "NDArray[np.float32]", asked: Asked
) -> Best:
    """Find and order the candidates of a question, as redacted, in a release; up to the reranker, which comes after."""
    config = retrieval_config(release.manifest)
    found = candidates.find(
        tx, release, config, question, vector, narrowed=asked.narrowed, limit=max(asked.k, config.n_candidates),
        exact=asked.exact, carried=asked.carried,
    )  # fmt: skip
    bound = bm25_bound(term_weights(found), config.bm25_k1)
    fused = fuse(found.similarity, found.lexical, dense_weight=config.dense_weight, lexical_bound=bound)
    ids = [chunk for chunk, _ in fused[: max(asked.k, CONSIDERED)]]
    ids += [chunk for chunk in asked.carried if chunk in found.similarity and chunk not in ids]
    rows = {row["chunk_id"]: row for row in tx.dicts("search.hits", generation_id=release.generation_id, chunk_ids=ids)}
    texts = {chunk: " ".join(row["heading_path"]) + "\n" + row["text"] for chunk, row in rows.items()}
    there = [item for item in fused if item[0] in rows]
    ranked, held = by_proximity(found, there, texts, weight=config.proximity_weight)
    return Best(ranked=ranked, rows=rows, texts=texts, held=held, found=found)


def _parents(tx: Transaction, ranked: Ranked, rows: Mapping[int, Mapping[str, Any]]) -> dict[str, Parent]:
    """What each of these chunks is part of, its own included, by its id."""
    parts: dict[int, list[Part]] = {}
    for row in tx.dicts("search.surroundings", chunk_ids=[chunk for chunk, _ in ranked]):
        parts.setdefault(row["around"], []).append(
            Part(
                ordinal=row["ordinal"], text=row["text"], start=row["start_char"], end=row["end_char"],
                n_tokens=row["n_tokens"],
            )
        )  # fmt: skip
    return {str(chunk): Parent(ordinal=rows[chunk]["ordinal"], parts=tuple(found)) for chunk, found in parts.items()}


def _hits(ranked: Ranked, best: Best, parents: Mapping[str, Parent]) -> tuple[Hit, ...]:
    """Put text and address to the ranking."""
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
            similarity=best.found.similarity[chunk],
            term_coverage=best.found.coverage[chunk],
            context=joined(parents[str(chunk)].parts) if str(chunk) in parents else None,
        )
        for rank, (chunk, score) in enumerate(ranked, start=1)
        for row in (best.rows[chunk],)
    )
