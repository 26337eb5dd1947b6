"""Live runs and a backfill at work on one tenant at a time end as if they had come one after the other."""

import random
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from prodgen_pipeline.core.configuration import ChunkingConfig, DeduplicationConfig
from prodgen_pipeline.lifecycle import backfill as backfilling
from prodgen_pipeline.lifecycle import cutover
from prodgen_pipeline.lifecycle.backfill import open_backfill
from prodgen_pipeline.lifecycle.sync import open_run, sync_tenant
from prodgen_pipeline.settings import Backfill, LocalWork, Settings
from prodgen_pipeline.storage import generations, sources, tenants
from prodgen_pipeline.storage.connection import Addresses, Databases
from prodgen_pipeline.storage.database import Database
from prodgen_pipeline.storage.tenants import Tenant

#: By address: whether it is served, under which text, and what of it is in the index. A copy is what its canonical is:
#: which of two equal documents came first depends on who was faster.
SERVED = """
    SELECT d.uri, array_agg(k.text ORDER BY k.ordinal), d.latest_version = d.served_version
    FROM corpus.documents d
    JOIN corpus.index_entries e ON e.document_id = COALESCE(d.duplicate_of, d.document_id) AND e.generation_id = %s
    JOIN corpus.document_chunks k USING (chunk_id)
    WHERE d.deleted_at IS NULL AND d.served_version IS NOT NULL
    GROUP BY d.tenant_id, d.document_id ORDER BY d.uri
"""
SMALL = ChunkingConfig(max_tokens=24, min_tokens=4, heading_tokens=4)


def text_of(number: int, turn: int) -> str:
    halls = "\n\n".join(f"Machine {number} of turn {turn} is oiled in week {week} by its crew." for week in range(4))
    return f"# Note {number}\n\n{halls}\n"


def change(folder: Path, rolls: random.Random, turn: int) -> None:
    """One edit, delete, rename, new file or copy, each of which may promote or fold copies."""
    files = sorted(folder.iterdir())
    chosen = rolls.choice(files)
    kind = rolls.choice(["edit", "delete", "rename", "new", "copy", "copy over"])
    if kind == "edit":
        chosen.write_text(text_of(rolls.randrange(99), turn))
    elif kind == "delete" and len(files) > 8:
        chosen.unlink()
    elif kind == "rename":
        chosen.rename(folder / f"moved-{turn}-{rolls.randrange(999)}.md")
    elif kind == "new":
        (folder / f"new-{turn}-{rolls.randrange(999)}.md").write_text(text_of(rolls.randrange(9), 0))
    elif kind == "copy":
        (folder / f"copy-{turn}-{rolls.randrange(999)}.md").write_bytes(chosen.read_bytes())
    else:
        rolls.choice(files).write_bytes(chosen.read_bytes())


def sync_once(settings: Settings, database: Database, tenant: Tenant, name: str) -> None:
    with open_run(settings, database, tenant, run_id=name, kind="sync", actor="test") as run:
        sync_tenant(run)


def served(addresses: Addresses, generation: int) -> list[tuple[object, ...]]:
    with psycopg.connect(addresses.owner) as connection:
        return connection.execute(SERVED, (generation,)).fetchall()


def undisturbed(addresses: Addresses, settings: Settings, folder: Path) -> list[tuple[object, ...]]:
    """What a first sync of the folder as it is makes, with nobody beside it."""
    with Database(addresses.pipeline, "prodgen_pipeline", owner=addresses.owner) as database:
        with database.transaction() as tx:
            tenant = tenants.add(tx, "undisturbed")
        with database.transaction(tenant.tenant_id) as tx:
            sources.add(tx, "files", str(folder), include=[], exclude=[], groups=[])
        sync_once(settings, database, tenant, "only")
    return [(uri, texts) for uri, texts, _ in served(addresses, 1)]


class SideBySide:
    """Work in threads that all end when one of them is done or fails."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.failures: list[BaseException] = []

    def run(self, *works: Callable[[], None]) -> None:
        threads = [threading.Thread(target=self._guarded, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=120)
        assert self.failures == []

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self.failures.append(error)
        finally:
            self.done.set()


def race(databases: Databases, tenant: Tenant, live: Settings, working: Settings, folder: Path, seed: int) -> None:
    """Four live runs over a folder that changes, beside backfills, one after the other."""
    both = SideBySide()

    def build() -> None:
        turn = 0
        while not both.done.is_set() or turn == 0:
            with open_backfill(working, databases.pipeline, tenant, run_id=f"build-{turn}", actor="test") as run:
                backfilling.backfill(run)
            turn += 1

    def edit() -> None:
        rolls = random.Random(seed)
        for turn in range(4):
            for _ in range(3):
                change(folder, rolls, turn)
            sync_once(live, databases.pipeline, tenant, f"live-{turn}")

    both.run(build, edit)


@pytest.mark.parametrize(("seed", "deduplicates"), [(1, True), (2, False)])
def test_edits_deletes_renames_and_copies_during_a_backfill_end_as_an_undisturbed_index_does(
    databases: Databases, second_addresses: Addresses, tenant: Tenant, settings: Settings, tmp_path: Path, seed: int,
    deduplicates: bool,
) -> None:  # fmt: skip
    folder = tmp_path / "store"
    folder.mkdir()
    for number in range(14):
        (folder / f"note-{number:02}.md").write_text(text_of(number % 10, 0))
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        sources.add(tx, "files", str(folder), include=[], exclude=[], groups=[])
    # Everything in this process, in small batches: commits of both sides come close after each other.
    live = replace(settings, local=LocalWork(workers=1, batch_documents=3, inline_documents=99))
    sync_once(live, databases.pipeline, tenant, "first")
    working = replace(
        live, chunking=SMALL, deduplication=DeduplicationConfig(exact=deduplicates),
        backfill=Backfill(pause_share=0.0, wait_seconds=0.0),
    )  # fmt: skip
    race(databases, tenant, live, working, folder, seed)
    with open_backfill(working, databases.pipeline, tenant, run_id="cut-over", actor="test") as run:
        switched = cutover.cut_over(run)
    assert switched.release is not None, switched.checks
    made = served(databases.addresses, 2)
    assert [row[0] for row in made] == sorted(path.name for path in folder.iterdir())
    assert all(is_newest for _, _, is_newest in made)
    assert [(uri, texts) for uri, texts, _ in made] == undisturbed(second_addresses, working, folder)
    cutover.roll_back(databases.pipeline, tenant, "test")
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        contents = generations.contents(tx, generations.living(tx)[0])
    assert (contents.n_incomplete, contents.n_orphans, contents.n_miscounted) == (0, 0, 0)
    assert [row[0] for row in served(databases.addresses, 1)] == sorted(path.name for path in folder.iterdir())
