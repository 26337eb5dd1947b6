"""Runs a tenant's golden cases through the query path that readers use, and keeps what the served release scored.

Belongs here: asking, and what is stored. Does not: cases (cases), which measure applies where (scoring), whether a
score is good enough (a gate, above).
"""

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from prodgen_pipeline.core.errors import Busy, IntegrityError
from prodgen_pipeline.core.models import Reader
from prodgen_pipeline.evaluation.cases import Case, list_cases
from prodgen_pipeline.evaluation.scoring import DEPTH, Outcome, failures, relevant_documents, summarise
from prodgen_pipeline.serving.service import QueryService, open_service
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import documents, sources
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.database import Transaction
from prodgen_pipeline.storage.tenants import Tenant

if TYPE_CHECKING:
    from prodgen_pipeline.clients.embedding import Embedder

#: Who asked, in the record of answers and in the audit log.
ACTOR = "evaluation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the served release scored; nothing but `n_cases` 0 where the tenant has no cases."""

    n_cases: int
    #: Measures by part: `overall`, and `slice:NAME` for every slice. Finite, and only those that some case defines.
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    #: Codes of what is wrong, by id of the case; cases that are as they should be are not here.
    failing: dict[str, list[str]] = field(default_factory=dict)
    #: One line for people.
    summary: str = ""
    release_id: str | None = None
    generation_id: int | None = None
    #: Of the stored report; None where nothing was stored.
    report_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Corpus:
    """What an evaluation must know of the tenant's documents."""

    reader: Reader
    #: Copies are found as their canonical document.
    canonical_of: dict[str, str]


def evaluate(
    settings: Settings,
    databases: Databases,
    tenant: Tenant,
    *,
    run_id: str | None = None,
    embedder: "Embedder | None" = None,
) -> Report:
    """Ask every golden case of a tenant, score, and store the report; a tenant without cases gets an empty one.

    The reader is in every group that the tenant's sources name, because cases do not say who asks. Rankings are those
    of the first 10 hits, by document. The same index and release give the same scores, with extractive answers.

    Raises:
        NotFound: nothing is served to the tenant yet.
        Busy: another release was served in the middle of it.
    """
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        cases = list_cases(tx)
        corpus = _corpus(tx)
    if not cases:
        return Report(n_cases=0, summary=f"tenant {tenant.name} has no golden cases: nothing was evaluated")
    own = None if embedder is None else lambda config: embedder
    with open_service(settings, databases.serving, many=True, embedder=own) as service:
        asked = [_ask(service, tenant, case, corpus) for case in cases]
    served = {place for _, place in asked}
    if len(served) > 1:
        raise Busy("another release was served in the middle of the evaluation: run it again")
    report = _report([outcome for outcome, _ in asked], *served.pop())
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        return _kept(tx, report, run_id)


def stored_reports(tx: Transaction, limit: int = 20) -> list[dict[str, Any]]:
    """The tenant's newest reports first, as they are stored."""
    return tx.dicts("evaluation.reports", limit=limit)


def _corpus(tx: Transaction) -> _Corpus:
    groups = {group for source in sources.list_all(tx) for group in source.groups}
    copies = {row["uri"]: row["duplicate_of"] for row in documents.list_all(tx) if row["state"] == "duplicate"}
    return _Corpus(reader=Reader(groups=tuple(sorted(groups))), canonical_of=copies)


def _ask(service: QueryService, tenant: Tenant, case: Case, corpus: _Corpus) -> tuple[Outcome, tuple[str, int]]:
    """What came of a case, and the release and generation that did it."""
    hits = service.search(tenant, case.question, reader=corpus.reader, k=DEPTH).hits
    asked = service.ask(tenant, case.question, reader=corpus.reader, actor=ACTOR, remembered=False)
    outcome = Outcome(
        case=case,
        relevant=relevant_documents(case.uris, corpus.canonical_of),
        ranking=tuple(dict.fromkeys(hit.uri for hit in hits)),
        evidence="\n".join(hit.text for hit in hits),
        answer=asked.answer.text,
        refused=asked.answer.refused,
        cited=frozenset(citation.uri for citation in asked.answer.citations),
    )
    return outcome, (asked.release, asked.generation)


def _report(outcomes: list[Outcome], release_id: str, generation_id: int) -> Report:
    scores = summarise(outcomes)
    failing = {outcome.case.case_id: codes for outcome in outcomes if (codes := failures(outcome))}
    overall = scores["overall"]
    shown = ", ".join(f"{name} {value:.3f}" for name, value in overall.items() if name != "n_cases")
    return Report(
        n_cases=len(outcomes),
        scores=scores,
        failing=failing,
        summary=f"{len(outcomes)} cases, {len(failing)} failing: {shown}",
        release_id=release_id,
        generation_id=generation_id,
    )


def _kept(tx: Transaction, report: Report, run_id: str | None) -> Report:
    if not all(math.isfinite(value) for part in report.scores.values() for value in part.values()):
        raise IntegrityError("a score is not a finite number: the report is not stored")
    contents = {"n_cases": report.n_cases, "scores": report.scores, "failing": report.failing}
    report_id = tx.value(
        "evaluation.keep_report", release_id=report.release_id, generation_id=report.generation_id, run_id=run_id,
        scores=Jsonb(contents),
    )  # fmt: skip
    return replace(report, report_id=int(report_id))
