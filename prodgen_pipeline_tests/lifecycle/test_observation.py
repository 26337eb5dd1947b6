"""What a document store has becomes versions; what it lacks goes only when that is certain."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.storage import documents, sources
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant


def listed(databases: Databases, tenant: Tenant) -> dict[str, str]:
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        return {row["uri"]: row["state"] for row in documents.list_all(tx)}


def versions(databases: Databases, tenant: Tenant, uri: str) -> list[tuple[int, str]]:
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        history = documents.history(tx, documents.find(tx, uri)["document_id"])
    return [(row["version"], row["state"]) for row in history]


def test_a_mass_delete_waits_for_a_person_and_goes_through_once_confirmed(
    sync: Callable[..., Run], databases: Databases, tenant: Tenant, folder: Path
) -> None:
    for number in range(12):
        (folder / f"page-{number}.md").write_text(f"# Page {number}\n\nThis is page {number}.\n")
    sync()
    for path in folder.glob("page-*.md"):
        path.unlink()
    sync()
    assert set(listed(databases, tenant).values()) == {"served"}
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        assert sources.find(tx, "files").held_back == 12
        [alert] = tx.dicts("alerts.open")
        sources.confirm(tx, "files")
    assert alert["kind"] == "mass_delete_held_back"
    assert sync().counts["raw_documents"].removed == 12
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        source = sources.find(tx, "files")
        assert (source.held_back, source.delete_confirmed) == (0, False)
        assert tx.dicts("alerts.open") == []


def test_a_revert_is_a_new_version_and_embeds_nothing(
    sync: Callable[..., Run], databases: Databases, tenant: Tenant, folder: Path
) -> None:
    sync()
    first = (folder / "leave.md").read_text()
    (folder / "leave.md").write_text("# Leave\n\nThere is no leave this year.\n")
    sync()
    (folder / "leave.md").write_text(first)
    assert sync().chunks_embedded == 0
    assert versions(databases, tenant, "leave.md") == [(1, "superseded"), (2, "superseded"), (3, "served")]


def test_an_edit_that_changes_no_text_stops_the_wave_and_is_served_as_the_new_version(
    sync: Callable[..., Run], databases: Databases, tenant: Tenant, folder: Path
) -> None:
    sync()
    (folder / "leave.md").write_text((folder / "leave.md").read_text() + "\n\n\n")
    run = sync()
    assert (run.counts["parsed_documents"].done, run.counts["parsed_documents"].unchanged) == (1, 1)
    assert run.counts["cleaned_documents"].done == 0
    assert versions(databases, tenant, "leave.md") == [(1, "superseded"), (2, "served")]


def test_a_touched_file_with_the_same_bytes_is_no_new_version(
    sync: Callable[..., Run], databases: Databases, tenant: Tenant, folder: Path
) -> None:
    sync()
    os.utime(folder / "leave.md", (1_000_000_000, 1_000_000_000))
    assert sync().counts["raw_documents"].unchanged == 1
    assert versions(databases, tenant, "leave.md") == [(1, "served")]


def test_two_files_that_change_places_are_two_new_versions(
    sync: Callable[..., Run], databases: Databases, tenant: Tenant, folder: Path
) -> None:
    sync()
    (folder / "leave.md").rename(folder / "other")
    (folder / "travel.txt").rename(folder / "leave.md")
    (folder / "other").rename(folder / "travel.txt")
    sync()
    assert versions(databases, tenant, "leave.md") == [(1, "superseded"), (2, "served")]
    assert versions(databases, tenant, "travel.txt") == [(1, "superseded"), (2, "served")]


def test_a_renamed_and_edited_file_is_a_new_document(
    sync: Callable[..., Run], databases: Databases, tenant: Tenant, folder: Path
) -> None:
    sync()
    (folder / "leave.md").unlink()
    (folder / "holidays.md").write_text("# Holidays\n\nEverybody has 30 days.\n")
    sync()
    assert listed(databases, tenant) == {"leave.md": "deleted", "holidays.md": "served", "travel.txt": "served"}


def test_a_folder_that_cannot_be_listed_whole_deletes_nothing_and_says_why(
    sync: Callable[..., Run], databases: Databases, tenant: Tenant, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "note.md").write_text("# Note\n\nA note.\n")
    sync()
    scandir = os.scandir

    def broken(path: str) -> object:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    # Tests run as root, whom no mode keeps out: the operating system's answer is what is replaced here.
    monkeypatch.setattr(os, "scandir", broken)
    (folder / "leave.md").unlink()
    sync()
    assert set(listed(databases, tenant).values()) == {"served"}
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        source = sources.find(tx, "files")
    assert "Permission denied" in (source.error or "")
    assert source.complete_at is not None
    assert source.complete_at < (source.listed_at or source.complete_at)


def test_copies_under_different_rights_do_not_stand_for_each_other(
    sync: Callable[..., Run], databases: Databases, tenant: Tenant, folder: Path, tmp_path: Path
) -> None:
    closed = tmp_path / "board"
    closed.mkdir()
    (closed / "leave.md").write_bytes((folder / "leave.md").read_bytes())
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        sources.add(tx, "board", str(closed), include=[], exclude=[], groups=["board"])
    sync()
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        states = {(row["source"], row["state"]) for row in documents.list_all(tx, uri="leave.md")}
    assert states == {("files", "served"), ("board", "served")}
