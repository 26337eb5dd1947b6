"""The audit of recall as Dagster runs it, and the nightly look at whole indexes."""

import dagster as dg
import pytest

from prodgen_pipeline.core.models import Reader
from prodgen_pipeline.defs import catalogue
from prodgen_pipeline.defs.corpus.verified import whole_indexes_are_right
from prodgen_pipeline.defs.recall import recall_audits, result
from prodgen_pipeline.evaluation.recall import TenantRecall
from prodgen_pipeline.lifecycle.sync import open_run, sync_tenant
from prodgen_pipeline.resources import Corpus
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import recall
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant


@pytest.fixture
def synced(settings: Settings, databases: Databases, tenant: Tenant, source: str) -> Tenant:
    with open_run(settings, databases.pipeline, tenant, run_id="r", kind="sync", actor="test") as run:
        sync_tenant(run)
    return tenant


def sample(databases: Databases, tenant: Tenant, question: str) -> None:
    with databases.serving.transaction(tenant.tenant_id) as tx:
        recall.keep_sample(
            tx, release_id="r", generation_id=1, principals=list(Reader().principals), question=question, filters={},
            k=2, plan="exact", at_most=100,
        )  # fmt: skip


def ticked(instance: dg.DagsterInstance) -> dg.RunRequest | dg.SkipReason:
    with dg.build_schedule_context(instance=instance, resources={"corpus": Corpus()}) as context:
        return recall_audits(context)  # type: ignore[return-value]


def test_the_schedule_asks_for_an_audit_only_after_searches(
    instance: dg.DagsterInstance, databases: Databases, synced: Tenant
) -> None:
    assert isinstance(ticked(instance), dg.SkipReason)
    sample(databases, synced, "annual leave")
    assert isinstance(ticked(instance), dg.RunRequest)


def test_the_job_shows_recall_by_tenant_and_no_question(
    instance: dg.DagsterInstance, databases: Databases, synced: Tenant
) -> None:
    for question in ("annual leave", "train travel", "secretplantedword"):
        sample(databases, synced, question)
    job = catalogue.definitions().resolve_job_def("recall_audit_job")
    done = job.execute_in_process(instance=instance)
    [check] = done.get_asset_check_evaluations()
    assert check.passed
    table = check.metadata["recall"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [row.data for row in table.records] == [
        {"tenant": "acme", "searches": 3, "recall": 1.0, "short": 0, "verdict": "inconclusive: too few searches"}
    ]
    assert "1 inconclusive" in (check.description or "")
    assert not any("secretplantedword" in str(entry) for entry in instance.all_logs(done.run_id))
    assert isinstance(ticked(instance), dg.SkipReason)


def test_a_low_recall_and_a_tenant_that_could_not_be_audited_do_not_pass() -> None:
    low = TenantRecall(tenant="a", n_searches=30, n_expected=300, n_found=200, conclusive=True, low=True)
    failed = TenantRecall(tenant="b", error="the endpoint does not answer")
    for found in (low, failed):
        shown = result([found])
        assert (shown.passed, shown.severity) == (False, dg.AssetCheckSeverity.WARN)
        assert found.tenant in (shown.description or "")
    assert result([]).passed


def test_a_fault_anywhere_in_an_index_fails_the_nightly_look(
    instance: dg.DagsterInstance, databases: Databases, synced: Tenant
) -> None:
    def look() -> dg.AssetCheckEvaluation:
        job = dg.Definitions(
            assets=catalogue.ASSETS, asset_checks=[whole_indexes_are_right], resources={"corpus": Corpus()},
            jobs=[dg.define_asset_job("look", dg.AssetSelection.checks(whole_indexes_are_right))],
        ).resolve_job_def("look")  # fmt: skip
        [check] = job.execute_in_process(instance=instance).get_asset_check_evaluations()
        return check

    assert look().passed
    with databases.pipeline.transaction(synced.tenant_id) as tx:
        tx.connection.execute("UPDATE corpus.index_sizes SET n_terms = n_terms + 1")
        tx.connection.execute("UPDATE corpus.document_chunks SET text = text || '!' WHERE ordinal = 0")
    found = look()
    assert not found.passed
    table = found.metadata["faults"]
    assert isinstance(table, dg.TableMetadataValue)
    assert {(row.data["fault"], row.data["count"]) for row in table.records} == {
        ("n_wrong_sizes", 1), ("n_chunks_unlike_their_text", 2)
    }  # fmt: skip
