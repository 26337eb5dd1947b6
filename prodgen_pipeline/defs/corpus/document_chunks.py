"""`document_chunks`: retrievable pieces of the redacted text."""

import dagster as dg

from prodgen_pipeline.core.chunking.profiles import largest_max_tokens
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
from prodgen_pipeline.lifecycle.chunking import Chunking
from prodgen_pipeline.lifecycle.pins import CHUNKED, Pin
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.resources import Corpus
from prodgen_pipeline.storage import checks

FITS = "no_chunk_is_longer_than_the_limit"


@dg.asset(
    deps=["redacted_documents"],
    partitions_def=TENANTS,
    group_name=GROUP,
    kinds={"python", "postgres"},
    owners=OWNERS,
    tags={"stage": "6"},
    code_version=code_version(CHUNKED),
    check_specs=[
        conservation_spec(CHUNKED),
        dg.AssetCheckSpec(
            FITS, asset=CHUNKED, blocking=True, description="The model would cut off a longer one unseen."
        ),
        *verified.chunk_specs,
    ],
)
def document_chunks(context: dg.AssetExecutionContext, corpus: Corpus) -> Result:
    """A row is a piece of one document version: structure first, then size in the embedding model's word pieces.

    With its heading path, pages and place in the redacted text; tables keep their header row, code stays whole.
    """
    return materialize_stage(context, corpus, Chunking(), _details, _checks)


def _details(run: Run, pin: Pin) -> shown.Metadata:
    limit = largest_max_tokens(pin.configuration.chunking)
    with run.database.transaction(run.tenant.tenant_id) as tx:
        sizes = checks.chunk_sizes(tx, pin.place.lineage, max_tokens=limit)
    steps = {str(limit * step // 10): sizes.get(step, 0) for step in range(1, 11)}
    return {"sizes": shown.bars("chunks by size in word pieces, up to", steps)}


def _checks(run: Run, pin: Pin) -> list[dg.AssetCheckResult]:
    with run.database.transaction(run.tenant.tenant_id) as tx:
        shape = checks.chunk_shape(tx, pin.place.lineage, max_tokens=largest_max_tokens(pin.configuration.chunking))
    fits = dg.AssetCheckResult(check_name=FITS, passed=shape.n_too_long == 0, metadata=shown.figures(shape))
    return [fits, *verified.chunk_results(run, pin)]
