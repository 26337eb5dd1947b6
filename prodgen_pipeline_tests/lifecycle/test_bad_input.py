"""What goes wrong outside costs what it must and no more: a row that says why, or one line, and the rest goes on."""

import os
import resource
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from prodgen_pipeline.clients.object_store import ObjectStore
from prodgen_pipeline.core.errors import ConfigurationError, DatabaseUnavailable, TransientError
from prodgen_pipeline.governance import audit
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.lifecycle.sync import open_run
from prodgen_pipeline.settings import Settings, load_settings
from prodgen_pipeline.storage import documents, runs, tenants
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant


def quarantine(databases: Databases, tenant: Tenant) -> dict[str, str]:
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        return {row["uri"]: row["reason"] for row in documents.quarantine(tx)}


def test_bad_files_are_quarantined_with_their_reason_and_the_others_are_served(
    sync: Callable[..., Run], databases: Databases, tenant: Tenant, folder: Path
) -> None:
    (folder / "empty.md").touch()
    (folder / "blank.txt").write_text(" \n\t\n")
    with (folder / "huge.txt").open("wb") as file:
        os.truncate(file.fileno(), 500_000_000)
    with zipfile.ZipFile(folder / "whole.docx", "w") as archive:
        archive.writestr("word/document.xml", "<w:document/>" * 500)
    (folder / "cut.docx").write_bytes((folder / "whole.docx").read_bytes()[:300])
    (folder / "noise.bin").write_bytes(bytes(range(256)) * 40)
    run = sync()
    reasons = quarantine(databases, tenant)
    assert reasons["empty.md"] == "empty"
    assert reasons["huge.txt"] == "too_large"
    assert reasons["cut.docx"] == "corrupt"
    assert set(reasons) == {"empty.md", "blank.txt", "huge.txt", "whole.docx", "cut.docx", "noise.bin"}
    assert run.counts["chunk_embeddings"].done == 2
    assert sum(count.quarantined for count in sync().counts.values()) == 0, "an unchanged bad file is not tried again"


def test_a_quarantined_file_that_is_repaired_is_served(
    sync: Callable[..., Run], databases: Databases, tenant: Tenant, folder: Path
) -> None:
    (folder / "late.md").touch()
    sync()
    (folder / "late.md").write_text("# Late\n\nHere at last.\n")
    sync()
    assert quarantine(databases, tenant) == {}


def test_what_was_refused_can_be_retried_and_fails_with_a_reason_again(
    sync: Callable[..., Run], databases: Databases, tenant: Tenant, folder: Path
) -> None:
    (folder / "empty.md").touch()
    sync()
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        assert documents.retry(tx, int(documents.find(tx, "empty.md")["document_id"])) == 1
    assert sum(count.quarantined for count in sync().counts.values()) == 1
    assert quarantine(databases, tenant) == {"empty.md": "empty"}


def test_a_database_that_goes_away_mid_run_loses_nothing(
    sync: Callable[..., Run], databases: Databases, tenant: Tenant
) -> None:
    def cut(stage: str, done: int, waiting: int) -> None:
        if stage == "cleaned_documents":
            with psycopg.connect(databases.addresses.owner, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
                )

    with pytest.raises(DatabaseUnavailable, match="the lock was lost"):
        sync(progress=cut)
    again = sync()
    assert again.counts["parsed_documents"].done == 0
    assert again.counts["chunk_embeddings"].done == 2
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        assert [run["state"] for run in runs.recent(tx)] == ["done", "failed"]


def test_two_runs_of_one_tenant_wait_for_each_other_and_the_second_gives_up_with_one_line(
    databases: Databases, tenant: Tenant
) -> None:
    with (
        tenants.run_lock(databases.pipeline, tenant),
        pytest.raises(TransientError, match="another run is working on tenant acme"),
        tenants.run_lock(databases.pipeline, tenant, wait_seconds=0.2),
    ):
        pass


def test_a_short_master_key_indexes_nothing(
    sync: Callable[..., Run], settings: Settings, databases: Databases, tenant: Tenant
) -> None:
    keys = settings.require_home() / "keys"
    keys.mkdir()
    (keys / "master.key").write_text("short\n")
    with pytest.raises(ConfigurationError, match="shorter than 16 bytes"):
        sync()
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        assert documents.list_all(tx) == []


@contextmanager
def files_no_larger_than(n_bytes: int) -> Iterator[None]:
    """The kernel refuses longer files, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_object_store_is_one_line_and_leaves_no_half_object(tmp_path: Path) -> None:
    store = ObjectStore(f"file://{tmp_path}/objects")
    with files_no_larger_than(1000), pytest.raises(TransientError, match="make room and run again"):
        store.put(1, "ab" * 32, b"x" * 5000)
    with pytest.raises(Exception, match="missing from the object store"):
        store.get(f"1/ab/{'ab' * 32}")
    key = store.put(1, "ab" * 32, b"x" * 5000)
    assert store.get(key) == b"x" * 5000


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("PRODGEN_CLUSTER", "tcp://10.0.0.1:8786", "PRODGEN_CLUSTER"),
        ("PRODGEN_EMBEDDING__PROVIDER", "openai", "embedding.provider"),
        ("PRODGEN_EMBEDDING__MODEL", "another-model", "embedding.model"),
    ],
)
def test_a_setting_that_would_do_nothing_is_refused(
    settings: Settings, databases: Databases, tenant: Tenant, variable: str, value: str, said: str
) -> None:
    wanted = load_settings({"PRODGEN_HOME": str(settings.home), variable: value})
    with (
        pytest.raises(ConfigurationError, match=said),
        open_run(wanted, databases.pipeline, tenant, run_id="r", kind="sync", actor="test"),
    ):
        pass


def test_a_run_is_in_the_audit_log_once_however_often_it_is_taken_up(
    settings: Settings, databases: Databases, tenant: Tenant
) -> None:
    for _ in range(3):
        with open_run(settings, databases.pipeline, tenant, run_id="dagster-1", kind="dagster", actor="test"):
            pass
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        assert [(entry["action"], entry["object"]) for entry in audit.entries(tx)] == [("run.start", "dagster-1")]
