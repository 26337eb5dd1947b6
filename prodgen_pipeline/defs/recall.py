"""The audit of recall as an asset check, and the schedule that runs it every quarter of an hour.

Belongs here: when, and how it is shown. Does not: the audit (evaluation.recall).
"""

import dagster as dg

from prodgen_pipeline.defs.corpus import shown
from prodgen_pipeline.evaluation.recall import TenantRecall, audit_waiting, waiting
from prodgen_pipeline.lifecycle.pins import EMBEDDED
from prodgen_pipeline.resources import Corpus, translated_errors
from prodgen_pipeline.serving.service import open_service


@dg.asset_check(
    asset=EMBEDDED,
    name="searches_find_what_comparing_everything_finds",
    description="A sample of live searches of every tenant, repeated exactly; a low recall is in the alerts too.",
)
def recall_check(context: dg.AssetCheckExecutionContext, corpus: Corpus) -> dg.AssetCheckResult:
    """Audit every tenant that was searched since its last audit."""
    with (
        translated_errors(context),  # type: ignore[arg-type]  # a log and a retry number is what it needs
        # One question after the other: the engine that starts fast and stays small does.
        open_service(corpus.settings, corpus.databases.serving, many=False) as service,
    ):
        return result(audit_waiting(service, corpus.databases.pipeline, corpus.settings.retrieval_audit))


def result(found: list[TenantRecall]) -> dg.AssetCheckResult:
    """Passed unless a tenant's recall is low or could not be measured; what is inconclusive is said in the table."""
    wrong = [each.tenant for each in found if each.error or (each.conclusive and each.low)]
    n_open = sum(not each.conclusive and not each.error for each in found)
    said = f"low or not audited: {', '.join(wrong)}" if wrong else f"{len(found)} tenants audited"
    return dg.AssetCheckResult(
        passed=not wrong,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{said}; {n_open} inconclusive" if n_open else said,
        metadata=shown.rows("recall", [_row(each) for each in found]),
    )


def _row(found: TenantRecall) -> dg.TableRecord:
    return dg.TableRecord(
        {
            "tenant": found.tenant,
            "searches": found.n_searches,
            "recall": round(found.recall, 4) if found.n_expected else 1.0,
            "short": found.n_short,
            "verdict": found.verdict,
        }
    )


recall_audit_job = dg.define_asset_job(
    "recall_audit_job",
    selection=dg.AssetSelection.checks(recall_check),
    description="Repeats sampled searches exactly and records which hits the index missed.",
)


@dg.schedule(
    job=recall_audit_job,
    cron_schedule="*/15 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def recall_audits(corpus: Corpus) -> dg.RunRequest | dg.SkipReason:
    """Asks for an audit where somebody has searched since the last one."""
    if waiting(corpus.databases.pipeline):
        return dg.RunRequest()
    return dg.SkipReason("no search was sampled since the last audit")
