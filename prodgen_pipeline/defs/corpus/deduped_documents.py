"""`deduped_documents`: canonical documents and their copies."""

import dagster as dg

from prodgen_pipeline.defs.corpus import shown
from prodgen_pipeline.defs.corpus.declarations import (
    GROUP,
    OWNERS,
    Result,
    code_version,
    conservation_spec,
    materialize_stage,
)
from prodgen_pipeline.defs.partitions import TENANTS
from prodgen_pipeline.lifecycle.deduplication import Deduplication
from prodgen_pipeline.lifecycle.pins import DEDUPED, Pin
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.resources import Corpus
from prodgen_pipeline.storage import checks

CANONICAL = "every_copy_has_a_living_canonical_document"


@dg.asset(
    deps=["cleaned_documents"],
    partitions_def=TENANTS,
    group_name=GROUP,
    kinds={"python", "postgres"},
    owners=OWNERS,
    tags={"stage": "4"},
    code_version=code_version(DEDUPED),
    check_specs=[
        conservation_spec(DEDUPED),
        dg.AssetCheckSpec(
            CANONICAL, asset=DEDUPED, blocking=True, description="A copy is found through its canonical."
        ),
    ],
)
def deduped_documents(context: dg.AssetExecutionContext, corpus: Corpus) -> Result:
    """A row says whether a document is canonical or a copy of another: the same text under equal rights.

    Copies end here and are found through their canonical document; when that one changes or goes, its first copy
    takes over in the same transaction.
    """
    return materialize_stage(context, corpus, Deduplication(), own=_checks)


def _checks(run: Run, pin: Pin) -> list[dg.AssetCheckResult]:
    with run.database.transaction(run.tenant.tenant_id) as tx:
        counted = checks.canonicals(tx, pin.place.lineage)
    return [
        dg.AssetCheckResult(check_name=CANONICAL, passed=counted.n_orphans == 0, metadata=shown.figures(counted)),
    ]
