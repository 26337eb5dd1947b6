"""The order of the best candidates once their texts are there: nearness of terms, a reranker, no text twice in front.

Belongs here: what is handed to these three, and what happens when the reranker fails. Does not: their arithmetic
(`core.ranking.fusion`, `core.ranking.proximity`), the endpoint (`clients.reranker`).
"""

import logging
import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from prodgen_pipeline.core.errors import EndpointUnavailable
from prodgen_pipeline.core.ranking.fusion import add_proximity, without_copies
from prodgen_pipeline.core.ranking.proximity import match
from prodgen_pipeline.serving.candidates import Candidates

if TYPE_CHECKING:
    from prodgen_pipeline.clients.reranker import Reranker

logger = logging.getLogger(__name__)

#: Chunk and score, best first.
Ranked = list[tuple[int, float]]


class Reranking(StrEnum):
    """What became of reranking."""

    OFF = "off"
    DONE = "done"
    #: The order is that of the fused scores.
    FAILED = "failed"


def reranked(
    reranker: "Reranker | None", question: str, ranked: Ranked, texts: Mapping[int, str]
) -> tuple[Ranked, Reranking]:
    """Order candidates by the reranker's scores; as they are without one, and where it fails.

    All of `ranked` are given to it, so that no two kinds of scores are in one list.
    """
    if reranker is None or not ranked:
        return ranked, Reranking.OFF
    try:
        scores = reranker.scores(question, [texts[chunk] for chunk, _ in ranked])
    except EndpointUnavailable as error:
        logger.warning("the order is that of the index: %s", error)
        return ranked, Reranking.FAILED
    by_score = sorted(zip(ranked, scores, strict=True), key=lambda pair: -pair[1])
    return [(chunk, score) for (chunk, _), score in by_score], Reranking.DONE


def by_proximity(
    found: Candidates, ranked: Ranked, texts: Mapping[int, str], *, weight: float
) -> tuple[Ranked, dict[int, frozenset[str]]]:
    """Order candidates also by how close together they hold the question's terms; and which of these each holds."""
    chunks = [chunk for chunk, _ in ranked]
    matches = dict(zip(chunks, match(term_weights(found), [texts[chunk] for chunk in chunks]), strict=True))
    near = {chunk: each.proximity for chunk, each in matches.items()}
    return add_proximity(ranked, near, weight=weight), {chunk: each.terms for chunk, each in matches.items()}


def term_weights(found: Candidates) -> dict[str, float]:
    """The terms of the question in its order, with their inverse document frequencies among what the reader may see."""
    return {
        term: asked * math.log1p((found.n_chunks - n + 0.5) / (n + 0.5))
        for term, asked in found.asked.items()
        for n in (found.frequency.get(term, 0),)
    }


def without_repetition(
    ranked: Ranked, rows: Mapping[int, Mapping[str, Any]], held: Mapping[int, frozenset[str]], k: int
) -> Ranked:
    """Move chunks that repeat what enough of the first `k` say behind all others; none is lost.

    A score is at most that of the chunk before, so that scores and ranks go one way.
    """
    # Without its headings: the title of another document does not make it another text.
    ordered = without_copies(ranked, lambda item: _words(rows[item[0]]["text"]), lambda item: held[item[0]], k)
    return _falling(ordered)


#: Hits that come before what is carried on, and how much of that is.
_BEFORE_CARRIED, _MAX_CARRIED = 4, 2


def with_carried(ranked: Ranked, carried: Sequence[int]) -> Ranked:
    """Move up to two chunks that the conversation cited before up to the fifth place, where a prompt shows them."""
    wanted = [item for item in ranked[_BEFORE_CARRIED:] if item[0] in carried][:_MAX_CARRIED]
    if not wanted:
        return ranked
    rest = [item for item in ranked[_BEFORE_CARRIED:] if item not in wanted]
    raised = [(chunk, ranked[_BEFORE_CARRIED][1]) for chunk, _ in wanted]
    return _falling([*ranked[:_BEFORE_CARRIED], *raised, *rest])


def _words(text: str) -> frozenset[str]:
    return frozenset(text.lower().split())


def _falling(ranked: Sequence[tuple[int, float]]) -> Ranked:
    falling: Ranked = []
    for chunk, score in ranked:
        falling.append((chunk, min(score, falling[-1][1]) if falling else score))
    return falling
