"""When a tenant gets a run: the decisions of the sensor that watches document stores, as values in and values out.

Belongs here: what a comparison means for the next run, back-off after failures, where a tick goes on. Does not: listing
a store (clients), what is known (storage), the clock and Dagster (defs).
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain

from prodgen_pipeline.core.versioning import Change, ChangeKind

#: After the first failed run in a row a tenant waits this long, then twice as long, and so on to the limit.
FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(minutes=10)


class Verdict(StrEnum):
    """What to do about one tenant at one tick."""

    #: Something changed or waits: ask for a run.
    RUN = "run"
    #: A run works on the tenant; what it leaves will be seen at a later tick.
    IN_FLIGHT = "in flight"
    #: The last runs failed: wait before trying again, or a broken tenant would be run every few seconds for ever.
    BACKING_OFF = "backing off"
    IDLE = "idle"


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantState:
    """What a tick knows about a tenant before it looks at its stores."""

    #: Rows of the ledger that wait: a killed run left them, or a person asked for a retry.
    n_pending: int = 0
    in_flight: bool = False
    #: Failed runs since the last one that ended well, and when the latest of them ended.
    n_failures: int = 0
    failed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a tick's time was over: behind `after` in one source of one tenant."""

    tenant_id: int
    source_id: int
    after: str = ""
    #: Documents that this pass over the source has found to be gone so far.
    n_gone: int = 0

    def to_json(self) -> str:
        """The cursor that the next tick gets."""
        return json.dumps(asdict(self), sort_keys=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """What the last run said about a source's deletes."""

    #: Documents that were gone and were kept, because too many were gone at once.
    n_documents: int = 0
    #: A person let them go since.
    confirmed: bool = False


def position(cursor: str | None) -> Position | None:
    """Read a cursor; one that another release wrote starts a fresh pass."""
    if not cursor:
        return None
    try:
        return Position(**json.loads(cursor))
    except (ValueError, TypeError):
        return None


def before_looking(state: TenantState, now: datetime) -> Verdict | None:
    """Decide on a tenant without reading its stores; None where only they can tell."""
    if state.in_flight:
        return Verdict.IN_FLIGHT
    if state.failed_at is not None and now < state.failed_at + wait_after(state.n_failures):
        return Verdict.BACKING_OFF
    return Verdict.RUN if state.n_pending else None


def wait_after(n_failures: int) -> timedelta:
    """How long a tenant is left alone after so many failed runs in a row."""
    if n_failures <= 0:
        return timedelta()
    return min(FIRST_WAIT * 2 ** min(n_failures - 1, 10), LONGEST_WAIT)


def asks_for_run(change: Change, held_back: HeldBack) -> bool:
    """Whether this step of a comparison is reason enough for a run.

    A delete that waits for a person is not: it would be found again at every tick, and every run would hold it back again.
    """
    if change.kind is ChangeKind.GONE:
        return held_back.confirmed or not held_back.n_documents
    return change.kind is not ChangeKind.UNCHANGED


def pass_asks_for_run(n_gone: int, held_back: HeldBack) -> bool:
    """Whether a complete pass without a change is: the deletes that were held back are no longer what they were."""
    return bool(held_back.n_documents) and not held_back.confirmed and n_gone != held_back.n_documents


def resumed(tenant_ids: Sequence[int], at: Position | None) -> list[int]:
    """All tenants, beginning with the one at which the last tick stopped, so that none is starved."""
    if at is None or at.tenant_id not in tenant_ids:
        return list(tenant_ids)
    start = tenant_ids.index(at.tenant_id)
    return list(chain(tenant_ids[start:], tenant_ids[:start]))


def partition_changes(tenants: Iterable[str], partitions: Collection[str]) -> tuple[list[str], list[str]]:
    """Partitions to add and to remove, so that there is one a tenant."""
    wanted = set(tenants)
    return sorted(wanted - set(partitions)), sorted(set(partitions) - wanted)


def worker_is_gone(launched_through: str | None, own_socket: str | None, updated_at: float, started_at: float) -> bool:
    """Whether a run that counts as running can have no process any more.

    Run workers are children of the code server that launched them and end with it. So a run that was launched through this
    server's socket, and was last heard of before this server started (seconds since the epoch), died with its predecessor.
    """
    return own_socket is not None and launched_through == own_socket and updated_at < started_at
