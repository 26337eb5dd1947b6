"""The process that `bench backfill` watches: one backfill with its cut-over, as `prodgen backfill --cutover` does it.

Belongs here: nothing but that. Settings come pickled on standard input, counts go pickled to standard output, both
to and from the process that started this one.
"""

import pickle
import sys
import uuid

from prodgen_pipeline.lifecycle.backfill import backfill, open_backfill
from prodgen_pipeline.lifecycle.cutover import cut_over
from prodgen_pipeline.lifecycle.pacing import lower_priority
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import tenants
from prodgen_pipeline.storage.connection import open_databases


def main() -> None:
    """Run the backfill."""
    lower_priority()
    settings, name = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by the process that started this one
    sys.stdout.buffer.write(pickle.dumps(_backfill(settings, name)))


def _backfill(settings: Settings, name: str) -> dict[str, object]:
    with open_databases(settings) as databases:
        with databases.pipeline.transaction() as tx:
            tenant = tenants.find(tx, name)
        with open_backfill(settings, databases.pipeline, tenant, run_id=uuid.uuid4().hex, actor="benchmark") as run:
            backfill(run)
            done = cut_over(run)
    return {
        "checks": {each.name: each.passed for each in done.checks},
        "generation": done.release.generation_id if done.release else None,
        "chunks_embedded": run.chunks_embedded,
        "chunks_reused": run.chunks_reused,
    }


if __name__ == "__main__":
    main()
