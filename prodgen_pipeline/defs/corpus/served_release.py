"""`served_release`: the manifest that the query service loads."""

import dagster as dg

from prodgen_pipeline.defs.corpus.declarations import OWNERS, RELEASE_GROUP, Result
from prodgen_pipeline.defs.partitions import TENANTS
from prodgen_pipeline.lifecycle.pins import STAGES
from prodgen_pipeline.lifecycle.sync import ensure_generation, ensure_release
from prodgen_pipeline.resources import Corpus

NAMES = "the_release_names_the_serving_generation"


@dg.asset(
    deps=["evaluation_report"],
    partitions_def=TENANTS,
    group_name=RELEASE_GROUP,
    kinds={"python", "postgres"},
    owners=OWNERS,
    tags={"stage": "9"},
    check_specs=[
        dg.AssetCheckSpec(
            NAMES, asset="served_release", description="Answers come from the index that was just checked."
        ),
    ],
)
def served_release(context: dg.AssetExecutionContext, corpus: Corpus) -> Result:
    """What serves the tenant: fingerprints of all stages, retrieval, prompt and models, and the generation it uses.

    A tenant's first release goes out by itself, with an audit entry; every later one needs a gate or an override.
    """
    with corpus.run(context) as run:
        living = ensure_generation(run)
        release = ensure_release(run, living)
    pinned = release.manifest["pipeline"]
    rows = [dg.TableRecord({"stage": stage, "fingerprint": pinned[stage]}) for stage in STAGES]
    serving = {each.generation_id for each in living if each.state == "serving"}
    return dg.MaterializeResult(
        metadata={
            "release": release.release_id,
            "generation": release.generation_id,
            "served_at": dg.MetadataValue.timestamp(release.served_at),
            "fingerprints": dg.MetadataValue.table(rows),
        },
        check_results=[dg.AssetCheckResult(check_name=NAMES, passed=serving == {release.generation_id})],
    )
