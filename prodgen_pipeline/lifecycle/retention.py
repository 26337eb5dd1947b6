"""Retention: documents older than their source or tenant keeps them go, with all made of them; so do old sessions.

Belongs here: applying it to one tenant. Does not: how old is too old (sql/functions/deletion.sql), what goes with a
document (purging), when it is applied (defs.retention). A document's age counts from the time that its store says of
the newest version, or from when that was seen. What a store still offers is not taken in again until it changes there.
"""

from dataclasses import dataclass, replace

from prodgen_pipeline.clients.object_store import ObjectStore
from prodgen_pipeline.governance import audit
from prodgen_pipeline.governance.secrets import run_secrets
from prodgen_pipeline.lifecycle import purging, suppression
from prodgen_pipeline.lifecycle.sync import object_store_url
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import erasure, sessions, tenants
from prodgen_pipeline.storage.database import Database, Transaction
from prodgen_pipeline.storage.erasure import Expired, Suppression
from prodgen_pipeline.storage.tenants import Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What retention did, or in a dry run would do."""

    #: Documents that go, and those that a hold keeps.
    going: list[Expired]
    held: list[Expired]
    #: Rows and objects that went, by kind; empty in a dry run.
    removed: dict[str, int]
    #: Turns of conversations in which nothing was said for too long.
    n_turns: int = 0


def plan(settings: Settings, database: Database, tenant: Tenant) -> Applied:
    """What is past its retention now; changes nothing."""
    with database.transaction(tenant.tenant_id) as tx:
        expired = erasure.expired(tx)
        n_turns = sessions.expiring(tx, days=settings.sessions.retention_days)
    going, held = [e for e in expired if not e.held], [e for e in expired if e.held]
    return Applied(going=going, held=held, removed={}, n_turns=n_turns)


def apply(settings: Settings, database: Database, tenant: Tenant, *, actor: str) -> Applied:
    """Remove what is past its retention; hide what a hold keeps. Raises Busy while a run has the tenant."""
    with tenants.run_lock(database, tenant), tenants.backfill_lock(database, tenant):
        planned = plan(settings, database, tenant)
        if planned.n_turns:
            with database.transaction(tenant.tenant_id) as tx:
                n_turns = sessions.expire(tx, days=settings.sessions.retention_days)
                audit.record(tx, actor, "retention.sessions", tenant.name, turns=n_turns)
        if not planned.going and not planned.held:
            return planned
        secret = run_secrets(settings, database, tenant.tenant_id)(suppression.PURPOSE)
        going, held = [e.document_id for e in planned.going], [e.document_id for e in planned.held]
        with database.transaction(tenant.tenant_id) as tx:
            if held:
                purging.hide(tx, held, "retention")
            _suppress_offers(tx, secret, [*going, *held])
            audit.record(tx, actor, "retention.apply", tenant.name, documents=len(going), held=len(held))
        objects = ObjectStore(object_store_url(settings))
        removed = purging.purge(database, tenant.tenant_id, objects, going)
    return replace(planned, removed=removed)


def release_due(settings: Settings, database: Database, tenant: Tenant, *, actor: str) -> dict[str, int]:
    """Remove what waited for holds that are gone; returns how many documents by cause. Raises Busy."""
    with tenants.run_lock(database, tenant), tenants.backfill_lock(database, tenant):
        objects = ObjectStore(object_store_url(settings))
        return purging.finish_deferred(database, tenant.tenant_id, objects, actor)


def set_days(tx: Transaction, tenant: Tenant, days: int | None, *, actor: str) -> None:
    """Say how long the tenant keeps documents of sources that say nothing themselves; None: for ever."""
    tx.run("erasure.set_retention", days=days)
    audit.record(tx, actor, "retention.set", tenant.name, days=days)


def _suppress_offers(tx: Transaction, secret: bytes, document_ids: list[int]) -> None:
    offers = []
    for each in erasure.leaving(tx, document_ids):
        marks = suppression.Suppressed(source_id=each.source_id, secret=secret, keys={}, lengths=set())
        offers.append(Suppression(kind="offer", key=marks.offer_key(each.uri, each.sign), source_id=each.source_id))
    erasure.suppress(tx, offers, "retention")
