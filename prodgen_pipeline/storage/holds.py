"""Legal holds, and removals that wait for the last of them to go.

Belongs here: rows. Does not: whether a hold keeps a document (sql/functions/deletion.sql), what a removal takes with it
(lifecycle.purging), the audit (governance.holds).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from prodgen_pipeline.storage.database import Transaction

Kind = Literal["document", "subject", "source"]
Cause = Literal["source_delete", "retention", "erasure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """A removal that waited for a hold."""

    document_id: int
    cause: Cause
    erasure_id: str | None


def add(
    tx: Transaction,
    kind: Kind,
    reason: str,
    actor: str,
    *,
    document_id: int | None = None,
    source_id: int | None = None,
    subject_key: bytes | None = None,
    tokens: Sequence[str] = (),
    naming: Sequence[int] = (),
) -> int:
    """Place a hold and return its id; `naming` are documents that name its subject now."""
    hold_id = int(
        tx.value(
            "holds.add", kind=kind, reason=reason, actor=actor, document_id=document_id, source_id=source_id,
            subject_key=subject_key, tokens=list(tokens),
        )
    )  # fmt: skip
    if naming:
        tx.run("holds.add_documents", hold_id=hold_id, document_ids=list(naming))
    return hold_id


def release(tx: Transaction, hold_id: int, actor: str) -> bool:
    """Release a hold; returns whether there was a living one of that id."""
    return tx.value("holds.release", hold_id=hold_id, actor=actor) is not None


def list_all(tx: Transaction) -> list[dict[str, Any]]:
    """All holds, released ones too, with the number of removals that wait for each."""
    return tx.dicts("holds.list")


def held(tx: Transaction, document_ids: Sequence[int]) -> list[int]:
    """Those of the documents on which a hold lies."""
    return [row["document_id"] for row in tx.dicts("holds.held", document_ids=list(document_ids))]


def n_held(tx: Transaction, source: str | None) -> int:
    """How many documents of a source, or of the tenant, a hold keeps; hidden ones count."""
    return int(tx.value("holds.n_held_of_source", source=source))


def pin_subjects(tx: Transaction, document_ids: Sequence[int]) -> None:
    """Let holds on subjects stay on documents whose text is about to be handed to their copies."""
    tx.run("holds.pin_subject_holds", document_ids=list(document_ids))


def hide(tx: Transaction, document_ids: Sequence[int], cause: Cause, erasure_id: str | None = None) -> None:
    """Keep documents where nobody finds them until the last hold goes. Their index entries must be gone already."""
    tx.run("documents.delete_deduped", document_ids=list(document_ids))
    tx.run("documents.delete_ledger", document_ids=list(document_ids))
    tx.run("holds.hide", document_ids=list(document_ids))
    tx.run("holds.defer", document_ids=list(document_ids), cause=cause, erasure_id=erasure_id)


def due(tx: Transaction) -> list[Deferred]:
    """Removals that nothing is in the way of any more."""
    return tx.rows("holds.due", Deferred)


def forget_deferred(tx: Transaction, document_ids: Sequence[int]) -> None:
    """What waited is done."""
    tx.run("holds.forget_deferred", document_ids=list(document_ids))
