"""What is too old goes, unless a hold keeps it; what is kept for a hold asks for no run."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from prodgen_pipeline.core.errors import IntegrityError
from prodgen_pipeline.governance import holds
from prodgen_pipeline.governance.secrets import run_secrets
from prodgen_pipeline.lifecycle import retention
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.lifecycle.watching import Seen, look
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import documents, sources
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant

DAY = 86_400


def states(databases: Databases, tenant: Tenant) -> dict[str, str]:
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        return {row["uri"]: row["state"] for row in documents.list_all(tx)}


def age(path: Path, days: int) -> None:
    then = time.time() - days * DAY
    os.utime(path, (then, then))


def seen(settings: Settings, databases: Databases, tenant: Tenant) -> Seen:
    return look(
        databases.pipeline, tenant, at=None, out_of_time=lambda: False,
        secret=lambda: run_secrets(settings, databases.pipeline, tenant.tenant_id),
    )  # fmt: skip


@pytest.fixture
def kept_for(databases: Databases, tenant: Tenant) -> Callable[[int | None], None]:
    """Says how long the tenant keeps documents."""

    def keep(days: int | None) -> None:
        with databases.pipeline.transaction(tenant.tenant_id) as tx:
            retention.set_days(tx, tenant, days, actor="test")

    return keep


def test_what_is_too_old_goes_with_its_bytes_and_stays_away_until_it_changes(
    sync: Callable[..., Run], databases: Databases, tenant: Tenant, folder: Path, settings: Settings,
    kept_for: Callable[[int | None], None],
) -> None:  # fmt: skip
    age(folder / "leave.md", 40)
    sync()
    kept_for(30)
    planned = retention.plan(settings, databases.pipeline, tenant)
    assert [each.uri for each in planned.going] == ["leave.md"]
    assert states(databases, tenant)["leave.md"] == "served"
    applied = retention.apply(settings, databases.pipeline, tenant, actor="test")
    assert applied.removed == {"documents": 1, "versions": 1, "objects": 1, "vectors": 1}
    assert states(databases, tenant) == {"travel.txt": "served"}
    assert seen(settings, databases, tenant) == Seen()
    assert sync().counts["raw_documents"].done == 0
    assert retention.apply(settings, databases.pipeline, tenant, actor="test").going == []
    (folder / "leave.md").write_text("# Leave\n\nThere are 30 days of leave from now on.\n")
    assert seen(settings, databases, tenant).why is not None
    sync()
    assert states(databases, tenant)["leave.md"] == "served"


def test_a_source_decides_before_its_tenant_and_nothing_goes_without_either(
    sync: Callable[..., Run], databases: Databases, tenant: Tenant, folder: Path, tmp_path: Path, settings: Settings,
    kept_for: Callable[[int | None], None],
) -> None:  # fmt: skip
    long = tmp_path / "long"
    long.mkdir()
    (long / "contract.md").write_text("# Contract\n\nThis contract is kept for ten years.\n")
    for path in (folder / "leave.md", folder / "travel.txt", long / "contract.md"):
        age(path, 400)
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        sources.add(tx, "long", str(long), include=[], exclude=[], groups=[], retention_days=3650)
    sync()
    assert retention.plan(settings, databases.pipeline, tenant).going == []
    kept_for(365)
    going = retention.plan(settings, databases.pipeline, tenant).going
    assert [each.uri for each in going] == ["leave.md", "travel.txt"]


def test_sessions_in_which_nothing_was_said_for_long_go_whole(
    databases: Databases, tenant: Tenant, settings: Settings
) -> None:
    days = settings.sessions.retention_days
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        for session_id, age_days in (("old", days + 1), ("old", days + 5), ("live", days + 5), ("live", 1)):
            tx.connection.execute(
                "INSERT INTO prodgen.session_turns (tenant_id, owner, session_id, answer_id, turn_type, question, "
                "search_query, answer, refused, at) VALUES (%s, 'actor:user:ann', %s, '', 'new', 'a question', "
                "'a question', 'an answer', false, now() - make_interval(days => %s))",
                [tenant.tenant_id, session_id, age_days],
            )
    assert retention.plan(settings, databases.pipeline, tenant).n_turns == 2
    assert retention.apply(settings, databases.pipeline, tenant, actor="test").n_turns == 2
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        left = tx.connection.execute("SELECT DISTINCT session_id FROM prodgen.session_turns").fetchall()
    assert left == [("live",)]
    assert retention.apply(settings, databases.pipeline, tenant, actor="test").n_turns == 0


def test_a_held_document_that_its_source_lost_is_hidden_kept_and_asks_for_no_run(
    sync: Callable[..., Run], databases: Databases, tenant: Tenant, folder: Path, settings: Settings
) -> None:
    sync()
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        one = holds.on_document(tx, "test", "leave.md", "a case")
        two = holds.on_document(tx, "test", "leave.md", "another")
    (folder / "leave.md").unlink()
    assert seen(settings, databases, tenant).why is not None
    assert sync().counts["raw_documents"].removed == 0
    assert states(databases, tenant)["leave.md"] == "deleted"
    assert seen(settings, databases, tenant) == Seen()
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        document_id = int(documents.find(tx, "leave.md")["document_id"])
        holds.release(tx, "test", one)
        [_, waiting] = holds.list_all(tx)
    assert waiting["waiting"] == 1
    assert retention.release_due(settings, databases.pipeline, tenant, actor="test") == {}
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        assert tx.dicts("erasure.chunk_texts", document_id=document_id) != []
        holds.release(tx, "test", two)
    assert retention.release_due(settings, databases.pipeline, tenant, actor="test") == {"source_delete": 1}
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        assert tx.dicts("erasure.chunk_texts", document_id=document_id) == []


def test_retention_hides_what_a_hold_keeps_and_the_release_removes_it(
    sync: Callable[..., Run], databases: Databases, tenant: Tenant, folder: Path, settings: Settings,
    kept_for: Callable[[int | None], None],
) -> None:  # fmt: skip
    age(folder / "leave.md", 40)
    sync()
    kept_for(30)
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        hold = holds.on_source(tx, "test", "files", "a case")
    applied = retention.apply(settings, databases.pipeline, tenant, actor="test")
    assert ([e.uri for e in applied.held], applied.going) == (["leave.md"], [])
    assert states(databases, tenant)["leave.md"] == "deleted"
    assert seen(settings, databases, tenant) == Seen()
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        holds.release(tx, "test", hold)
    assert retention.release_due(settings, databases.pipeline, tenant, actor="test") == {"retention": 1}
    assert "leave.md" not in states(databases, tenant)


def test_the_database_itself_refuses_to_delete_a_held_document_with_its_source(
    sync: Callable[..., Run], databases: Databases, tenant: Tenant
) -> None:
    sync()
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        holds.on_document(tx, "test", "leave.md", "a case")
    with (
        pytest.raises(IntegrityError, match="legal hold"),
        databases.pipeline.transaction(tenant.tenant_id) as tx,
    ):
        sources.remove(tx, "files")
    assert states(databases, tenant)["leave.md"] == "served"
