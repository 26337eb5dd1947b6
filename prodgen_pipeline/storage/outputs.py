"""What the stages make: elements from parsing to redaction, and chunks. Elements travel as JSON text, unread here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from prodgen_pipeline.storage.database import Transaction

ElementStage = Literal["parsed", "cleaned", "redacted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredElements:
    """The elements of a document as one stage left them, as JSON text."""

    document_id: int
    title: str | None
    elements: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRaw:
    """Where the bytes of a version lie."""

    document_id: int
    version: int
    uri: str
    object_key: str | None
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChunk:
    """A chunk as the chunking stage left it."""

    document_id: int
    chunk_id: int
    ordinal: int
    text: str
    heading_path: list[str]
    n_tokens: int
    access_id: int
    embedding_text: str
    text_hash: bytes


class ChunkRow(TypedDict):
    """The columns of a chunk to be written, the tenant's apart."""

    document_id: int
    lineage: str
    version: int
    ordinal: int
    start_char: int
    end_char: int
    n_tokens: int
    pages: list[int]
    heading_path: list[str]
    parent_first: int
    parent_last: int
    text: str
    embedding_text: str
    text_hash: bytes


def raw(tx: Transaction, versions: Sequence[tuple[int, int]]) -> dict[int, StoredRaw]:
    """Raw versions by document, asked for as (document, version)."""
    rows = tx.rows(
        "stages.raw_input",
        StoredRaw,
        document_ids=[pair[0] for pair in versions],
        versions=[pair[1] for pair in versions],
    )
    return {row.document_id: row for row in rows}


def elements(tx: Transaction, stage: ElementStage, lineage: str, document_ids: list[int]) -> dict[int, StoredElements]:
    """Elements by document, as the stage was last made."""
    rows = tx.rows(f"stages.{stage}_input", StoredElements, lineage=lineage, document_ids=document_ids)
    return {row.document_id: row for row in rows}


def chunks(tx: Transaction, lineage: str, document_ids: list[int]) -> list[StoredChunk]:
    """Chunks in order of document and place."""
    return tx.rows("stages.chunk_input", StoredChunk, lineage=lineage, document_ids=document_ids)


def write(tx: Transaction, stage: ElementStage, rows: Sequence[dict[str, Any]]) -> None:
    """Write a stage's outputs; one dictionary a document with the table's columns."""
    tx.run_many(f"stages.write_{stage}", rows)


def write_chunks(tx: Transaction, lineage: str, versions: Sequence[tuple[int, int]], rows: Sequence[ChunkRow]) -> None:
    """Replace the chunks of document versions."""
    tx.run(
        "stages.clear_chunks", lineage=lineage, document_ids=[pair[0] for pair in versions],
        versions=[pair[1] for pair in versions],
    )  # fmt: skip
    tx.run_many("stages.write_chunk", rows)


def readers(tx: Transaction, document_ids: list[int]) -> dict[int, list[str]]:
    """Who may read each document, sorted."""
    rows = tx.dicts("stages.readers", document_ids=document_ids)
    return {row["document_id"]: row["principals"] for row in rows}


def source_names(tx: Transaction, document_ids: list[int]) -> dict[int, str]:
    """Name of the source that each document comes from."""
    rows = tx.dicts("stages.source_names", document_ids=document_ids)
    return {row["document_id"]: row["name"] for row in rows}


def drop_superseded(tx: Transaction, stage: ElementStage, lineage: str, document_ids: list[int]) -> None:
    """Forget what a stage made of earlier versions."""
    tx.run(f"documents.delete_old_{stage}", lineage=lineage, document_ids=document_ids)
