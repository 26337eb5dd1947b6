"""`chunk_embeddings`: a vector per text, and the index that searches read."""

import dagster as dg

from prodgen_pipeline.defs.corpus import shown, verified
from prodgen_pipeline.defs.corpus.declarations import (
    GROUP,
    OWNERS,
    Result,
    code_version,
    conservation_spec,
    materialize_stage,
)
from prodgen_pipeline.defs.partitions import TENANTS
from prodgen_pipeline.lifecycle import estimates
from prodgen_pipeline.lifecycle.embedding import Embedding
from prodgen_pipeline.lifecycle.pins import CHUNKED, EMBEDDED, Pin
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.resources import Corpus
from prodgen_pipeline.storage import checks, generations

VECTORS = "document_chunks_have_vectors"
MATCHES = "the_index_holds_what_is_served_and_nothing_else"
CURRENT = "the_index_was_made_from_the_working_configuration"


@dg.asset(
    deps=["document_chunks"],
    partitions_def=TENANTS,
    group_name=GROUP,
    kinds={"openvino", "postgres"},
    owners=OWNERS,
    tags={"stage": "7"},
    code_version=code_version(EMBEDDED),
    check_specs=[
        conservation_spec(EMBEDDED),
        dg.AssetCheckSpec(
            VECTORS, asset=EMBEDDED, blocking=True, description="No chunk of a current version is missing."
        ),
        dg.AssetCheckSpec(
            MATCHES, asset=EMBEDDED, blocking=True, description="No orphans, nothing lost, counts right."
        ),
        *verified.index_specs,
        dg.AssetCheckSpec(CURRENT, asset=EMBEDDED, description="If not, a backfill is due; a person starts it."),
    ],
)
def chunk_embeddings(context: dg.AssetExecutionContext, corpus: Corpus) -> Result:
    """A row is the vector of a text under one model, paid for once; index entries of every generation come from it.

    A batch's transaction takes the old versions out of the index and puts the new ones in: until then searches find
    the old.
    """
    return materialize_stage(context, corpus, Embedding(), _details, _checks)


def _details(run: Run, pin: Pin) -> shown.Metadata:
    rows = [dg.TableRecord({"embedded": run.chunks_embedded, "reused": run.chunks_reused})]
    return {"chunks": dg.MetadataValue.table(rows)}


def _checks(run: Run, pin: Pin) -> list[dg.AssetCheckResult]:
    with run.database.transaction(run.tenant.tenant_id) as tx:
        serving = next(each.generation_id for each in generations.living(tx) if each.state == "serving")
        missing = checks.chunks_without_vectors(tx, pin.place, pin.lineages[CHUNKED], serving)
        match = checks.index_match(tx, serving)
    wrong = match.n_served_not_indexed + match.n_indexed_not_served + match.n_miscounted
    return [
        dg.AssetCheckResult(check_name=VECTORS, passed=missing == 0, metadata={"chunks_without_vectors": missing}),
        dg.AssetCheckResult(check_name=MATCHES, passed=wrong == 0, metadata=shown.figures(match)),
        *verified.index_results(run, pin),
        _backfill_due(run),
    ]


def _backfill_due(run: Run) -> dg.AssetCheckResult:
    """Dagster's graph does not show outdated partitions, so this check does, with what a backfill would take."""
    with run.database.transaction(run.tenant.tenant_id) as tx:
        due = estimates.tell_if_due(tx, run.settings, run.tenant)
    is_current = due.first_stage is None
    return dg.AssetCheckResult(
        check_name=CURRENT,
        passed=is_current,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "outdated_from": due.first_stage or "nothing",
            "documents": due.n_documents,
            "chunks": due.n_chunks,
            "texts_to_embed": due.n_texts,
            "tokens": due.n_tokens,
            "usd": due.usd,
            "estimated": due.is_estimate,
            **({} if due.hours is None else {"hours": due.hours}),
        },
        description=None if is_current else f"a backfill is due (backfill_job); the index serves on: {due.summary}",
    )
