"""Deleting the rows of generations that live no more, in bounded batches; killed anywhere, it goes on when begun again.

Belongs here: which rows are a generation's own. Does not: which generations may go, and when (lifecycle.reclaiming).
"""

from collections.abc import Callable, Sequence

from prodgen_pipeline.storage.database import Database, Transaction
from prodgen_pipeline.storage.generations import Generation, hold, living
from prodgen_pipeline.storage.vector_index import index_name

#: Documents, and vectors, whose rows one transaction deletes.
BATCH_DOCUMENTS = 200
BATCH_VECTORS = 5_000
_OUTPUTS = ("parsed", "cleaned", "deduped", "redacted", "chunks", "ledger")


def unfinished(tx: Transaction) -> list[Generation]:
    """Generations that live no more and whose rows are not all gone."""
    return tx.rows("reclaiming.unfinished", Generation)


def soaked(tx: Transaction, soak_seconds: float) -> list[Generation]:
    """Generations that have stood by for so long."""
    return tx.rows("reclaiming.soaked", Generation, soak_seconds=soak_seconds)


def has_vector_index(tx: Transaction, generation: Generation) -> bool:
    """Whether there is an approximate index over the generation, complete or not: only the owner can drop one."""
    return bool(tx.value("reclaiming.has_vector_index", name=index_name(tx.tenant_id or 0, generation.generation_id)))


def delete_rows(
    database: Database,
    tenant_id: int,
    generation: Generation,
    *,
    models: Callable[[Sequence[Generation]], list[str]],
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Delete all rows that are this generation's alone; returns the number of documents that were looked at.

    `models` names the models of generations, whose vectors stay.
    """
    after = done = 0
    while True:
        with database.transaction(tenant_id) as tx:
            own = _own_lineages(tx, generation)
            ids = [row["document_id"] for row in tx.dicts("reclaiming.next_documents", after=after, n=BATCH_DOCUMENTS)]
            if not ids:
                break
            _delete_of_documents(tx, generation, own, ids[0], ids[-1])
        after, done = ids[-1], done + len(ids)
        progress(done)
    _delete_term_lists(database, tenant_id, generation)
    _delete_vectors(database, tenant_id, models)
    with database.transaction(tenant_id) as tx:
        tx.run("reclaiming.finish", generation_id=generation.generation_id)
    return done


def _own_lineages(tx: Transaction, generation: Generation) -> list[str]:
    """Lineages that no living generation shares, as things stand in this transaction."""
    shared = {lineage for each in hold(tx) for lineage in each.lineages}
    return [lineage for lineage in generation.lineages if lineage not in shared]


def _delete_of_documents(tx: Transaction, generation: Generation, own: list[str], first: int, last: int) -> None:
    tx.run("reclaiming.delete_entries", generation_id=generation.generation_id, first=first, last=last)
    for part in _OUTPUTS:
        tx.run(f"reclaiming.delete_{part}", lineages=own, first=first, last=last)


def _delete_term_lists(database: Database, tenant_id: int, generation: Generation) -> None:
    names = {"generation_id": generation.generation_id}
    with database.transaction(tenant_id) as tx:
        blocks = [row["block"] for row in tx.dicts("reclaiming.blocks", **names)]
    for block in blocks:
        with database.transaction(tenant_id) as tx:
            tx.run("reclaiming.delete_terms", block=block, **names)
    with database.transaction(tenant_id) as tx:
        tx.run("reclaiming.delete_blocks", **names)
        tx.run("reclaiming.delete_sizes", **names)


def _delete_vectors(database: Database, tenant_id: int, models: Callable[[Sequence[Generation]], list[str]]) -> None:
    deleted = BATCH_VECTORS
    while deleted == BATCH_VECTORS:
        with database.transaction(tenant_id) as tx:
            deleted = tx.run("reclaiming.delete_vectors", models=models(living(tx)), n=BATCH_VECTORS)
