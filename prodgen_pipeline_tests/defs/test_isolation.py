"""The attack suite as Dagster runs it, on a database with documents in it."""

import dagster as dg
import psycopg

from prodgen_pipeline.defs import catalogue
from prodgen_pipeline.defs.isolation import isolation_check
from prodgen_pipeline.evaluation.attacks import walk
from prodgen_pipeline.lifecycle.sync import open_run, sync_tenant
from prodgen_pipeline.resources import Corpus
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant


def test_the_check_counts_its_attempts_and_fails_on_a_hole_without_showing_a_row(
    instance: dg.DagsterInstance, settings: Settings, databases: Databases, tenant: Tenant, source: str, monkeypatch
) -> None:
    with open_run(settings, databases.pipeline, tenant, run_id="r", kind="sync", actor="test") as run:
        sync_tenant(run)
    true_relations = walk.attacks.relations
    few = ("corpus.document_chunks", "corpus.sources")
    monkeypatch.setattr(walk.attacks, "relations", lambda tx: [r for r in true_relations(tx) if r.full_name in few])
    job = dg.Definitions(
        assets=catalogue.ASSETS, asset_checks=[isolation_check], resources={"corpus": Corpus()},
        jobs=[dg.define_asset_job("attack", dg.AssetSelection.checks(isolation_check))],
    ).resolve_job_def("attack")  # fmt: skip

    def attack() -> dg.AssetCheckEvaluation:
        done = job.execute_in_process(instance=instance)
        assert not any("annual leave" in str(entry) for entry in instance.all_logs(done.run_id))
        [check] = done.get_asset_check_evaluations()
        return check

    found = attack()
    assert found.passed
    assert found.metadata["attempts"].value > 500
    assert found.metadata["rows gained"].value == 0
    with psycopg.connect(databases.addresses.owner) as owner:
        owner.execute("CREATE POLICY opened ON corpus.document_chunks USING (true)")
    found = attack()
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert {row.data["target"] for row in found.metadata["found"].records} == {"corpus.document_chunks"}
