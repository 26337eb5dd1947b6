"""What must hold in the tables, counted: the statements behind the asset checks and their tables of figures.

Belongs here: counting. Does not: what a count means for a run (defs). No statement returns document text, but for the
one by which chunks are compared with the text that they were cut from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prodgen_pipeline.storage.database import Transaction
from prodgen_pipeline.storage.ledger import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounted:
    """Rows in = rows out + rows explained, for one stage of one lineage, in documents."""

    n_in: int
    #: Copies end at deduplication and do not go on.
    n_copies: int
    n_done: int
    n_quarantined: int
    n_due: int
    #: Must be 0.
    n_unexplained: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RawVersions:
    """Living documents, and those among them whose newest version is not recorded (must be 0)."""

    n_documents: int
    n_missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Canonicals:
    """Copies, and those among them whose canonical document is gone or a copy itself (must be 0)."""

    n_copies: int
    n_orphans: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkShape:
    """Chunks of current versions; sizes in word pieces of the embedding model."""

    n_chunks: int
    n_documents: int
    max_tokens: int
    mean_tokens: int
    n_too_long: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexMatch:
    """A generation's index against what is said to be served; the last four must be 0."""

    n_entries: int
    n_served: int
    n_served_not_indexed: int
    n_indexed_not_served: int
    n_miscounted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFaults:
    """Entries of a generation, and those among them that are not as they must be; all but the first must be 0."""

    n_entries: int
    n_without_document: int
    n_without_chunk: int
    n_wrong_dimensions: int
    n_not_unit: int
    #: Readable by others than its document.
    n_wrong_rights: int
    #: Documents with entries of two versions.
    n_mixed_documents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFaults:
    """Term lists of a generation that differ from its entries; all must be 0."""

    n_listed_without_entry: int
    n_entries_not_listed: int
    n_wrong_lengths: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CountFaults:
    """Counts beside the index that differ from it, in sets of readers and in blocks; all must be 0."""

    n_wrong_sizes: int
    n_wrong_blocks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkSpan:
    """A chunk's text and its place in the redacted document's."""

    document_id: int
    chunk_id: int
    text: str
    start_char: int
    end_char: int


def accounted(tx: Transaction, place: Place, previous: Place | None) -> Accounted:
    """Count a stage against the stage before it, or, for the first, against the living documents."""
    if previous is None:
        rows = tx.rows("checks.observed_conservation", Accounted, stage=place.stage, lineage=place.lineage)
    else:
        rows = tx.rows(
            "checks.conservation", Accounted, stage=place.stage, lineage=place.lineage,
            previous_stage=previous.stage, previous_lineage=previous.lineage,
        )  # fmt: skip
    return rows[0]


def raw_versions(tx: Transaction) -> RawVersions:
    """Count living documents and their newest versions."""
    return tx.rows("checks.raw_versions", RawVersions)[0]


def canonicals(tx: Transaction, lineage: str) -> Canonicals:
    """Count copies and orphans among them."""
    return tx.rows("checks.canonicals", Canonicals, lineage=lineage)[0]


def made_in_run(tx: Transaction, place: Place, run_id: str, *, limit: int) -> list[int]:
    """Ids of a spread sample of the documents that a run took through a stage."""
    rows = tx.dicts("checks.made_in_run", stage=place.stage, lineage=place.lineage, run_id=run_id, limit=limit)
    return [row["document_id"] for row in rows]


def chunk_shape(tx: Transaction, lineage: str, *, max_tokens: int) -> ChunkShape:
    """Count the chunks of current versions, and those above the limit."""
    return tx.rows("checks.chunk_shape", ChunkShape, lineage=lineage, max_tokens=max_tokens)[0]


def chunk_sizes(tx: Transaction, lineage: str, *, max_tokens: int) -> dict[int, int]:
    """Number of chunks by tenth of the limit, 1 to 10."""
    rows = tx.dicts("checks.chunk_sizes", lineage=lineage, max_tokens=max_tokens)
    return {row["step"]: row["n_chunks"] for row in rows}


def index_match(tx: Transaction, generation: int) -> IndexMatch:
    """Compare a generation's index with what is said to be served."""
    return tx.rows("checks.index_matches", IndexMatch, generation_id=generation)[0]


def chunks_without_vectors(tx: Transaction, place: Place, chunks_lineage: str, generation: int) -> int:
    """Chunks that passed the last stage and cannot be found; must be 0."""
    return int(
        tx.value(
            "checks.chunks_without_vectors", lineage=place.lineage, chunks_lineage=chunks_lineage,
            generation_id=generation,
        )
    )  # fmt: skip


def entry_faults(
    tx: Transaction,
    generation: int,
    chunks_lineage: str,
    *,
    dimensions: int,
    norm_tolerance: float,
    document_ids: Sequence[int] | None = None,
) -> EntryFaults:
    """Look at the entries of some documents, or at all."""
    rows = tx.rows(
        "checks.entry_faults", EntryFaults, generation_id=generation, chunks_lineage=chunks_lineage,
        dimensions=dimensions, tolerance=norm_tolerance, document_ids=_or_all(document_ids),
    )  # fmt: skip
    return rows[0]


def list_faults(tx: Transaction, generation: int, *, document_ids: Sequence[int] | None = None) -> ListFaults:
    """Compare term lists with entries, in the blocks that hold some documents, or in all, which may take seconds."""
    return tx.rows("checks.list_faults", ListFaults, generation_id=generation, document_ids=_or_all(document_ids))[0]


def count_faults(tx: Transaction, generation: int) -> CountFaults:
    """Compare the counts that searches plan and score by with the index."""
    return tx.rows("checks.count_faults", CountFaults, generation_id=generation)[0]


def _or_all(document_ids: Sequence[int] | None) -> list[int] | None:
    return None if document_ids is None else list(document_ids)


def chunk_spans(tx: Transaction, lineage: str, redacted_lineage: str, document_ids: Sequence[int]) -> list[ChunkSpan]:
    """Chunks with their places in the redacted text that they were cut from; none where that is gone or newer."""
    return tx.rows(
        "checks.chunk_spans", ChunkSpan, lineage=lineage, redacted_lineage=redacted_lineage,
        document_ids=list(document_ids),
    )  # fmt: skip


def chunked_sample(tx: Transaction, lineage: str, *, limit: int) -> list[int]:
    """Ids of a spread sample of the documents that have chunks."""
    return [row["document_id"] for row in tx.dicts("checks.chunked_sample", lineage=lineage, limit=limit)]


def cleaning_rules(tx: Transaction, lineage: str, run_id: str) -> dict[str, int]:
    """How often each rule changed something in what a run cleaned."""
    return {row["rule"]: int(row["n"]) for row in tx.dicts("checks.cleaning_rules", lineage=lineage, run_id=run_id)}


def entity_labels(tx: Transaction, lineage: str, run_id: str) -> dict[str, int]:
    """How many values of each kind a run replaced."""
    return {row["label"]: row["n"] for row in tx.dicts("checks.entity_labels", lineage=lineage, run_id=run_id)}


def media_types(tx: Transaction, lineage: str, run_id: str) -> dict[str, int]:
    """How many documents of each kind a run parsed."""
    rows = tx.dicts("checks.media_types", lineage=lineage, run_id=run_id)
    return {row["media_type"]: row["n_documents"] for row in rows}


def quarantined_reasons(tx: Transaction, stage: str) -> dict[str, int]:
    """What waits for a person before a stage, by reason."""
    return {row["reason"]: row["n"] for row in tx.dicts("checks.quarantined_reasons", stage=stage)}


def chunk_facts(tx: Transaction, lineage: str, *, limit: int) -> list[dict[str, Any]]:
    """Numbers about each chunk of the current versions, one dictionary a chunk; no text."""
    return tx.dicts("checks.chunk_facts", lineage=lineage, limit=limit)


def vector_facts(tx: Transaction, generation: int, *, limit: int) -> list[dict[str, Any]]:
    """Numbers about each index entry of a generation, one dictionary an entry; no vector."""
    return tx.dicts("checks.vector_facts", generation_id=generation, limit=limit)
