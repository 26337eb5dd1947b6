"""`evaluation_report`: how well what serves answers the tenant's golden cases."""

import dagster as dg

from prodgen_pipeline.defs.corpus.declarations import OWNERS, RELEASE_GROUP, Result
from prodgen_pipeline.defs.partitions import TENANTS
from prodgen_pipeline.lifecycle.sync import ensure_generation, ensure_release
from prodgen_pipeline.resources import Corpus

#: Case ids on the page; the rest are in the report's row.
SHOWN_CASES = 20


@dg.asset(
    deps=["chunk_embeddings"],
    partitions_def=TENANTS,
    group_name=RELEASE_GROUP,
    kinds={"python", "postgres"},
    owners=OWNERS,
    tags={"stage": "8"},
)
def evaluation_report(context: dg.AssetExecutionContext, corpus: Corpus) -> Result:
    """Recall, ranking and refusals of the serving release on the tenant's golden cases, through the real query path.

    A tenant's first release has nothing to be compared with: it is made here, before it is scored.
    """
    from prodgen_pipeline.evaluation.run import evaluate

    with corpus.run(context) as run:
        ensure_release(run, ensure_generation(run))
        report = evaluate(corpus.settings, corpus.databases, run.tenant, run_id=run.run_id)
    return dg.MaterializeResult(
        metadata={
            "cases": report.n_cases,
            "failing": len(report.failing),
            "failing_cases": dg.MetadataValue.json(list(report.failing[:SHOWN_CASES])),
            "scores": dg.MetadataValue.json(report.scores),
        }
    )
