"""One backfill of the tenant `acme` in a process of its own, for tests that kill it: backfill_once.py DSN OWNER HOME"""

import sys
import uuid
from pathlib import Path

from prodgen_pipeline.lifecycle.backfill import backfill, open_backfill
from prodgen_pipeline.settings import load_settings
from prodgen_pipeline.storage import tenants
from prodgen_pipeline.storage.database import Database

SETTINGS = {
    "PRODGEN_LOCAL__BATCH_DOCUMENTS": "3",
    "PRODGEN_CHUNKING__MAX_TOKENS": "24",
    "PRODGEN_CHUNKING__MIN_TOKENS": "4",
    "PRODGEN_CHUNKING__HEADING_TOKENS": "4",
    "PRODGEN_BACKFILL__PAUSE_SHARE": "0",
    "PRODGEN_BACKFILL__WAIT_SECONDS": "0",
}


def main(dsn: str, owner: str, home: str) -> None:
    settings = load_settings({"PRODGEN_HOME": home, **SETTINGS}, working_folder=Path(home))
    with Database(dsn, "prodgen_pipeline", owner=owner) as database:
        with database.transaction() as tx:
            tenant = tenants.find(tx, "acme")
        with open_backfill(settings, database, tenant, run_id=uuid.uuid4().hex, actor="test") as run:
            backfill(run)
    print("done", run.chunks_embedded)


if __name__ == "__main__":
    main(*sys.argv[1:])
