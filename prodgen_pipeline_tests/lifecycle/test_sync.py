"""The lifecycle on real parts: files, database, parsers, embedder."""

from collections.abc import Callable
from pathlib import Path

from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.storage import documents
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant


def states(databases: Databases, tenant: Tenant) -> dict[str, str]:
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        return {row["uri"]: row["state"] for row in documents.list_all(tx)}


def served_texts(databases: Databases, tenant: Tenant, uri: str) -> str:
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        return "\n".join(chunk["text"] for chunk in documents.chunks(tx, documents.find(tx, uri)["document_id"]))


def test_a_folder_becomes_served_documents_and_a_second_run_does_nothing(
    sync: Callable[[], Run], databases: Databases, tenant: Tenant
) -> None:
    first = sync()
    assert states(databases, tenant) == {"leave.md": "served", "travel.txt": "served"}
    assert first.chunks_embedded == 2
    second = sync()
    assert all(count.done == 0 for count in second.counts.values())
    assert second.chunks_embedded == 0


def test_a_changed_file_replaces_the_old_text_and_an_address_never_reaches_a_chunk(
    sync: Callable[[], Run], databases: Databases, tenant: Tenant, folder: Path
) -> None:
    sync()
    assert "<EMAIL_ADDRESS_" in served_texts(databases, tenant, "travel.txt")
    (folder / "travel.txt").write_text("Only buses are refunded now.\n")
    sync()
    assert served_texts(databases, tenant, "travel.txt") == "Only buses are refunded now."


def test_a_rename_keeps_the_document_and_embeds_nothing(
    sync: Callable[[], Run], databases: Databases, tenant: Tenant, folder: Path
) -> None:
    sync()
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        before = documents.find(tx, "leave.md")["document_id"]
    (folder / "leave.md").rename(folder / "holidays.md")
    run = sync()
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        assert documents.find(tx, "holidays.md")["document_id"] == before
    assert run.chunks_embedded == 0


def test_a_copy_takes_over_when_its_canonical_document_goes(
    sync: Callable[[], Run], databases: Databases, tenant: Tenant, folder: Path
) -> None:
    sync()
    (folder / "zz-copy.md").write_bytes((folder / "leave.md").read_bytes())
    sync()
    assert states(databases, tenant)["zz-copy.md"] == "duplicate"
    assert "25 days" in served_texts(databases, tenant, "zz-copy.md")
    (folder / "leave.md").unlink()
    run = sync()
    assert states(databases, tenant) == {"leave.md": "deleted", "travel.txt": "served", "zz-copy.md": "served"}
    assert "25 days" in served_texts(databases, tenant, "zz-copy.md")
    assert run.chunks_embedded == 0


def test_a_broken_new_version_is_quarantined_and_the_old_one_stays_served(
    sync: Callable[[], Run], databases: Databases, tenant: Tenant, folder: Path
) -> None:
    sync()
    (folder / "leave.md").write_bytes(b"%PDF-1.7\nbroken")
    sync()
    assert "25 days" in served_texts(databases, tenant, "leave.md")
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        [row] = documents.quarantine(tx)
        versions = documents.history(tx, documents.find(tx, "leave.md")["document_id"])
    assert (row["uri"], row["stage"], row["reason"]) == ("leave.md", "parsed_documents", "corrupt")
    assert [version["state"] for version in versions] == ["served", "quarantined"]


def test_a_missing_folder_deletes_nothing(
    sync: Callable[[], Run], databases: Databases, tenant: Tenant, folder: Path
) -> None:
    sync()
    folder.rename(folder.with_name("elsewhere"))
    sync()
    assert set(states(databases, tenant).values()) == {"served"}
