"""Looking for the first sign that a tenant needs a run, without holding its lock and without reading a document.

Belongs here: what the sensor reads from stores and tables. Does not: what it means (core.observing), acting on it
(observation, which a run calls), asking Dagster for the run (defs).
"""

from collections.abc import Callable
from dataclasses import dataclass

from prodgen_pipeline.clients.document_stores import open_store
from prodgen_pipeline.core.errors import SourceUnavailable, UsageError
from prodgen_pipeline.core.observing import Position, asks_for_run, pass_asks_for_run, reason
from prodgen_pipeline.core.versioning import ChangeKind, changes
from prodgen_pipeline.lifecycle import suppression
from prodgen_pipeline.lifecycle.suppression import Secret, Suppressed
from prodgen_pipeline.storage import documents, observing, sources, tenants
from prodgen_pipeline.storage.database import Database
from prodgen_pipeline.storage.sources import Source
from prodgen_pipeline.storage.tenants import Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a look at one tenant found; at most one of the first three says something."""

    #: A run works on it, whoever started it.
    locked: bool = False
    #: Why it needs a run, None where it does not.
    why: str | None = None
    #: Where the time was over.
    stopped_at: Position | None = None


def look(
    database: Database,
    tenant: Tenant,
    *,
    at: Position | None,
    out_of_time: Callable[[], bool],
    secret: Callable[[], Secret] | None = None,
) -> Seen:
    """Look until the first difference, the end, or the end of the time; at least one entry is looked at.

    `at` is where an earlier look at this tenant stopped. A store that fails is reported and does not keep the others
    from being looked at. `secret` makes the tenant's secrets where something is suppressed; without it a file that is
    not to be taken asks for runs like any new one.
    """
    with database.transaction(tenant.tenant_id) as tx:
        standing = observing.standing(tx)
        known = sources.list_all(tx)
    if standing.locked:
        return Seen(locked=True)
    if standing.n_pending:
        return Seen(why=reason("pending", standing.n_pending))
    ids = [source.source_id for source in known]
    first = ids.index(at.source_id) if at is not None and at.source_id in ids else 0
    for source in known[first:]:
        here = at if at is not None and at.source_id == source.source_id else None
        suppressed = _suppressed(database, tenant, source, secret)
        seen = _look_at(database, tenant, source, here, out_of_time, suppressed)
        if seen.why or seen.stopped_at:
            return seen
    return Seen()


def _suppressed(
    database: Database, tenant: Tenant, source: Source, secret: Callable[[], Secret] | None
) -> Suppressed | None:
    if secret is None:
        return None
    with database.transaction(tenant.tenant_id) as tx:
        return suppression.load(tx, source.source_id, secret)


def _look_at(
    database: Database,
    tenant: Tenant,
    source: Source,
    at: Position | None,
    out_of_time: Callable[[], bool],
    suppressed: Suppressed | None,
) -> Seen:
    after, n_gone = (at.after, at.n_gone) if at else ("", 0)
    try:
        store = open_store(source.uri, include=source.include, exclude=source.exclude)
        known = documents.known(database, tenant.tenant_id, source.source_id, after=after)
        for change in changes(store.listing(after), known):
            # What an erasure or a retention took may still be offered: no reason for a run.
            if asks_for_run(change) and not suppression.is_refused(change, suppressed):
                sign = change.listed.sign if change.listed else ""
                return Seen(why=reason(change.kind.value, source.source_id, change.uri, sign))
            n_gone += change.kind is ChangeKind.GONE
            if out_of_time():
                position = Position(
                    tenant_id=tenant.tenant_id, source_id=source.source_id, after=change.uri, n_gone=n_gone
                )
                return Seen(stopped_at=position)
    except (SourceUnavailable, UsageError) as error:
        _record(database, tenant, source, str(error))
        return Seen()
    if source.error is not None:
        _record(database, tenant, source, None)
    if pass_asks_for_run(n_gone, source.held_back, confirmed=source.delete_confirmed):
        return Seen(why=reason("gone", source.source_id, n_gone, source.delete_confirmed))
    return Seen()


def _record(database: Database, tenant: Tenant, source: Source, error: str | None) -> None:
    """Say that a source fails, or that it no longer does; both without a run, which could do nothing about it."""
    with database.transaction(tenant.tenant_id) as tx:
        if error != source.error:
            sources.record_listing(
                tx, source.source_id, complete=error is None, error=error, held_back=source.held_back,
                confirmation_spent=False,
            )  # fmt: skip
        if error is None:
            tenants.resolve_alert(tx, "listing_failed", f"source:{source.name}")
        else:
            tenants.raise_alert(tx, "listing_failed", f"source:{source.name}", "warning", error)
