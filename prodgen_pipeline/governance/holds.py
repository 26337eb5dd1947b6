"""Legal holds: what lies under one is not deleted, whatever the cause.

Belongs here: placing, releasing, the audit. Does not: what a subject is called in the corpus (lifecycle.erasure), what
a hold keeps (sql/functions/deletion.sql).
"""

from collections.abc import Sequence
from typing import Any

from prodgen_pipeline.core.errors import NotFound, UsageError
from prodgen_pipeline.governance import audit
from prodgen_pipeline.storage import documents, holds, sources
from prodgen_pipeline.storage.database import Transaction


def on_document(tx: Transaction, actor: str, address: str, reason: str) -> int:
    """Hold the document at `URI` or `SOURCE:URI`; returns the hold's id. Raises NotFound, UsageError."""
    row = documents.find(tx, address)
    hold_id = holds.add(tx, "document", _checked(reason), actor, document_id=int(row["document_id"]))
    audit.record(tx, actor, "hold.add", str(hold_id), kind="document", document=row["document_id"])
    return hold_id


def on_source(tx: Transaction, actor: str, name: str, reason: str) -> int:
    """Hold all documents of a source; returns the hold's id. Raises NotFound, UsageError."""
    source = sources.find(tx, name)
    hold_id = holds.add(tx, "source", _checked(reason), actor, source_id=source.source_id)
    audit.record(tx, actor, "hold.add", str(hold_id), kind="source", source=source.source_id)
    return hold_id


def on_subject(
    tx: Transaction, actor: str, key: bytes, reason: str, *, tokens: Sequence[str], naming: Sequence[int]
) -> int:
    """Hold all documents that name somebody, now (`naming`) or later (by `tokens`); returns the hold's id.

    `key` is the keyed hash of what the subject was called. The reason must not name them.
    """
    hold_id = holds.add(
        tx, "subject", _checked(reason), actor, subject_key=key, tokens=sorted(tokens), naming=sorted(naming)
    )
    audit.record(tx, actor, "hold.add", str(hold_id), kind="subject", documents=len(naming), tokens=len(tokens))
    return hold_id


def release(tx: Transaction, actor: str, hold_id: int) -> None:
    """Release a hold; what it alone kept from being removed may go now. Raises NotFound."""
    if not holds.release(tx, hold_id, actor):
        raise NotFound(f"there is no living hold {hold_id}: `prodgen hold list` names them")
    audit.record(tx, actor, "hold.release", str(hold_id))


def list_all(tx: Transaction) -> list[dict[str, Any]]:
    """All holds, oldest first, released ones too."""
    return holds.list_all(tx)


def _checked(reason: str) -> str:
    if not reason.strip():
        raise UsageError("a hold needs a reason")
    return reason
