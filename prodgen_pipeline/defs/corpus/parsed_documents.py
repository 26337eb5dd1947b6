"""`parsed_documents`: typed elements of every version's bytes."""

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
from prodgen_pipeline.lifecycle.pins import PARSED, Pin
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.lifecycle.text_stages import Parsing
from prodgen_pipeline.resources import Corpus
from prodgen_pipeline.storage import checks


@dg.asset(
    deps=["raw_documents"],
    partitions_def=TENANTS,
    group_name=GROUP,
    kinds={"python", "postgres"},
    owners=OWNERS,
    tags={"stage": "2"},
    code_version=code_version(PARSED),
    check_specs=[conservation_spec(PARSED)],
)
def parsed_documents(context: dg.AssetExecutionContext, corpus: Corpus) -> Result:
    """A row is a version's typed elements in reading order: titles, paragraphs, lists, tables, code, with their pages.

    Each file is read in a worker process under limits of time, memory and expansion; what cannot be read is quarantined
    with its reason, and its earlier version stays served.
    """
    return materialize_stage(context, corpus, Parsing(), _details)


def _details(run: Run, pin: Pin) -> shown.Metadata:
    with run.database.transaction(run.tenant.tenant_id) as tx:
        return shown.table("formats", "media type", checks.media_types(tx, pin.place.lineage, run.run_id))
