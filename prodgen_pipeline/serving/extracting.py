"""The extractive tier on the query path: statements of the hits, compared with the question, made into an answer.

Belongs here: embedding statements, and what follows where nothing can be quoted. Does not: choosing statements
(`core.answering`), models (`tiers`). Costs nothing and works offline, so it is below every other tier.
"""

from collections.abc import Sequence

from prodgen_pipeline.core.answering import ExtractionConfig, extract_answer, list_of_sources, sentences
from prodgen_pipeline.core.models import Answer, Hit
from prodgen_pipeline.core.word_pieces import spoken
from prodgen_pipeline.serving.manifests import embedding_config
from prodgen_pipeline.serving.search import EmbedderOf, SearchResult

#: Statements that are embedded for one extractive answer; a listing of hundreds of rows is scored by its terms alone.
MAX_STATEMENTS = 96


def extracted(found: SearchResult, embedder: EmbedderOf) -> Answer:
    """Answer with the documents' own sentences, else with the list of documents found, else refuse."""
    config = ExtractionConfig()
    hits = found.hits[: config.max_hits]
    scores = _statement_scores(found, hits, embedder)
    answer = extract_answer(found.question.text, hits, scores, config)
    return list_of_sources(found.hits, config) if answer.refused else answer


def _statement_scores(found: SearchResult, hits: Sequence[Hit], embedder: EmbedderOf) -> list[list[float]] | None:
    """Cosine similarity of the question and every statement of the hits; None where that would cost too much.

    An endpoint would be paid for every statement of every answer: terms alone must do there.
    """
    config = embedding_config(found.manifest)
    if config.provider != "local":
        return None
    by_hit = [sentences(hit.text) for hit in hits]
    flat = [spoken(statement) for statements in by_hit for statement in statements]
    if not flat or len(flat) > MAX_STATEMENTS:
        return None
    scores = iter((embedder(config).embed(flat) @ found.vector).tolist())
    return [[next(scores) for _ in statements] for statements in by_hit]
