"""The embedded PostgreSQL: commands lease it, a small supervisor process runs it and ends it when nobody needs it.

Belongs here: everything between the wheel's binaries and a connection address. Does not: SQL, roles, migrations, pools
(the rest of `storage`), and servers that somebody else runs (`PRODGEN_DATABASE_URL`).

    with lease(home) as server:
        psycopg.connect(server.dsn("postgres", OWNER))

A command calls `lease`, which asks the `supervisor` through `control`; that one hears it through `conversations` and
drives the `server` (made, started, watched, stopped), with `cluster` (command lines), `child` and `privileges` (running
them), `processes`, `orphans` and `readiness` (what is alive, and whose). `places` and `binaries` say where things are.
"""

from prodgen_pipeline.storage.embedded.binaries import run_program
from prodgen_pipeline.storage.embedded.cluster import OWNER
from prodgen_pipeline.storage.embedded.control import Report, State
from prodgen_pipeline.storage.embedded.lease import EmbeddedServer, lease, status, stop

__all__ = ["OWNER", "EmbeddedServer", "Report", "State", "lease", "run_program", "status", "stop"]
