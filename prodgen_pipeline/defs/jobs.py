"""The job that the sensor asks for: the whole of a tenant's corpus, from its stores to what serves."""

import dagster as dg

from prodgen_pipeline.defs.corpus.declarations import GROUP, RELEASE_GROUP

sync_job = dg.define_asset_job(
    "sync_job",
    selection=dg.AssetSelection.groups(GROUP, RELEASE_GROUP),
    description="Observes a tenant's document stores and runs every stage until nothing waits.",
)
