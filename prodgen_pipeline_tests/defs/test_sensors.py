"""Ticks of the sensors against the real database and real folders."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from prodgen_pipeline.defs import sensors
from prodgen_pipeline.defs.jobs import sync_job
from prodgen_pipeline.lifecycle.sync import open_run, sync_tenant
from prodgen_pipeline.resources import Corpus
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import runs, sources, tenants
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant

Tick = Callable[..., dg.SensorResult]


@pytest.fixture
def tick(instance: dg.DagsterInstance) -> Tick:
    """One tick with the cursor that the last one left."""
    cursor: list[str | None] = [None]

    def once() -> dg.SensorResult:
        with dg.build_sensor_context(
            instance=instance, cursor=cursor[0], resources={"corpus": Corpus()}, definitions=None
        ) as context:
            result = sensors.document_store_sensor(context)
        assert isinstance(result, dg.SensorResult)
        cursor[0] = result.cursor
        return result

    return once


@pytest.fixture
def sync(settings: Settings, databases: Databases, tenant: Tenant) -> Callable[[], None]:
    def run_once() -> None:
        with open_run(settings, databases.pipeline, tenant, run_id="sync", kind="sync", actor="test") as run:
            sync_tenant(run)

    return run_once


def asked(result: dg.SensorResult) -> list[str | None]:
    return [request.partition_key for request in result.run_requests or []]


def alerts(databases: Databases, tenant: Tenant) -> list[str]:
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        return [row["kind"] for row in tx.dicts("alerts.open")]


def test_a_new_file_asks_for_one_run_and_a_settled_tenant_for_none(
    tick: Tick, sync: Callable[[], None], source: str, folder: Path
) -> None:
    [request] = tick().run_requests or []
    assert (request.partition_key, request.run_key, request.tags["tenant"]) == ("acme", "acme:1", "acme")
    sync()
    assert asked(tick()) == []
    (folder / "leave.md").write_text("Everybody has 30 days of leave.\n")
    [request] = tick().run_requests or []
    assert request.run_key == "acme:2"


def test_a_run_in_flight_keeps_the_tenant_from_another_and_loses_nothing(
    tick: Tick, instance: dg.DagsterInstance, source: str
) -> None:
    run = instance.create_run_for_job(_job(), status=DagsterRunStatus.STARTED, tags={sensors.PARTITION_TAG: "acme"})
    assert asked(tick()) == []
    instance.report_run_failed(run)
    assert asked(tick()) == ["acme"]


def test_a_run_of_the_command_line_counts_as_one_in_flight(
    tick: Tick, settings: Settings, databases: Databases, tenant: Tenant, source: str
) -> None:
    with open_run(settings, databases.pipeline, tenant, run_id="cli", kind="sync", actor="test"):
        assert asked(tick()) == []
    assert asked(tick()) == ["acme"]


def test_what_a_run_does_not_settle_is_not_asked_for_at_every_tick(tick: Tick, source: str) -> None:
    assert asked(tick()) == ["acme"]
    assert asked(tick()) == []  # nobody ran it: the same difference, a moment later


def test_quarantined_content_asks_for_no_further_run(
    tick: Tick, sync: Callable[[], None], source: str, folder: Path
) -> None:
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nbroken")
    (folder / "huge.txt").write_bytes(b"")
    sync()
    assert asked(tick()) == []


def test_a_held_back_mass_delete_asks_for_no_run_until_a_person_confirms_it(
    tick: Tick, sync: Callable[[], None], databases: Databases, tenant: Tenant, source: str, folder: Path
) -> None:
    for number in range(20):
        (folder / f"{number}.txt").write_text(f"Text number {number}.")
    sync()
    for path in folder.iterdir():
        path.unlink()
    assert asked(tick()) == ["acme"]
    sync()
    assert alerts(databases, tenant) == ["mass_delete_held_back"]
    assert asked(tick()) == []
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        sources.confirm(tx, source)
    assert asked(tick()) == ["acme"]


def test_a_failing_store_is_reported_asks_for_nothing_and_does_not_stop_others(
    tick: Tick, sync: Callable[[], None], databases: Databases, make_tenant: Callable[[str], Tenant], tenant: Tenant,
    source: str, folder: Path, tmp_path: Path,
) -> None:  # fmt: skip
    sync()
    folder.rename(tmp_path / "elsewhere")
    other = make_tenant("globex")
    with databases.pipeline.transaction(other.tenant_id) as tx:
        sources.add(tx, "files", str(tmp_path / "elsewhere"), include=[], exclude=[], groups=[])
    assert asked(tick()) == ["globex"]
    assert alerts(databases, tenant) == ["listing_failed"]
    (tmp_path / "elsewhere").rename(folder)
    assert "acme" not in asked(tick())
    assert alerts(databases, tenant) == []


def test_a_tick_that_runs_out_of_time_goes_on_where_it_stopped(
    tick: Tick, sync: Callable[[], None], source: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync()
    (folder / "zz.txt").write_text("The last one is new.")
    monkeypatch.setenv("PRODGEN_OBSERVATION__TICK_SECONDS", "-1")
    ticks = [asked(tick()) for _ in range(4)]
    assert ticks.count(["acme"]) == 1
    assert [] in ticks[:2]


def test_partitions_follow_tenants_that_come_and_go(
    tick: Tick, instance: dg.DagsterInstance, databases: Databases, make_tenant: Callable[[str], Tenant], tenant: Tenant
) -> None:
    make_tenant("globex")
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        tenants.remove(tx)
    add, remove = tick().dynamic_partitions_requests or []
    assert (list(add.partition_keys), list(remove.partition_keys)) == (["globex"], ["acme"])


def test_a_run_whose_process_died_with_its_code_server_is_ended(instance: dg.DagsterInstance) -> None:
    tags = {sensors.PARTITION_TAG: "acme", sensors.GRPC_TAG: '{"host": "localhost", "socket": "/run/a.sock"}'}
    run = instance.create_run_for_job(_job(), status=DagsterRunStatus.STARTED, tags=tags)
    assert sensors.end_dead_runs(instance, "/run/b.sock", started_at=4e9) == []
    assert sensors.end_dead_runs(instance, "/run/a.sock", started_at=0.0) == []
    assert sensors.end_dead_runs(instance, "/run/a.sock", started_at=4e9) == [run.run_id]
    assert sensors.tenants_in_flight(instance) == set()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["dagster", "api", "grpc", "--socket", "/a.sock", "-m", "x"], "/a.sock"),
        (["dagster", "api", "grpc", "-s", "/a.sock"], "/a.sock"),
        (["dagster", "api", "grpc", "-p", "4000"], None),
        (["dagster", "api", "grpc", "--socket"], None),
        (["pytest", "-s", "tests"], None),
    ],
)
def test_a_code_server_knows_its_socket(arguments: list[str], expected: str | None) -> None:
    assert sensors.code_server_socket(arguments) == expected


def test_a_run_that_ended_without_a_word_is_recorded_with_an_alert(
    instance: dg.DagsterInstance, databases: Databases, tenant: Tenant
) -> None:
    run = instance.create_run_for_job(_job(), tags={sensors.PARTITION_TAG: tenant.name})
    instance.report_run_failed(run)
    [event] = [
        record.dagster_event
        for record in instance.all_logs(run.run_id)
        if record.dagster_event and record.dagster_event.event_type is dg.DagsterEventType.RUN_FAILURE
    ]
    context = dg.build_run_status_sensor_context(
        sensor_name="failed_run_sensor", dagster_event=event, dagster_instance=instance,
        dagster_run=instance.get_run_by_id(run.run_id) or run, resources={"corpus": Corpus()},
    ).for_run_failure()  # fmt: skip
    with context:
        sensors.failed_run_sensor(context)
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        [row] = runs.recent(tx)
    assert (row["run_id"], row["kind"], row["state"]) == (run.run_id, "dagster", "failed")
    assert alerts(databases, tenant) == ["run_failed"]


def _job() -> dg.JobDefinition:
    from prodgen_pipeline.defs import catalogue

    return catalogue.definitions().resolve_job_def(sync_job.name)
