"""What a search tells of terms that nobody holds, that only another tenant holds, and that only others' groups hold.

Belongs here: the comparison of results, counts, estimates and times. Does not: searching (serving), the walk over
tables (walk). A reader must not be able to tell the three kinds of terms apart by what a search gives or takes.
"""

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from prodgen_pipeline.core.models import Reader
from prodgen_pipeline.governance import releases
from prodgen_pipeline.serving.search import SearchResult
from prodgen_pipeline.serving.service import QueryService
from prodgen_pipeline.storage import attacks
from prodgen_pipeline.storage.tenants import Tenant

#: The kind that the others are compared with.
NOBODY = "nobody"
#: Statements that take terms, each with what it takes beside them.
_STATEMENTS: Mapping[str, Mapping[str, object]] = {
    "search.term_lists": {"budget": 100_000},
    "search.term_lists_of": {"chunk_ids": [1, 2, 3]},
}
_WARM_UP = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Searches for one kind of term beside searches for terms that nobody holds."""

    kind: str
    n_searches: int
    #: Searches whose hits, counts or plan differed from those for the same question with nobody's term.
    n_different: int
    #: Terms for which the planner expects something else than for nobody's.
    n_estimated_otherwise: int
    median_ms: float
    nobody_median_ms: float
    #: Of the two-sided Mann-Whitney test: how likely times as far apart are by chance.
    p_value: float
    #: Share of pairs in which this kind was the slower, ties counted half: 0.5 when nothing tells them apart.
    slower_share: float


def compare(
    service: QueryService,
    tenant: Tenant,
    reader: Reader,
    terms: Mapping[str, Sequence[str]],
    *,
    question: Callable[[str], str],
    repeats: int,
    seed: int = 0,
) -> list[Comparison]:
    """Search for terms of every kind, interleaved in random order, and compare each kind with the one named `NOBODY`.

    `terms` are lists of equal length by kind; `question` makes a question of a term. Terms must be alike in length and
    shape, or their own processing would be measured; the service's embedder must give every question one vector, or the
    hits would differ by meaning. Raises as a search does.
    """
    order = random.Random(seed)  # noqa: S311 - an order to measure in, nothing secret
    seen: dict[str, list[object]] = {kind: [] for kind in terms}
    times: dict[str, list[float]] = {kind: [] for kind in terms}
    for repeat in range(-_WARM_UP, repeats):
        for kind in order.sample(sorted(terms), len(terms)):
            text = question(terms[kind][repeat % len(terms[kind])])
            before = time.perf_counter_ns()
            found = service.search(tenant, text, reader=reader)
            if repeat >= 0:
                times[kind].append((time.perf_counter_ns() - before) / 1e6)
                seen[kind].append(_told(found))
    estimates = {kind: [_estimates(service, tenant, reader, found) for found in terms[kind]] for kind in terms}
    return [
        _comparison(kind, seen, times, estimates) for kind in terms if kind != NOBODY
    ]  # fmt: skip


def mann_whitney(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """Two-sided p (normal approximation with ties) and the share of pairs in which `first` is the greater."""
    n, m = len(first), len(second)
    pooled = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    rank_sum, tied, start = 0.0, 0, 0
    while start < len(pooled):
        end = start
        while end < len(pooled) and pooled[end][0] == pooled[start][0]:
            end += 1
        shared = (start + end + 1) / 2
        rank_sum += shared * sum(1 for _, group in pooled[start:end] if group == 0)
        tied += (end - start) ** 3 - (end - start)
        start = end
    u, total = rank_sum - n * (n + 1) / 2, n + m
    variance = n * m / 12 * (total + 1 - tied / (total * (total - 1)))
    z = (abs(u - n * m / 2) - 0.5) / math.sqrt(variance) if variance > 0 else 0.0
    return math.erfc(max(z, 0.0) / math.sqrt(2)), u / (n * m)


def _told(found: SearchResult) -> object:
    """All that a search gives but its times, and the question's term."""
    return [(hit.chunk_id, hit.rank, hit.score) for hit in found.hits], found.plan, found.release, found.generation


def _estimates(service: QueryService, tenant: Tenant, reader: Reader, term: str) -> list[str]:
    with service.database.transaction(tenant.tenant_id, reader) as tx:
        generation = releases.require_served(tx).generation_id
        return [
            attacks.estimate(tx, name, {"generation_id": generation, "terms": [term], **others})
            for name, others in _STATEMENTS.items()
        ]


def _comparison(
    kind: str,
    seen: Mapping[str, list[object]],
    times: Mapping[str, list[float]],
    estimates: Mapping[str, list[list[str]]],
) -> Comparison:
    p_value, slower = mann_whitney(times[kind], times[NOBODY])
    expected = estimates[NOBODY][0]
    return Comparison(
        kind=kind,
        n_searches=len(times[kind]),
        n_different=sum(a != b for a, b in zip(seen[kind], seen[NOBODY], strict=True)),
        n_estimated_otherwise=sum(each != expected for each in estimates[kind]),
        median_ms=round(median(times[kind]), 3),
        nobody_median_ms=round(median(times[NOBODY]), 3),
        p_value=p_value,
        slower_share=slower,
    )
