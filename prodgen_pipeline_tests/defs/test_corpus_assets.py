"""Every asset, materialized on real parts in one ephemeral instance."""

import dagster as dg

from prodgen_pipeline.defs import catalogue
from prodgen_pipeline.resources import Corpus
from prodgen_pipeline.storage import documents, runs
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant


def materialize(instance: dg.DagsterInstance, tenant: Tenant) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        catalogue.ASSETS,
        instance=instance,
        partition_key=tenant.name,
        resources={"corpus": Corpus()},
        raise_on_error=False,
    )


def test_a_run_takes_a_folder_to_a_served_release_and_every_check_passes(
    instance: dg.DagsterInstance, databases: Databases, tenant: Tenant, source: str
) -> None:
    result = materialize(instance, tenant)
    assert result.success, [event.event_specific_data for event in result.get_step_failure_events()]
    made = [event.asset_key.to_user_string() for event in result.get_asset_materialization_events()]
    assert made == [asset.key.to_user_string() for asset in catalogue.ASSETS]
    assert all(check.passed for check in result.get_asset_check_evaluations())
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        assert {row["state"] for row in documents.list_all(tx)} == {"served"}
        [recorded] = runs.recent(tx)
    assert (recorded["run_id"], recorded["kind"], recorded["state"]) == (result.run_id, "dagster", "done")
    assert recorded["counts"]["parsed_documents"]["done"] == 2
