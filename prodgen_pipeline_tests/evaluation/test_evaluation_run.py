"""Golden cases on the real query path: real documents, database, embedder, answers."""

import json
from pathlib import Path

import pytest

from prodgen_pipeline.core.errors import NotFound
from prodgen_pipeline.evaluation.cases import Case, keep_cases
from prodgen_pipeline.evaluation.run import Report, evaluate, stored_reports
from prodgen_pipeline.lifecycle.sync import open_run, sync_tenant
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import sources
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant

LEAVE = "How many days of annual leave are there?"
TRAVEL = "Who refunds second class train travel?"
CASES = (
    Case(case_id="a-1", question=LEAVE, uris=("leave.md", "copy.md"), answer="25 days"),
    Case(case_id="a-2", question=TRAVEL, uris=("travel.md",), answer="payroll", slice="closed"),
    Case(case_id="a-3", question="How do I bake sourdough bread?", refuse=True, slice="off_topic"),
    Case(case_id="a-4", question=LEAVE, uris=("gone.md",), slice="wrong"),
)


@pytest.fixture
def indexed(settings: Settings, databases: Databases, tenant: Tenant, tmp_path: Path) -> Tenant:
    open_files, closed_files = tmp_path / "open", tmp_path / "closed"
    open_files.mkdir()
    closed_files.mkdir()
    leave = "# Annual leave\n\nEverybody has 25 days of annual leave. Ask your lead two weeks ahead.\n"
    (open_files / "leave.md").write_text(leave)
    (open_files / "copy.md").write_text(leave)
    (closed_files / "travel.md").write_text(
        "# Travel\n\nTrain travel in second class is refunded in full by payroll. Keep the ticket.\n"
    )
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        sources.add(tx, "open", str(open_files), include=[], exclude=[], groups=[])
        sources.add(tx, "closed", str(closed_files), include=[], exclude=[], groups=["finance"])
    with open_run(settings, databases.pipeline, tenant, run_id="run-1", kind="sync", actor="test") as run:
        sync_tenant(run)
    return tenant


@pytest.fixture
def report(settings: Settings, databases: Databases, indexed: Tenant) -> Report:
    with databases.pipeline.transaction(indexed.tenant_id) as tx:
        keep_cases(tx, CASES)
    return evaluate(settings, databases, indexed, run_id="run-1")


def test_a_golden_set_is_scored_stored_and_scored_the_same_again(
    report: Report, settings: Settings, databases: Databases, indexed: Tenant
) -> None:
    assert report.n_cases == 4
    # The copy is found as its canonical document, the closed source through its group.
    assert report.scores["slice:plain"]["recall@10"] == 1.0
    assert report.scores["slice:closed"]["answer_found"] == 1.0
    assert report.scores["slice:off_topic"] == {"n_cases": 1, "refusal_rate": 1.0}
    assert report.scores["slice:wrong"]["recall@10"] == 0.0
    assert report.failing == {"a-4": ["not_retrieved", "not_cited"]}
    with databases.pipeline.transaction(indexed.tenant_id) as tx:
        [stored] = stored_reports(tx)
    assert (stored["release_id"], stored["generation_id"], stored["run_id"]) == (report.release_id, 1, "run-1")
    assert stored["scores"] == {"n_cases": 4, "scores": report.scores, "failing": report.failing}
    assert "annual leave" not in json.dumps(stored["scores"])
    assert evaluate(settings, databases, indexed).scores == report.scores


def test_a_tenant_without_cases_gets_an_empty_report_that_says_so(
    settings: Settings, databases: Databases, tenant: Tenant
) -> None:
    report = evaluate(settings, databases, tenant)
    assert (report.n_cases, report.scores, report.report_id) == (0, {}, None)
    assert "no golden cases" in report.summary


def test_cases_before_the_first_sync_are_refused_with_what_to_do(
    settings: Settings, databases: Databases, tenant: Tenant
) -> None:
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        keep_cases(tx, CASES)
    with pytest.raises(NotFound, match="prodgen sync"):
        evaluate(settings, databases, tenant)
