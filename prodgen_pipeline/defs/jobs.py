"""The job that the sensor asks for: the whole of a tenant's corpus, from its stores to what serves."""

import dagster as dg

from prodgen_pipeline.defs.corpus.declarations import GROUP, RELEASE_GROUP
from prodgen_pipeline.defs.expectations import expectation_checks
from prodgen_pipeline.defs.isolation import isolation_check
from prodgen_pipeline.defs.recall import recall_check

sync_job = dg.define_asset_job(
    "sync_job",
    # Great Expectations takes longer to import than a small run takes, audits repeat searches, and the attacks take
    # half a minute: these checks have jobs of their own.
    selection=dg.AssetSelection.groups(GROUP, RELEASE_GROUP)
    - dg.AssetSelection.checks(*expectation_checks, recall_check, isolation_check),
    description="Observes a tenant's document stores and runs every stage until nothing waits.",
)
