"""Measures of ranking and latency, by their textbook definitions.

Belongs here: plain functions of rankings and numbers. Does not: golden sets and gates (`evaluation`), exported counters
(`serving`).
"""

import math
from collections.abc import Collection, Hashable, Mapping, Sequence


def recall_at_k(ranked: Sequence[Hashable], relevant: Collection[Hashable], k: int) -> float:
    """Share of the relevant items that stand among the first k.

    Raises:
        ValueError: nothing is relevant; such a question has no recall and must be left out of a mean.
    """
    if not relevant:
        raise ValueError("recall is not defined for a question without relevant documents")
    return len(set(ranked[:k]) & set(relevant)) / len(set(relevant))


def reciprocal_rank(ranked: Sequence[Hashable], relevant: Collection[Hashable], k: int | None = None) -> float:
    """1 / (1-based rank of the first relevant item), 0 where none is among the first k."""
    wanted = set(relevant)
    return next((1.0 / rank for rank, item in enumerate(ranked[:k], start=1) if item in wanted), 0.0)


def mrr(
    rankings: Sequence[Sequence[Hashable]], relevant: Sequence[Collection[Hashable]], k: int | None = None
) -> float:
    """Mean reciprocal rank over questions; the two sequences run in step. 0 for no questions."""
    ranks = [reciprocal_rank(ranked, wanted, k) for ranked, wanted in zip(rankings, relevant, strict=True)]
    return sum(ranks) / len(ranks) if ranks else 0.0


def ndcg_at_k(ranked: Sequence[Hashable], grades: Mapping[Hashable, float], k: int) -> float:
    """Discounted cumulative gain, the sum of grade / log2(rank + 1), over the best possible one (linear gains).

    An item repeated in `ranked` counts once, at its first place. 0 where every grade is 0.
    """
    first_places = list(dict.fromkeys(ranked))[:k]
    gained = _discounted([grades.get(item, 0.0) for item in first_places])
    ideal = _discounted(sorted(grades.values(), reverse=True)[:k])
    return gained / ideal if ideal > 0 else 0.0


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest-rank percentile: the smallest value such that at least `share` (0 to 1) of the values are not above it.

    Always one of the values, so that a reported p95 is a latency somebody had.

    Raises:
        ValueError: no values, or a share outside 0 to 1.
    """
    if not values:
        raise ValueError("a percentile of no values is not defined")
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"the share of a percentile lies between 0 and 1, not {share}")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
