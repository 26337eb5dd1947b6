"""Tenants: the registry, the lock that lets one run at a time work on a tenant, its change sequence, and alerts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from prodgen_pipeline.core.errors import Busy, NotFound, UsageError
from prodgen_pipeline.storage.database import Database, SessionLock, Transaction

#: Lock spaces of live runs and of backfills; the other half of the key is the tenant.
RUN_LOCK = 7130002
BACKFILL_LOCK = 7130003


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A tenant of the registry."""

    tenant_id: int
    name: str
    created_at: datetime


def add(tx: Transaction, name: str) -> Tenant:
    """Register a tenant; raises UsageError when the name is taken."""
    rows = tx.rows("tenants.add", Tenant, name=name)
    if not rows:
        raise UsageError(f"tenant {name} exists already")
    return rows[0]


def find(tx: Transaction, name: str) -> Tenant:
    """Look a tenant up by name; raises NotFound."""
    rows = tx.rows("tenants.by_name", Tenant, name=name)
    if not rows:
        raise NotFound(
            f"there is no tenant {name}: `prodgen tenant list` names them, `prodgen tenant add {name}` makes it"
        )
    return rows[0]


def list_all(tx: Transaction) -> list[Tenant]:
    """All tenants by name."""
    return tx.rows("tenants.list", Tenant)


def remove(tx: Transaction) -> None:
    """Remove the transaction's tenant with everything it has, its audit log excepted."""
    tx.run("tenants.clear_index")
    tx.run("tenants.remove")


def next_change(tx: Transaction) -> int:
    """Return the next number of the tenant's change sequence."""
    return int(tx.value("tenants.next_change"))


@contextmanager
def run_lock(database: Database, tenant: Tenant, *, wait_seconds: float = 5.0) -> Iterator[SessionLock]:
    """Be the only run of the tenant; raises Busy when another holds it for longer than the wait.

    The server takes a moment to notice that a holder was killed: that much is always waited for.
    """
    with database.session_lock(RUN_LOCK, tenant.tenant_id, wait_seconds=wait_seconds) as lock:
        if not lock.locked:
            raise Busy(f"another run is working on tenant {tenant.name}: wait for it, or see `prodgen status`")
        yield lock


@contextmanager
def backfill_lock(database: Database, tenant: Tenant, *, wait_seconds: float = 5.0) -> Iterator[SessionLock]:
    """Be the only backfill, cut-over or reclaim of the tenant; raises Busy when there is another."""
    with database.session_lock(BACKFILL_LOCK, tenant.tenant_id, wait_seconds=wait_seconds) as lock:
        if not lock.locked:
            raise Busy(
                f"another backfill, cut-over or reclaim is working on tenant {tenant.name}: wait for it, or see "
                f"`prodgen generation list {tenant.name}`"
            )
        yield lock


def raise_alert(
    tx: Transaction, kind: str, subject: str, severity: Literal["info", "warning", "critical"], message: str
) -> None:
    """Open an alert about a subject, or note that the open one still holds."""
    tx.run("alerts.raise", kind=kind, object=subject, severity=severity, message=message)


def resolve_alert(tx: Transaction, kind: str, subject: str) -> None:
    """Close the open alert about a subject, if there is one."""
    tx.run("alerts.resolve", kind=kind, object=subject)
