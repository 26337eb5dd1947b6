"""How fast a backfill may go: it rests after every batch, and live work of its tenant goes first.

Belongs here: when the next batch may begin. Does not: what a batch is (engine).
"""

import os
import time
from collections.abc import Callable

from prodgen_pipeline.settings import Backfill
from prodgen_pipeline.storage import observing
from prodgen_pipeline.storage.database import Database
from prodgen_pipeline.storage.tenants import Tenant

#: Added to the niceness of a process that backfills: searches and live runs get the processor first.
NICENESS = 10
_POLL_SECONDS = 0.2
#: How long rows that wait for a live run are waited for while no run is there: between two assets, or before a sensor's
#: run begins. Where none comes, nobody syncs this tenant now.
_PATIENCE_SECONDS = 15.0


class Pace:
    """Called before every batch of one backfill."""

    def __init__(
        self,
        database: Database,
        tenant: Tenant,
        limits: Backfill,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._tenant = tenant
        self._limits = limits
        self._sleep = sleep
        self._clock = clock
        self._patience = _PATIENCE_SECONDS

    def __call__(self, worked_seconds: float) -> None:
        """Rest for a share of the time that the last batch took, then let live work go first, for a bounded time."""
        self._sleep(worked_seconds * self._limits.pause_share)
        deadline = self._clock() + self._limits.wait_seconds
        while self._clock() < deadline and self._live_work_is_there():
            self._sleep(_POLL_SECONDS)

    def _live_work_is_there(self) -> bool:
        with self._database.transaction(self._tenant.tenant_id) as tx:
            standing = observing.standing(tx)
        if standing.locked:
            self._patience = _PATIENCE_SECONDS
            return True
        if not standing.n_pending or self._patience <= 0:
            return False
        self._patience -= _POLL_SECONDS
        return True


def lower_priority() -> None:
    """Let this process and workers that it starts give way to others, for good: for processes that only backfill."""
    os.nice(max(0, NICENESS - os.nice(0)))
