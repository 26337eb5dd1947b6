"""The ledger: per stage, lineage and document, what was made from what, what waits, and what failed.

A stage's commit writes the due rows of the next stage in the same transaction; nothing else decides what runs.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from prodgen_pipeline.core.errors import DocumentRejected
from prodgen_pipeline.storage.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A stage of a lineage: where a row of the ledger stands."""

    stage: str
    lineage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A document version that waits before a stage, with the hash of its input."""

    document_id: int
    version: int
    input_hash: str
    #: Bytes before parsing, characters after.
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a stage made of a due row."""

    due: Due
    output_hash: str
    #: Characters of the output.
    size: int


def next_batch(tx: Transaction, place: Place, *, max_documents: int, max_size: int) -> list[Due]:
    """The rows that became due first, at least one if any waits."""
    return tx.rows(
        "ledger.due", Due, stage=place.stage, lineage=place.lineage, max_documents=max_documents, max_size=max_size
    )


def count_due(tx: Transaction, place: Place) -> int:
    """How many documents wait before a stage."""
    return int(tx.value("ledger.count_due", stage=place.stage, lineage=place.lineage))


def still_due(tx: Transaction, place: Place, batch: Sequence[Due]) -> set[int]:
    """Documents of the batch that wait as they did when it was taken; their rows stay locked until the commit."""
    rows = tx.dicts(
        "ledger.still_due", stage=place.stage, lineage=place.lineage,
        document_ids=[each.document_id for each in batch], versions=[each.version for each in batch],
        hashes=[each.input_hash for each in batch],
    )  # fmt: skip
    return {row["document_id"] for row in rows}


def n_pending(tx: Transaction) -> int:
    """How many rows wait for a live run; what waits for a backfill does not count."""
    return int(tx.value("ledger.pending"))


def mark_done(tx: Transaction, place: Place, done: Sequence[Done], run_id: str) -> None:
    """Record successes; what was due there is due no more."""
    tx.run(
        "ledger.done", stage=place.stage, lineage=place.lineage, run_id=run_id,
        document_ids=[each.due.document_id for each in done], versions=[each.due.version for each in done],
        input_hashes=[each.due.input_hash for each in done], output_hashes=[each.output_hash for each in done],
    )  # fmt: skip


def mark_failed(tx: Transaction, place: Place, due: Due, rejected: DocumentRejected, run_id: str) -> None:
    """Quarantine a version before a stage; what was made of earlier versions stays."""
    tx.run(
        "ledger.failed", stage=place.stage, lineage=place.lineage, document_id=due.document_id, version=due.version,
        input_hash=due.input_hash, size=due.size, reason=rejected.reason, message=str(rejected), run_id=run_id,
    )  # fmt: skip


def mark_due(tx: Transaction, place: Place, due: Sequence[Due]) -> set[int]:
    """Let versions wait before a stage; returns the documents that now wait.

    A document whose input is what the stage was last made from is cut off: it does not wait, and is not returned.
    """
    if not due:
        return set()
    waiting = tx.rows(
        "ledger.mark_due", _Waiting, stage=place.stage, lineage=place.lineage,
        document_ids=[each.document_id for each in due], versions=[each.version for each in due],
        hashes=[each.input_hash for each in due], sizes=[each.size for each in due],
    )  # fmt: skip
    ids = {each.document_id for each in waiting}
    cut_off = [each.document_id for each in due if each.document_id not in ids]
    if cut_off:
        tx.run("ledger.cut_off", stage=place.stage, lineage=place.lineage, document_ids=cut_off)
    return ids


def clear_failure(tx: Transaction, place: Place, document_id: int) -> None:
    """What failed at a place is fine now."""
    tx.run("ledger.cut_off", stage=place.stage, lineage=place.lineage, document_ids=[document_id])


def adopt(tx: Transaction, document_id: int, version: int, later_lineages: Collection[str]) -> bool:
    """After a cut-off, carry on under the new version's number what later stages hold; returns whether any did."""
    return tx.run("ledger.adopt_waiting", document_id=document_id, version=version, later=list(later_lineages)) > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    document_id: int
