"""Joining two rankings of the same corpus into one.

Belongs here: arithmetic on scores. Does not: how the scores came about (SQL for both halves), thresholds on the result
(`answering`).

Scores, not ranks: measured on six sets, normalised scores beat reciprocal-rank fusion by 0 to 4 points of nDCG@10.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

#: A chunk's key: text, number or tuple of these, so that equal scores have one order.
K = TypeVar("K", str, int, tuple[str, ...])
T = TypeVar("T")


def fuse(dense: Mapping[K, float], lexical: Mapping[K, float], *, dense_weight: float) -> list[tuple[K, float]]:
    """Add the two halves, each scaled to 0..1 over its own list; best first, equal scores in order of key.

    A key that one half did not return counts 0 there, as its last one does. `dense_weight` is between 0 and 1.
    """
    from_dense, from_lexical = _scaled(dense), _scaled(lexical)
    scores = {
        key: dense_weight * from_dense.get(key, 0.0) + (1.0 - dense_weight) * from_lexical.get(key, 0.0)
        for key in from_dense.keys() | from_lexical.keys()
    }
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def _scaled(scores: Mapping[K, float]) -> dict[K, float]:
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    # One hit, or many equal ones: they were all found, and none is worse than another.
    return {key: (score - low) / (high - low) if high > low else 1.0 for key, score in scores.items()}


def diversify(ranked: Sequence[T], group_of: Callable[[T], Hashable], max_per_group: int) -> list[T]:
    """Move what exceeds `max_per_group` of one group (a document) behind everything else; order is kept otherwise."""
    seen: Counter[Hashable] = Counter()
    first: list[T] = []
    later: list[T] = []
    for item in ranked:
        group = group_of(item)
        seen[group] += 1
        (first if seen[group] <= max_per_group else later).append(item)
    return first + later
