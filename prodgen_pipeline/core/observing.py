"""When a tenant gets a run: the decisions of the sensor that watches document stores, as values in and values out.

Belongs here: what a difference is worth, patience with what a run did not settle, where a tick goes on. Does not:
listing a store and what is known (lifecycle.watching), the clock and Dagster (defs).
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain

from prodgen_pipeline.core.versioning import Change, ChangeKind

#: A tenant whose last run did not settle what it was asked for waits this long, then twice as long, up to the limit.
FIRST_WAIT_SECONDS = 15.0
LONGEST_WAIT_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a tick's time was over: behind `after` in one source of one tenant."""

    tenant_id: int
    source_id: int
    after: str = ""
    #: Documents that this pass over the source has found to be gone so far.
    n_gone: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The last run that was asked for: why, when (seconds since the epoch), and how often for the same reason."""

    reason: str
    at: float
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """What one tick leaves to the next."""

    position: Position | None = None
    #: By tenant id.
    asked: dict[int, Asked] = field(default_factory=dict)

    def to_json(self) -> str:
        """The form in which Dagster keeps it."""
        return json.dumps(asdict(self), sort_keys=True)


def read_cursor(text: str | None) -> Cursor:
    """Read a cursor; one that is missing, or that another release wrote, is a fresh start."""
    try:
        values = json.loads(text or "{}")
        return Cursor(
            position=Position(**values["position"]) if values.get("position") else None,
            asked={int(tenant): Asked(**each) for tenant, each in values.get("asked", {}).items()},
        )
    except (ValueError, TypeError, AttributeError):
        return Cursor()


def asks_for_run(change: Change) -> bool:
    """Whether this step of a comparison is reason enough for a run, whatever the rest of the listing says.

    A document that is gone is not: only a listing that ended without an error can tell, so the pass decides at its end.
    """
    return change.kind in (ChangeKind.NEW, ChangeKind.TOUCHED)


def pass_asks_for_run(n_gone: int, held_back: int, *, confirmed: bool) -> bool:
    """Whether a complete pass that found nothing new is reason for a run, `n_gone` documents being gone.

    Deletes that the last run held back (`held_back`) are none until a person confirms them or their number is another.
    """
    return n_gone > 0 if confirmed or not held_back else n_gone != held_back


def reason(*parts: object) -> str:
    """Name a reason so that it can be recognised; addresses of documents do not go into Dagster's tables."""
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def ask(before: Asked | None, why: str, now: float) -> Asked | None:
    """Decide to ask for a run; None while the same reason was asked for too short a time ago.

    A run settles what it was asked for. Where it cannot (it fails, a file is listed and cannot be read, a delete is on
    legal hold), asking at every tick would make a run every few seconds for ever.
    """
    if before is None or before.reason != why:
        return Asked(reason=why, at=now)
    if now < before.at + wait_after(before.times):
        return None
    return Asked(reason=why, at=now, times=before.times + 1)


def wait_after(times: int) -> float:
    """Seconds that a reason which was asked for so many times must wait: 15, 30, 60 and so on, 600 at most."""
    return float(min(FIRST_WAIT_SECONDS * 2 ** min(times - 1, 10), LONGEST_WAIT_SECONDS))


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

    Run workers are children of the code server that launched them and end with it. So a run that was launched through
    this server's socket, and was last heard of before this server started (seconds since the epoch), died with its
    predecessor.
    """
    return own_socket is not None and launched_through == own_socket and updated_at < started_at
