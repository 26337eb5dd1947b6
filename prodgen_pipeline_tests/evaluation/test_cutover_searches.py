"""Searches beside a backfill, its cut-over and its rollback: none fails, and each is of one generation alone."""

import threading
from dataclasses import replace
from pathlib import Path

import psycopg

from prodgen_pipeline.clients.embedding import query_embedder
from prodgen_pipeline.core.configuration import ChunkingConfig
from prodgen_pipeline.core.models import Reader
from prodgen_pipeline.lifecycle import backfill as backfilling
from prodgen_pipeline.lifecycle import cutover
from prodgen_pipeline.lifecycle.backfill import open_backfill
from prodgen_pipeline.lifecycle.sync import open_run, sync_tenant
from prodgen_pipeline.serving.search import SearchResult
from prodgen_pipeline.serving.service import QueryService
from prodgen_pipeline.settings import Backfill, Settings
from prodgen_pipeline.storage import sources
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant

QUESTIONS = ("Which machine is oiled in week 3?", "crew of machine 5", "note 7")


def corpus(folder: Path) -> None:
    folder.mkdir()
    for number in range(20):
        weeks = "\n\n".join(f"Machine {number} is oiled in week {week} by crew {week * number}." for week in range(6))
        (folder / f"note-{number:02}.md").write_text(f"# Note {number}\n\n{weeks}\n")


def chunks_of(databases: Databases) -> dict[int, set[str]]:
    """Chunk ids in each generation's index."""
    with psycopg.connect(databases.addresses.owner) as connection:
        rows = connection.execute("SELECT generation_id, chunk_id FROM corpus.index_entries").fetchall()
    found: dict[int, set[str]] = {}
    for generation, chunk in rows:
        found.setdefault(generation, set()).add(str(chunk))
    return found


def releases_of(databases: Databases) -> set[tuple[str, int]]:
    with psycopg.connect(databases.addresses.owner) as connection:
        return set(connection.execute("SELECT release_id, generation_id FROM prodgen.served_releases").fetchall())


def test_no_search_fails_or_mixes_generations_during_a_backfill_its_cut_over_and_its_rollback(
    databases: Databases, tenant: Tenant, settings: Settings, tmp_path: Path
) -> None:
    corpus(tmp_path / "store")
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        sources.add(tx, "files", str(tmp_path / "store"), include=[], exclude=[], groups=[])
    with open_run(settings, databases.pipeline, tenant, run_id="sync", kind="sync", actor="test") as run:
        sync_tenant(run)
    working = replace(
        settings, chunking=ChunkingConfig(max_tokens=24, min_tokens=4, heading_tokens=4),
        backfill=Backfill(pause_share=0.0, wait_seconds=0.0),
    )  # fmt: skip
    embedder = query_embedder()
    service = QueryService(settings, databases.serving, embedder=lambda config: embedder)
    results: list[SearchResult] = []
    failures: list[BaseException] = []
    done = threading.Event()

    def search() -> None:
        at = 0
        try:
            while not done.is_set():
                results.append(service.search(tenant, QUESTIONS[at % 3], reader=Reader(), k=10))
                at += 1
        except BaseException as error:
            failures.append(error)

    clients = [threading.Thread(target=search) for _ in range(2)]
    for client in clients:
        client.start()
    try:
        with open_backfill(working, databases.pipeline, tenant, run_id="backfill", actor="test") as run:
            backfilling.backfill(run)
            assert cutover.cut_over(run).release is not None
        for _ in range(6):
            cutover.roll_back(databases.pipeline, tenant, "test")
    finally:
        done.set()
        for client in clients:
            client.join()
    assert failures == []
    chunks, served = chunks_of(databases), releases_of(databases)
    assert {result.generation for result in results} == {1, 2}
    for result in results:
        assert len(result.hits) == 10
        assert {hit.chunk_id for hit in result.hits} <= chunks[result.generation]
        assert (result.release, result.generation) in served
