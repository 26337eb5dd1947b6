"""Taking documents out altogether: bytes of every version, text of every stage, vectors that nobody else needs.

Belongs here: what a retention or an erasure takes, and removals that waited for a hold. Does not: what a store's own
delete takes, which keeps raw versions (observation), whether a document may go (sql/functions/deletion.sql).
"""

from collections.abc import Collection, Sequence

from prodgen_pipeline.clients.object_store import ObjectStore
from prodgen_pipeline.governance import audit
from prodgen_pipeline.lifecycle.deduplication import hand_over_to_copies
from prodgen_pipeline.lifecycle.pins import DEDUPED, pins_of
from prodgen_pipeline.storage import documents, erasure, generations, holds, index
from prodgen_pipeline.storage.database import Database, Transaction
from prodgen_pipeline.storage.erasure import Version

#: Documents of one transaction: each rewrites the term lists of its blocks.
BATCH_DOCUMENTS = 100


def leave_index(tx: Transaction, document_ids: Sequence[int]) -> None:
    """Let searches not find documents any more, in any living generation; their copies take over what they served."""
    living = generations.hold(tx)
    for pin in pins_of(living, DEDUPED):
        hand_over_to_copies(tx, pin, document_ids)
    index.remove_documents(tx, [each.generation_id for each in living], document_ids)


def hide(tx: Transaction, document_ids: Sequence[int], cause: holds.Cause, erasure_id: str | None = None) -> None:
    """Keep held documents where nobody finds them, to be removed when the last hold goes."""
    generations.hold(tx)
    holds.pin_subjects(tx, document_ids)
    leave_index(tx, document_ids)
    holds.hide(tx, document_ids, cause, erasure_id)


def delete_objects(database: Database, tenant_id: int, objects: ObjectStore, wanted: Collection[Version]) -> int:
    """Delete the bytes of versions that no other version needs; the rows that name them stay until that is done."""
    with database.transaction(tenant_id) as tx:
        keys = erasure.objects(tx, wanted)
    n_deleted = sum(objects.delete(key) for key in keys)
    with database.transaction(tenant_id) as tx:
        tx.run("erasure.forget_raw", **erasure.pairs(wanted))
    return n_deleted


def purge(database: Database, tenant_id: int, objects: ObjectStore, document_ids: Sequence[int]) -> dict[str, int]:
    """Take documents out altogether, in bounded transactions; killed anywhere, it goes on when begun again.

    The caller has asked whether they may go. Returns counts by kind.
    """
    counts = {"documents": 0, "versions": 0, "objects": 0}
    for at in range(0, len(document_ids), BATCH_DOCUMENTS):
        batch = list(document_ids[at : at + BATCH_DOCUMENTS])
        with database.transaction(tenant_id) as tx:
            leave_index(tx, batch)
            documents.remove(tx, batch)
            wanted = {(row.document_id, row.version) for row in erasure.versions(tx, batch)}
        counts["objects"] += delete_objects(database, tenant_id, objects, wanted)
        with database.transaction(tenant_id) as tx:
            counts["documents"] += tx.run("erasure.delete_documents", document_ids=batch)
        counts["versions"] += len(wanted)
    with database.transaction(tenant_id) as tx:
        counts["vectors"] = tx.run("erasure.orphan_vectors")
    return counts


def finish_deferred(database: Database, tenant_id: int, objects: ObjectStore, actor: str) -> dict[str, int]:
    """Remove what no hold is in the way of any more; returns how many documents by cause.

    Needs the tenant's lock. A source's own delete keeps raw versions, as ever; the others take everything.
    """
    with database.transaction(tenant_id) as tx:
        due = holds.due(tx)
    done: dict[str, int] = {}
    by_cause = {cause: [each.document_id for each in due if each.cause == cause] for cause in {d.cause for d in due}}
    for cause, ids in sorted(by_cause.items()):
        if cause == "source_delete":
            with database.transaction(tenant_id) as tx:
                documents.remove(tx, ids)
                holds.forget_deferred(tx, ids)
        else:
            purge(database, tenant_id, objects, ids)
        with database.transaction(tenant_id) as tx:
            erasures = sorted({each.erasure_id for each in due if each.cause == cause and each.erasure_id})
            audit.record(
                tx, actor, "documents.delete", "after hold", cause=cause, documents=len(ids), erasures=erasures
            )
        done[cause] = len(ids)
    return done
