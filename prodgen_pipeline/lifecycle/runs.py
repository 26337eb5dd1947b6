"""What one run of the lifecycle has at hand, and what it counts."""

from collections.abc import Callable
from dataclasses import dataclass, field

from prodgen_pipeline.lifecycle.pool import WorkerPool
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage.database import Database
from prodgen_pipeline.storage.tenants import Tenant


@dataclass(slots=True, kw_only=True)
class StageCounts:
    """What a stage did in a run, in documents."""

    done: int = 0
    #: Read again and found equal: the wave stopped here.
    unchanged: int = 0
    removed: int = 0
    quarantined: int = 0

    def add(self, other: "StageCounts") -> None:
        """Add another batch's counts."""
        self.done += other.done
        self.unchanged += other.unchanged
        self.removed += other.removed
        self.quarantined += other.quarantined


@dataclass(slots=True, kw_only=True)
class Run:
    """One run over one tenant, holding the tenant's lock for live runs or for backfills."""

    run_id: str
    tenant: Tenant
    actor: str
    database: Database
    settings: Settings
    pool: WorkerPool
    #: The tenant's secrets, derived from the master key by purpose.
    secret: Callable[[str], bytes]
    object_store_url: str
    #: Raises DatabaseUnavailable when the tenant's lock was lost: another run may have begun.
    still_mine: Callable[[], None]
    #: Called before every batch with the seconds that the last one took: a backfill pauses here.
    before_batch: Callable[[float], None] = lambda worked_seconds: None
    #: Told (stage, documents done, documents known to wait).
    progress: Callable[[str, int, int], None] = lambda stage, done, waiting: None
    counts: dict[str, StageCounts] = field(default_factory=dict)
    chunks_embedded: int = 0
    chunks_reused: int = 0
    #: Paid to a model endpoint.
    usd: float = 0.0

    def count(self, stage: str, counts: StageCounts) -> None:
        """Add to a stage's counts."""
        self.counts.setdefault(stage, StageCounts()).add(counts)
