"""The list of what Dagster shows. A new asset, check, job, schedule or sensor is one line here."""

import dagster as dg

from prodgen_pipeline.defs.backfill import backfill_jobs, daily_reclaim
from prodgen_pipeline.defs.corpus.chunk_embeddings import chunk_embeddings
from prodgen_pipeline.defs.corpus.cleaned_documents import cleaned_documents
from prodgen_pipeline.defs.corpus.deduped_documents import deduped_documents
from prodgen_pipeline.defs.corpus.document_chunks import document_chunks
from prodgen_pipeline.defs.corpus.evaluation_report import evaluation_report
from prodgen_pipeline.defs.corpus.parsed_documents import parsed_documents
from prodgen_pipeline.defs.corpus.raw_documents import raw_documents
from prodgen_pipeline.defs.corpus.redacted_documents import redacted_documents
from prodgen_pipeline.defs.corpus.served_release import served_release
from prodgen_pipeline.defs.expectations import expectation_checks, expectations_job, nightly_expectations
from prodgen_pipeline.defs.isolation import isolation_check, isolation_job, nightly_attacks
from prodgen_pipeline.defs.jobs import sync_job
from prodgen_pipeline.defs.recall import recall_audit_job, recall_audits, recall_check
from prodgen_pipeline.defs.retention import daily_retention, retention_job
from prodgen_pipeline.defs.sensors import document_store_sensor, failed_run_sensor
from prodgen_pipeline.resources import Corpus

#: In the order in which a document passes them.
ASSETS = [
    raw_documents,
    parsed_documents,
    cleaned_documents,
    deduped_documents,
    redacted_documents,
    document_chunks,
    chunk_embeddings,
    evaluation_report,
    served_release,
]


def definitions() -> dg.Definitions:
    """Put together; one process per run, because starting processes is what a small run would spend its time on."""
    return dg.Definitions(
        assets=ASSETS,
        asset_checks=[*expectation_checks, recall_check, isolation_check],
        jobs=[sync_job, expectations_job, recall_audit_job, retention_job, isolation_job, *backfill_jobs],
        schedules=[nightly_expectations, recall_audits, daily_reclaim, daily_retention, nightly_attacks],
        sensors=[document_store_sensor, failed_run_sensor],
        resources={"corpus": Corpus()},
        executor=dg.in_process_executor,
    )
