"""The planner knows the tables of a first index before anybody searches it."""

import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.storage import statistics
from prodgen_pipeline.storage.connection import Databases


def _gathered(databases: Databases, table: str) -> bool:
    with psycopg.connect(databases.addresses.owner) as connection:
        row = connection.execute(
            "SELECT reltuples FROM pg_class WHERE oid = %s::regclass", (f"corpus.{table}",)
        ).fetchone()
    return bool(row and row[0] > 0)


def test_a_first_large_index_gets_statistics_and_a_small_change_none(
    sync: Callable[..., Run], databases: Databases, folder: Path
) -> None:
    words = " ".join(f"word{number}." for number in range(3_000))
    (folder / "long.txt").write_text(words)
    sync()
    # The server counts what was written with up to a second's delay; a sync that was faster leaves it to the next.
    deadline = time.monotonic() + 20
    while not _gathered(databases, "index_terms") and time.monotonic() < deadline:
        time.sleep(0.3)
        statistics.refresh(databases.pipeline)
    assert _gathered(databases, "index_terms")
    (folder / "leave.md").write_text("# Leave\n\nEverybody has 26 days of annual leave.\n")
    sync()
    assert statistics.refresh(databases.pipeline) is False
