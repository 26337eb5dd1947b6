"""The nightly suites, over what a real run made."""

import dagster as dg
import pytest

from prodgen_pipeline.defs import catalogue
from prodgen_pipeline.defs.expectations import validate
from prodgen_pipeline.lifecycle.sync import open_run, sync_tenant
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant

# The library takes ten seconds and more to import, and warns about itself while it does.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def test_the_job_meets_its_expectations_of_a_synced_corpus_and_shows_no_value(
    instance: dg.DagsterInstance, settings: Settings, databases: Databases, tenant: Tenant, source: str
) -> None:
    with open_run(settings, databases.pipeline, tenant, run_id="r", kind="sync", actor="test") as run:
        sync_tenant(run)
    job = catalogue.definitions().resolve_job_def("expectations_job")
    result = job.execute_in_process(instance=instance)
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert set(checks) == {"chunks_meet_expectations", "vectors_meet_expectations", "whole_indexes_are_right"}
    assert checks.pop("whole_indexes_are_right").passed
    for check in checks.values():
        assert check.passed, check.description
        table = check.metadata["results"]
        assert isinstance(table, dg.TableMetadataValue)
        assert {(row.data["tenant"], row.data["generation"]) for row in table.records} == {("acme", 1)}
        assert {row.data["unexpected"] for row in table.records} == {0}


def test_a_broken_expectation_is_counted_and_no_value_is_kept() -> None:
    facts = [{"chunk_id": 1, "n_tokens": 4_711_000}, {"chunk_id": 2, "n_tokens": 7}]
    kwargs = {"column": "n_tokens", "min_value": 1, "max_value": 250}
    [result] = validate(facts, [("expect_column_values_to_be_between", kwargs)]).results
    assert not result.success
    assert result.result["unexpected_count"] == 1
    assert "4711000" not in str(result.result)
