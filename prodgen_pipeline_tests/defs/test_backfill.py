"""Backfills as Dagster runs them: jobs, runs of assets that were launched as a backfill, and the sensor beside them."""

import dagster as dg
import pytest
import yaml
from dagster import DagsterRunStatus

from prodgen_pipeline.defs import backfill, catalogue, sensors
from prodgen_pipeline.defs.corpus.declarations import BACKFILL_TAG
from prodgen_pipeline.lifecycle.sync import open_run, sync_tenant
from prodgen_pipeline.resources import Corpus
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import generations, migrations
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant

OPTIONS = {"ops": {"build_next_generation": {"config": {"cutover": True}}}}


@pytest.fixture
def served(settings: Settings, databases: Databases, tenant: Tenant, source: str) -> None:
    with open_run(settings, databases.pipeline, tenant, run_id="sync", kind="sync", actor="test") as run:
        sync_tenant(run)


@pytest.fixture
def smaller_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the next process finds in its configuration."""
    for name, value in (("MAX_TOKENS", "32"), ("MIN_TOKENS", "8"), ("HEADING_TOKENS", "8")):
        monkeypatch.setenv(f"PRODGEN_CHUNKING__{name}", value)
    monkeypatch.setenv("PRODGEN_BACKFILL__WAIT_SECONDS", "0")


def states(databases: Databases, tenant: Tenant) -> dict[int, str]:
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        return {row["generation_id"]: row["state"] for row in generations.list_all(tx)}


def run_job(
    job: dg.JobDefinition, instance: dg.DagsterInstance, tenant: Tenant, config: dict[str, object] | None = None
) -> dg.ExecuteInProcessResult:
    return job.execute_in_process(
        instance=instance, partition_key=tenant.name, resources={"corpus": Corpus()}, run_config=config or {},
        raise_on_error=False,
    )  # fmt: skip


def materialize(instance: dg.DagsterInstance, tenant: Tenant, tags: dict[str, str]) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        catalogue.ASSETS, instance=instance, partition_key=tenant.name, resources={"corpus": Corpus()},
        raise_on_error=False, tags=tags,
    )  # fmt: skip


def test_the_job_builds_and_cuts_over_and_the_other_takes_it_back(
    instance: dg.DagsterInstance, databases: Databases, tenant: Tenant, served: None, smaller_chunks: None
) -> None:
    done = run_job(backfill.backfill_job, instance, tenant, OPTIONS)
    assert done.success, [event.event_specific_data for event in done.get_step_failure_events()]
    assert states(databases, tenant) == {1: "standby", 2: "serving"}
    assert run_job(backfill.rollback_job, instance, tenant).success
    assert states(databases, tenant) == {1: "serving", 2: "standby"}
    # Nothing is under construction any more.
    assert not run_job(backfill.cutover_job, instance, tenant).success


def test_a_live_run_of_the_assets_builds_nothing_and_says_what_a_backfill_would_take(
    instance: dg.DagsterInstance, databases: Databases, tenant: Tenant, served: None, smaller_chunks: None
) -> None:
    result = materialize(instance, tenant, {})
    assert result.success
    assert states(databases, tenant) == {1: "serving"}
    [due] = [
        check for check in result.get_asset_check_evaluations()
        if check.check_name == "the_index_was_made_from_the_working_configuration"
    ]  # fmt: skip
    assert not due.passed
    assert due.metadata["outdated_from"].value == "document_chunks"
    assert due.metadata["documents"].value == 2
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        assert [alert["kind"] for alert in tx.dicts("alerts.open")] == ["backfill_due"]


def test_assets_launched_as_a_backfill_build_the_next_generation_which_waits_for_its_cut_over(
    instance: dg.DagsterInstance, databases: Databases, tenant: Tenant, served: None, smaller_chunks: None
) -> None:
    result = materialize(instance, tenant, {BACKFILL_TAG: "some-backfill"})
    assert result.success, [event.event_specific_data for event in result.get_step_failure_events()]
    assert states(databases, tenant) == {1: "serving", 2: "building"}
    assert run_job(backfill.cutover_job, instance, tenant).success
    assert states(databases, tenant) == {1: "standby", 2: "serving"}


def test_a_backfill_in_flight_keeps_no_edit_waiting(
    instance: dg.DagsterInstance, databases: Databases, tenant: Tenant, source: str
) -> None:
    for job, tags in ((backfill.backfill_job, {}), (_live_job(), {BACKFILL_TAG: "some-backfill"})):
        instance.create_run_for_job(
            job, status=DagsterRunStatus.STARTED, tags={sensors.PARTITION_TAG: tenant.name, **tags}
        )
    assert sensors.tenants_in_flight(instance) == set()
    instance.create_run_for_job(_live_job(), status=DagsterRunStatus.STARTED, tags={sensors.PARTITION_TAG: tenant.name})
    assert sensors.tenants_in_flight(instance) == {tenant.name}


def test_a_tenant_may_have_a_live_run_beside_its_backfill_and_backfills_leave_room() -> None:
    file = migrations.__file__.rsplit("/prodgen_pipeline/", 1)[0] + "/dagster.yaml"
    with open(file, encoding="utf-8") as text:
        runs = yaml.safe_load(text)["concurrency"]["runs"]
    limits = {each["key"]: each["limit"] for each in runs["tag_concurrency_limits"]}
    assert limits["dagster/partition"] == 2
    assert limits["dagster/backfill"] < runs["max_concurrent_runs"]
    assert limits[next(iter(backfill.LANE))] < runs["max_concurrent_runs"]


def test_the_schedule_reclaims_what_has_soaked(
    instance: dg.DagsterInstance, databases: Databases, tenant: Tenant, served: None, smaller_chunks: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    assert run_job(backfill.backfill_job, instance, tenant, OPTIONS).success
    monkeypatch.setenv("PRODGEN_BACKFILL__SOAK_HOURS", "0")
    job = backfill.reclaim_job
    assert job.execute_in_process(instance=instance, resources={"corpus": Corpus()}).success
    assert states(databases, tenant) == {1: "reclaimed", 2: "serving"}


def _live_job() -> dg.JobDefinition:
    @dg.op
    def nothing() -> None:
        return None

    @dg.job
    def sync_job() -> None:
        nothing()

    return sync_job
