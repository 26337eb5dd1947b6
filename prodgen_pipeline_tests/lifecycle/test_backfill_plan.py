"""What a backfill would take, said before it is started, and how fast it may go."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from prodgen_pipeline.core.configuration import ChunkingConfig, EmbeddingConfig
from prodgen_pipeline.core.errors import NotFound
from prodgen_pipeline.lifecycle import estimates
from prodgen_pipeline.lifecycle.estimates import Plan
from prodgen_pipeline.lifecycle.pacing import Pace
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.settings import Backfill, EmbeddingService, Settings
from prodgen_pipeline.storage import tenants
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant


def planned(databases: Databases, settings: Settings, tenant: Tenant) -> Plan:
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        return estimates.plan(tx, settings, tenant)


def test_nothing_is_due_while_the_configuration_is_what_the_index_was_made_from(
    sync: Callable[[], Run], databases: Databases, settings: Settings, tenant: Tenant
) -> None:
    with pytest.raises(NotFound, match="prodgen sync acme"):
        planned(databases, settings, tenant)
    sync()
    assert planned(databases, settings, tenant) == Plan(first_stage=None)


def test_half_the_chunk_size_is_estimated_as_twice_the_chunks_of_as_many_tokens(
    sync: Callable[[], Run], databases: Databases, settings: Settings, tenant: Tenant, folder: Path
) -> None:
    (folder / "long.md").write_text("\n\n".join(f"Machine {n} stands in hall {n} and is oiled." for n in range(40)))
    sync()
    now = planned(databases, replace(settings, chunking=ChunkingConfig(max_tokens=250, heading_tokens=31)), tenant)
    half = planned(databases, replace(settings, chunking=ChunkingConfig(max_tokens=125, heading_tokens=31)), tenant)
    assert (now.first_stage, now.is_estimate, half.n_documents) == ("document_chunks", True, 3)
    assert half.n_chunks == pytest.approx(2 * now.n_chunks, abs=1)
    assert half.n_tokens == now.n_tokens
    assert "about" in half.summary


def test_another_model_has_exact_counts_and_its_price(
    sync: Callable[[], Run], databases: Databases, settings: Settings, tenant: Tenant
) -> None:
    sync()
    paid = replace(
        settings,
        embedding=EmbeddingConfig(provider="openai", model="large", revision="1", dimensions=8),
        embedding_service=EmbeddingService(usd_per_million_tokens=1_000_000.0),
    )
    plan = planned(databases, paid, tenant)
    assert (plan.first_stage, plan.n_chunks, plan.n_texts, plan.is_estimate) == ("chunk_embeddings", 2, 2, False)
    assert plan.usd == plan.n_tokens > 0


def test_a_sync_says_that_a_backfill_is_due_until_the_configuration_is_as_it_was(
    sync: Callable[[], Run], databases: Databases, settings: Settings, tenant: Tenant
) -> None:
    sync()
    changed = replace(settings, chunking=ChunkingConfig(max_tokens=100))

    def alerts(under: Settings) -> list[tuple[str, str]]:
        with databases.pipeline.transaction(tenant.tenant_id) as tx:
            estimates.tell_if_due(tx, under, tenant)
            return [(row["kind"], row["severity"]) for row in tx.dicts("alerts.open")]

    assert alerts(changed) == alerts(changed) == [("backfill_due", "info")]
    sync()  # with the settings as they were
    assert alerts(settings) == []


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def pause(databases: Databases, tenant: Tenant, worked: float, limits: Backfill) -> float:
    clock = Clock()
    Pace(databases.pipeline, tenant, limits, sleep=clock.sleep, clock=clock)(worked)
    return clock.now


def test_a_backfill_rests_for_its_share_and_waits_for_a_live_run_as_long_as_it_may(
    sync: Callable[[], Run], databases: Databases, tenant: Tenant
) -> None:
    limits = Backfill(pause_share=0.5, wait_seconds=20.0)
    assert pause(databases, tenant, 4.0, limits) == 2.0
    with tenants.run_lock(databases.pipeline, tenant):
        assert pause(databases, tenant, 4.0, limits) == pytest.approx(22.0, abs=0.5)


def test_rows_that_no_live_run_takes_hold_a_backfill_up_only_once(
    sync: Callable[[], Run], databases: Databases, tenant: Tenant
) -> None:
    sync()
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        tx.connection.execute(
            "UPDATE corpus.ledger SET due_version = version, due_hash = 'changed', due_size = 1, due_seq = 1 "
            "WHERE stage = 'document_chunks'"
        )
    clock = Clock()
    pace = Pace(
        databases.pipeline, tenant, Backfill(pause_share=0.0, wait_seconds=60.0), sleep=clock.sleep, clock=clock
    )
    pace(1.0)
    waited = clock.now
    assert 10 < waited < 20
    pace(1.0)
    assert clock.now == waited
