"""Results as the JSON of the interface: what a line of `--batch` and a body of HTTP hold.

Belongs here: names and order of fields. Does not: reading requests (`routes`, the command line).
"""

from dataclasses import asdict
from typing import Any

from prodgen_pipeline.core.models import Citation, Hit
from prodgen_pipeline.serving.ask import AskResult
from prodgen_pipeline.serving.search import SearchResult


def search_line(result: SearchResult, line_id: str | int | None = None) -> dict[str, Any]:
    """One line out of a search."""
    return {
        "id": line_id,
        "hits": [_hit(hit) for hit in result.hits],
        "release": result.release,
        "generation": result.generation,
        "timings_ms": result.timings_ms,
    }


def ask_line(result: AskResult, line_id: str | int | None = None) -> dict[str, Any]:
    """One line out of an answer."""
    answer = result.answer
    return {
        "id": line_id,
        "answer": answer.text,
        "citations": [_citation(citation) for citation in answer.citations],
        "grounded": answer.grounded,
        "refused": answer.refused,
        "reason": answer.reason,
        "turn_type": result.turn_type.value,
        "search_query": result.search_query,
        "route": {"tier": answer.tier, "model": answer.model, "escalated": result.escalated},
        # No answer comes from a cache yet.
        "cache": {"hit": False, "kind": None},
        "usage": asdict(answer.usage),
        "answer_id": result.answer_id,
        "session": result.session,
        "release": result.release,
        "timings_ms": result.timings_ms,
    }


def _hit(hit: Hit) -> dict[str, Any]:
    context = {} if hit.context is None else {"context": hit.context}
    return {
        "rank": hit.rank,
        "score": hit.score,
        "uri": hit.uri,
        "source": hit.source,
        "document_id": hit.document_id,
        "version": hit.version,
        "chunk_id": hit.chunk_id,
        "title": hit.title,
        "pages": list(hit.pages),
        "text": hit.text,
        **context,
    }


def _citation(citation: Citation) -> dict[str, Any]:
    return {
        "n": citation.n,
        "uri": citation.uri,
        "source": citation.source,
        "version": citation.version,
        "chunk_id": citation.chunk_id,
        "pages": list(citation.pages),
        "quote": citation.quote,
    }
