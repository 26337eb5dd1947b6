"""Sampled searches, and what their exact repetition found: the tables behind recall@k.

Belongs here: rows in and out. Does not: when a search is sampled (serving), repeating and judging (evaluation).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from prodgen_pipeline.storage.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One search as it was asked; the question as it was redacted."""

    sample_id: int
    at: datetime
    release_id: str
    generation_id: int
    principals: list[str]
    question: str
    filters: dict[str, Any]
    k: int
    plan: str


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """When a tenant was last audited, and whether searches came since."""

    audited_at: datetime | None
    waits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What one audit counted."""

    at: datetime
    generation_id: int
    k: int
    n_searches: int
    n_expected: int
    n_found: int
    n_short: int
    recall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The newest conclusive audit of every tenant together; nothing but `n_tenants` 0 before the first."""

    n_tenants: int
    minimum: float | None
    mean: float | None
    #: Of any audit, also an inconclusive one.
    audited_at: datetime | None


def keep_sample(
    tx: Transaction,
    *,
    release_id: str,
    generation_id: int,
    principals: list[str],
    question: str,
    filters: dict[str, Any],
    k: int,
    plan: str,
    at_most: int,
) -> None:
    """Keep a search, for which the tenant's oldest goes where there are `at_most`; as the query side."""
    tx.value(
        "recall.keep_sample", release_id=release_id, generation_id=generation_id, principals=principals,
        question=question, filters=Jsonb(filters), k=k, plan=plan, at_most=at_most,
    )  # fmt: skip


def samples(tx: Transaction, *, limit: int) -> list[Sample]:
    """The tenant's newest sampled searches, newest first."""
    return tx.rows("recall.samples", Sample, limit=limit)


def state(tx: Transaction) -> State:
    """Whether the tenant has something to audit."""
    return tx.rows("recall.state", State)[0]


def keep_audit(
    tx: Transaction,
    *,
    generation_id: int,
    k: int,
    n_searches: int,
    n_expected: int,
    n_found: int,
    n_short: int,
    recall: float,
) -> None:
    """Keep what an audit counted."""
    tx.run(
        "recall.keep_audit", generation_id=generation_id, k=k, n_searches=n_searches, n_expected=n_expected,
        n_found=n_found, n_short=n_short, recall=recall,
    )  # fmt: skip


def last_audit(tx: Transaction) -> Audit | None:
    """The tenant's newest audit."""
    rows = tx.rows("recall.last", Audit)
    return rows[0] if rows else None


def purge(tx: Transaction, *, samples_days: int, audits_days: int) -> None:
    """Forget the tenant's samples and audits that are older."""
    tx.run("recall.purge_samples", days=samples_days)
    tx.run("recall.purge_audits", days=audits_days)


def figures(tx: Transaction, *, at_least: int) -> Figures:
    """Recall over all tenants, audits of fewer than `at_least` searches left out; as the query side."""
    return tx.rows("recall.figures", Figures, at_least=at_least)[0]
