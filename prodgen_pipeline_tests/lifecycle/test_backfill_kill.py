"""A backfill that is killed anywhere goes on where it was, and embeds nothing again that was kept."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from prodgen_pipeline.lifecycle.sync import open_run, sync_tenant
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import generations, sources
from prodgen_pipeline.storage.connection import Addresses, Databases
from prodgen_pipeline.storage.tenants import Tenant

N_DOCUMENTS = 24


def start(addresses: Addresses, home: Path) -> subprocess.Popen[str]:
    script = Path(__file__).with_name("backfill_once.py")
    return subprocess.Popen(
        [sys.executable, str(script), addresses.pipeline, addresses.owner, str(home)], stdout=subprocess.PIPE, text=True
    )


def n_vectors(addresses: Addresses) -> int:
    with psycopg.connect(addresses.owner) as connection:
        return connection.execute("SELECT count(*) FROM corpus.chunk_embeddings").fetchone()[0]


def test_a_backfill_killed_at_random_points_ends_complete_and_embeds_no_kept_text_twice(
    databases: Databases, tenant: Tenant, settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    for number in range(N_DOCUMENTS):
        weeks = "\n\n".join(f"Machine {number} is oiled in week {week} by crew {week * number}." for week in range(6))
        (folder / f"note-{number:02}.md").write_text(f"# Note {number}\n\n{weeks}\n")
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        sources.add(tx, "files", str(folder), include=[], exclude=[], groups=[])
    with open_run(settings, databases.pipeline, tenant, run_id="sync", kind="sync", actor="test") as run:
        sync_tenant(run)
    rolls = random.Random(5)
    home = settings.require_home()
    for _ in range(2):
        before = n_vectors(databases.addresses)
        with start(databases.addresses, home) as process:
            # Into the work, not into the imports before it: until something has been kept, or it is done.
            deadline = time.monotonic() + 30
            while n_vectors(databases.addresses) == before and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
            time.sleep(rolls.uniform(0.0, 0.15))
            process.send_signal(signal.SIGKILL)
    kept = n_vectors(databases.addresses)
    with start(databases.addresses, home) as process:
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert int(said.split()[-1]) == n_vectors(databases.addresses) - kept
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        new = next(each for each in generations.living(tx) if each.state == "building")
        assert generations.n_due(tx, new.lineages) == 0
        contents = generations.contents(tx, new)
        done = {each.stage: each.n_done for each in generations.progress(tx, new.lineages)}
    assert (contents.n_incomplete, contents.n_orphans, contents.n_miscounted) == (0, 0, 0)
    assert done["chunk_embeddings"] == N_DOCUMENTS
