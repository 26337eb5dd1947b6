"""The process whose cost `bench index` measures: one sync of one tenant, as `prodgen sync` does it.

Belongs here: nothing but that. Settings come pickled on standard input, counts go pickled to standard output, both
to and from the process that started this one.
"""

import pickle
import sys
import time
import uuid

from prodgen_pipeline.lifecycle.pins import RAW
from prodgen_pipeline.lifecycle.sync import open_run, sync_tenant
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import tenants
from prodgen_pipeline.storage.connection import open_databases


class _StageClock:
    """Attributes wall time to the stage that reports progress next."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def __call__(self, stage: str, done: int, waiting: int) -> None:
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now


def main() -> None:
    """Run the sync."""
    settings, name = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by the process that started this one
    sys.stdout.buffer.write(pickle.dumps(_sync(settings, name)))


def _sync(settings: Settings, name: str) -> dict[str, object]:
    clock = _StageClock()
    with open_databases(settings) as databases:
        with databases.pipeline.transaction() as tx:
            tenant = tenants.find(tx, name)
        with open_run(
            settings,
            databases.pipeline,
            tenant,
            run_id=uuid.uuid4().hex,
            kind="sync",
            actor="benchmark",
            progress=clock,
        ) as run:
            sync_tenant(run)
    return {
        "n_documents": run.counts[RAW].done,
        "n_quarantined": sum(counts.quarantined for counts in run.counts.values()),
        "chunks_embedded": run.chunks_embedded,
        "chunks_reused": run.chunks_reused,
        "stage_seconds": clock.seconds,
    }


if __name__ == "__main__":
    main()
