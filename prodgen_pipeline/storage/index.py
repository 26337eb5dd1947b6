"""The index: vectors kept by text, entries and term lists of each generation, and the switch between versions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prodgen_pipeline.storage.database import Transaction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Postings:
    """Terms of chunks, one entry a (term, chunk) pair in each list; `lengths` holds the chunk's number of terms."""

    terms: list[str]
    document_ids: list[int]
    chunk_ids: list[int]
    frequencies: list[int]
    lengths: list[int]


def missing_vectors(tx: Transaction, model: str, text_hashes: Iterable[bytes]) -> set[bytes]:
    """Those of the hashes for which the tenant has no vector of the model yet."""
    rows = tx.dicts("index.missing_vectors", model=model, text_hashes=list(text_hashes))
    return {row["text_hash"] for row in rows}


def write_vectors(
    tx: Transaction, model: str, precision: str, text_hashes: Sequence[bytes], vectors: "NDArray[np.float32]"
) -> None:
    """Keep vectors, (n, dimensions), by the hash of their text."""
    # Imported here: a command that writes no vector need not load numpy.
    from pgvector import HalfVector
    from pgvector.psycopg import register_vector

    register_vector(tx.connection)
    tx.run_many(
        "index.write_vector",
        [
            {"model": model, "precision": precision, "text_hash": text_hash, "embedding": HalfVector(vector)}
            for text_hash, vector in zip(text_hashes, vectors, strict=True)
        ],
    )


def remove_documents(tx: Transaction, generations: Sequence[int], document_ids: Sequence[int]) -> None:
    """Take documents out of generations: searches do not find them after the commit."""
    tx.run("index.remove_entries", generations=list(generations), document_ids=list(document_ids))
    tx.run("index.remove_terms", generations=list(generations), document_ids=list(document_ids))


def add_documents(
    tx: Transaction, generation: int, model: str, *, chunk_ids: list[int], n_terms: list[int], postings: Postings
) -> int:
    """Put chunks into a generation; returns how many entries were made, which is less where a vector is missing."""
    added = tx.value("index.add_entries", generation_id=generation, model=model, chunk_ids=chunk_ids, n_terms=n_terms)
    tx.run(
        "index.add_terms", generation_id=generation, terms=postings.terms, document_ids=postings.document_ids,
        chunk_ids=postings.chunk_ids, frequencies=postings.frequencies, lengths=postings.lengths,
    )  # fmt: skip
    return int(added)


def serve(tx: Transaction, document_ids: list[int], versions: list[int], redacted_lineage: str) -> None:
    """Say which versions the index now holds."""
    tx.run("index.serve", document_ids=document_ids, versions=versions, redacted_lineage=redacted_lineage)
