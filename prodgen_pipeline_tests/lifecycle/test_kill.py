"""A run that is killed anywhere leaves nothing that the next run does not put right."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from prodgen_pipeline.storage import sources, tenants
from prodgen_pipeline.storage.connection import Addresses
from prodgen_pipeline.storage.database import Database

ROWS = """
    SELECT d.uri, d.served_version, d.latest_version, c.uri AS copy_of, k.ordinal, k.text, e.n_terms,
        (SELECT count(*) FROM corpus.index_terms t CROSS JOIN LATERAL corpus.unpacked(t.postings) AS p
         WHERE t.tenant_id = d.tenant_id AND t.block = e.block AND p.chunk_id = e.chunk_id)
    FROM corpus.documents d
    LEFT JOIN corpus.documents c ON c.document_id = d.duplicate_of
    LEFT JOIN corpus.index_entries e ON e.document_id = d.document_id
    LEFT JOIN corpus.document_chunks k ON k.chunk_id = e.chunk_id
    ORDER BY d.uri, d.document_id, k.ordinal
"""
COUNTS = """
    SELECT (SELECT count(*) FROM corpus.document_chunks), (SELECT count(*) FROM corpus.chunk_embeddings),
        (SELECT count(*) FROM corpus.index_entries), (SELECT count(*) FROM corpus.redacted_documents),
        (SELECT count(*) FROM corpus.ledger WHERE due_version IS NOT NULL OR failed_version IS NOT NULL),
        (SELECT sum(n_chunks) FROM corpus.index_sizes), (SELECT sum(n_terms) FROM corpus.index_sizes),
        (SELECT count(*) FROM corpus.raw_documents), (SELECT count(*) FROM corpus.pseudonyms)
"""


def write_corpus(folder: Path) -> None:
    folder.mkdir()
    for number in range(16):
        (folder / f"note-{number:02}.md").write_text(
            f"# Note {number}\n\nThe machine of hall {number} weighs {number * 7 + 3} tonnes. "
            f"Questions go to hall{number}@example.org.\n\n## Upkeep\n\nIt is oiled every {number + 2} weeks.\n"
        )
    (folder / "note-copy.md").write_bytes((folder / "note-03.md").read_bytes())


def edit_corpus(folder: Path) -> None:
    (folder / "note-05.md").write_text("# Note 5\n\nThe machine of hall 5 was sold.\n")
    (folder / "note-03.md").write_text("# Note 3\n\nThe machine of hall 3 was painted.\n")
    (folder / "note-07.md").rename(folder / "moved.md")
    (folder / "note-09.md").unlink()


def prepare(addresses: Addresses, folder: Path) -> None:
    with Database(addresses.pipeline, "prodgen_pipeline") as database:
        with database.transaction() as tx:
            tenant = tenants.add(tx, "acme")
        with database.transaction(tenant.tenant_id) as tx:
            sources.add(tx, "files", str(folder), include=[], exclude=[], groups=[])


def start(addresses: Addresses, home: Path) -> subprocess.Popen[bytes]:
    script = Path(__file__).with_name("sync_once.py")
    return subprocess.Popen([sys.executable, str(script), addresses.pipeline, str(home)], stdout=subprocess.PIPE)


def finish(addresses: Addresses, home: Path) -> None:
    with start(addresses, home) as process:
        assert process.wait(timeout=120) == 0


def everything(addresses: Addresses) -> tuple[list[tuple], tuple]:
    with psycopg.connect(addresses.owner) as connection:
        return connection.execute(ROWS).fetchall(), connection.execute(COUNTS).fetchone()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_run_killed_at_random_points_ends_with_the_rows_of_an_undisturbed_run(
    addresses: Addresses, second_addresses: Addresses, tmp_path: Path, seed: int
) -> None:
    folder, home, other_home = tmp_path / "store", tmp_path / "home", tmp_path / "other"
    write_corpus(folder)
    home.mkdir()
    other_home.mkdir()
    prepare(addresses, folder)
    prepare(second_addresses, folder)
    rolls = random.Random(seed)
    for edit in (None, edit_corpus):
        if edit:
            edit(folder)
        began = time.monotonic()
        finish(second_addresses, other_home)
        whole = time.monotonic() - began
        for _ in range(3):
            with start(addresses, home) as process:
                time.sleep(rolls.uniform(0.4, 1.0) * whole)
                process.send_signal(signal.SIGKILL)
        finish(addresses, home)
        assert everything(addresses) == everything(second_addresses)
