"""What an asset that fails leaves in Dagster, and what it does not."""

from pathlib import Path

import dagster as dg
import pytest

from prodgen_pipeline import resources
from prodgen_pipeline.defs import catalogue
from prodgen_pipeline.defs.corpus.redacted_documents import NO_ENTITIES
from prodgen_pipeline.lifecycle.redaction import Redaction
from prodgen_pipeline.lifecycle.sync import open_run, sync_tenant
from prodgen_pipeline.resources import Corpus
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import documents, runs, tenants
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant

MARKER = "zanzibar-marker-4711"


def materialize(instance: dg.DagsterInstance, tenant: Tenant) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        catalogue.ASSETS[:7], instance=instance, partition_key=tenant.name, resources={"corpus": Corpus()},
        raise_on_error=False,
    )  # fmt: skip


def everything_logged(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> str:
    return "\n".join(str(record) for record in instance.all_logs(result.run_id))


def test_an_unexpected_error_fails_the_run_and_its_message_stays_out_of_the_event_log(
    instance: dg.DagsterInstance, databases: Databases, tenant: Tenant, source: str, folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (folder / "leave.md").write_text(f"The {MARKER} is secret.\n")

    def break_down(*_: object) -> None:
        raise ValueError(f"Failing row contains ({MARKER})")

    monkeypatch.setattr(Redaction, "commit", break_down)
    result = materialize(instance, tenant)
    assert not result.success
    logged = everything_logged(instance, result)
    assert MARKER not in logged
    assert "ValueError (its message is withheld" in logged
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        [row] = runs.recent(tx)
        assert (row["state"], row["error"]) == ("failed", "ValueError")
        assert [alert["kind"] for alert in tx.dicts("alerts.open")] == ["run_failed"]


def test_a_successful_run_puts_no_document_text_into_the_event_log(
    instance: dg.DagsterInstance, tenant: Tenant, source: str, folder: Path
) -> None:
    (folder / "leave.md").write_text(f"# About {MARKER}\n\nThe {MARKER} is secret, write to {MARKER}@example.org.\n")
    result = materialize(instance, tenant)
    assert result.success
    assert MARKER not in everything_logged(instance, result)


def test_a_leak_stops_the_line_and_what_was_served_stays_served(
    instance: dg.DagsterInstance, settings: Settings, databases: Databases, tenant: Tenant, source: str, folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    with open_run(settings, databases.pipeline, tenant, run_id="first", kind="sync", actor="test") as run:
        sync_tenant(run)
    (folder / "travel.txt").write_text("Now write to elsewhere@example.org instead.\n")
    monkeypatch.setattr(
        "prodgen_pipeline.lifecycle.redaction._replace", lambda text, tokens, actions: ([*text.elements], [])
    )
    result = materialize(instance, tenant)
    failed = [check.check_name for check in result.get_asset_check_evaluations() if not check.passed]
    assert failed == [NO_ENTITIES]
    made = {event.asset_key.to_user_string() for event in result.get_asset_materialization_events()}
    assert "redacted_documents" in made
    assert not made & {"document_chunks", "chunk_embeddings"}
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        [row] = [row for row in documents.list_all(tx) if row["uri"] == "travel.txt"]
        assert (row["state"], row["version"]) == ("served", 1)


def test_a_tenant_that_is_held_by_another_run_is_tried_again(
    instance: dg.DagsterInstance, databases: Databases, tenant: Tenant, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(resources, "RETRY_SECONDS", 0)
    monkeypatch.setattr(resources, "MAX_RETRIES", 1)
    with tenants.run_lock(databases.pipeline, tenant):
        result = materialize(instance, tenant)
    assert not result.success
    kinds = [
        record.dagster_event.event_type_value for record in instance.all_logs(result.run_id) if record.dagster_event
    ]
    assert "STEP_UP_FOR_RETRY" in kinds
    [failure] = result.get_step_failure_events()
    assert failure.step_key == "raw_documents"


def test_another_configuration_says_that_a_backfill_is_due_and_serves_on(
    instance: dg.DagsterInstance, tenant: Tenant, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert materialize(instance, tenant).success
    monkeypatch.setenv("PRODGEN_CHUNKING__MAX_TOKENS", "128")
    result = materialize(instance, tenant)
    assert result.success
    [check] = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert check.check_name == "the_index_was_made_from_the_working_configuration"
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert check.metadata["outdated_from"].value == "document_chunks"
    assert check.metadata["documents"].value == 2
