"""Taking a source or a tenant away: under the tenant's lock, and only what may be deleted.

Belongs here: the order of the steps, which both commands share. Does not: whether a document may go and what its copies
inherit (lifecycle.observation, sql/functions/deletion.sql).
"""

from typing import TYPE_CHECKING, Literal

from prodgen_pipeline.core.errors import NotAllowed

if TYPE_CHECKING:
    from prodgen_pipeline.cli.session import Session
    from prodgen_pipeline.storage.database import Transaction
    from prodgen_pipeline.storage.tenants import Tenant


def remove_source(session: "Session", tenant: "Tenant", name: str) -> int:
    """Remove a source with its documents; returns how many there were.

    Raises NotFound, Busy while a run has the tenant, NotAllowed when documents must stay (nothing is removed then).
    """
    from prodgen_pipeline.governance import audit
    from prodgen_pipeline.storage import sources, tenants

    database = session.databases.pipeline
    with tenants.run_lock(database, tenant), database.transaction(tenant.tenant_id) as tx:
        sources.find(tx, name)
        n_removed = _remove_documents(tx, name, "source_removed")
        sources.remove(tx, name)
        tenants.resolve_alert(tx, "listing_failed", f"source:{name}")
        tenants.resolve_alert(tx, "mass_delete_held_back", f"source:{name}")
        audit.record(tx, session.actor_name, "source.remove", name, documents=n_removed)
    return n_removed


def remove_tenant(session: "Session", tenant: "Tenant") -> int:
    """Remove a tenant with everything but its audit log; returns how many documents it had.

    Raises Busy and NotAllowed as `remove_source` does. The raw bytes go last: what no row names any more harms nobody.
    """
    from prodgen_pipeline.clients.object_store import ObjectStore
    from prodgen_pipeline.governance import audit
    from prodgen_pipeline.lifecycle.sync import object_store_url
    from prodgen_pipeline.storage import generations, tenants, vector_index

    database = session.databases.pipeline
    with tenants.run_lock(database, tenant), tenants.backfill_lock(database, tenant):
        with database.transaction(tenant.tenant_id) as tx:
            indexed = [each["generation_id"] for each in generations.list_all(tx) if each["vector_index_at"]]
        for generation in indexed:
            vector_index.drop(database, tenant.tenant_id, generation)
        with database.transaction(tenant.tenant_id) as tx:
            n_removed = _remove_documents(tx, None, "tenant_removed")
            audit.record(tx, session.actor_name, "tenant.remove", tenant.name, documents=n_removed)
            tenants.remove(tx)
    ObjectStore(object_store_url(session.settings)).remove_tenant(tenant.tenant_id)
    return n_removed


def _remove_documents(tx: "Transaction", source: str | None, cause: Literal["source_removed", "tenant_removed"]) -> int:
    from prodgen_pipeline.lifecycle.observation import remove_documents
    from prodgen_pipeline.storage import documents, holds

    # Held documents that are hidden already are not listed as living, and would go with their source.
    if n_held := holds.n_held(tx, source):
        raise NotAllowed(f"{n_held} documents are on legal hold; nothing was removed: `prodgen hold list` says why")
    rows = documents.list_all(tx, source=source)
    living = [int(row["document_id"]) for row in rows if row["state"] != "deleted"]
    removed = remove_documents(tx, living, cause)
    if len(removed) < len(living):
        raise NotAllowed(f"{len(living) - len(removed)} of {len(living)} documents must be kept; nothing was removed")
    return len(removed)
