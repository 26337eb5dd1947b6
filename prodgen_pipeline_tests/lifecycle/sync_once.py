"""One sync of the tenant `acme` in a process of its own, for tests that kill it: sync_once.py DSN HOME."""

import sys
import uuid
from pathlib import Path

from prodgen_pipeline.lifecycle.sync import open_run, sync_tenant
from prodgen_pipeline.settings import load_settings
from prodgen_pipeline.storage import tenants
from prodgen_pipeline.storage.database import Database

SETTINGS = {
    "PRODGEN_LOCAL__BATCH_DOCUMENTS": "3",
    "PRODGEN_LOCAL__WORKERS": "1",
    # One key for all homes, so that equal values get equal pseudonyms.
    "PRODGEN_MASTER_KEY": "0123456789abcdef0123456789abcdef",
}


def main(dsn: str, home: str) -> None:
    settings = load_settings({"PRODGEN_HOME": home, **SETTINGS}, working_folder=Path(home))
    with Database(dsn, "prodgen_pipeline") as database:
        with database.transaction() as tx:
            tenant = tenants.find(tx, "acme")
        with open_run(settings, database, tenant, run_id=uuid.uuid4().hex, kind="sync", actor="test") as run:
            sync_tenant(run)
    print("done")


if __name__ == "__main__":
    main(*sys.argv[1:])
