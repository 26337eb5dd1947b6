"""`document_chunks`: retrievable pieces of the redacted text, sized in the embedding model's word pieces."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from prodgen_pipeline.core.chunking.profiles import profile_for
from prodgen_pipeline.core.configuration import ChunkingConfig
from prodgen_pipeline.core.errors import DocumentRejected
from prodgen_pipeline.core.models import Chunk, QuarantineReason
from prodgen_pipeline.core.serialization import unpack
from prodgen_pipeline.lifecycle.engine import Made
from prodgen_pipeline.lifecycle.pins import CHUNKED, Pin
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.lifecycle.text_stages import read_elements
from prodgen_pipeline.storage import outputs
from prodgen_pipeline.storage.database import Transaction
from prodgen_pipeline.storage.ledger import Due


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkTask:
    """A redacted document, its elements as JSON text, and the sizes for its source."""

    title: str | None
    elements: str
    sizes: ChunkingConfig


def chunk_task(task: ChunkTask) -> list[Chunk]:
    """Cut one document. Runs here or in a worker."""
    from prodgen_pipeline.clients.tokenizer import WordPieceTokenizer
    from prodgen_pipeline.core.chunking import chunk

    chunks = chunk(unpack(task.elements), task.sizes, WordPieceTokenizer.load(), title=task.title)
    if not chunks:
        raise DocumentRejected(QuarantineReason.NO_TEXT, "no text was left to index: look at the file")
    return chunks


class Chunking:
    """Cuts every redacted document."""

    name = CHUNKED

    def compute(self, run: Run, pin: Pin, batch: Sequence[Due]) -> list[tuple[Due, list[Chunk] | DocumentRejected]]:
        """Cut by structure, and by the sizes of each document's source."""
        stored = read_elements(run, pin, "redacted", batch)
        sizes = self._sizes(run, pin, batch)
        tasks = [ChunkTask(title=each.title, elements=each.elements, sizes=sizes[each.document_id]) for each in stored]
        return list(zip(batch, run.pool.map(chunk_task, tasks), strict=True))

    def _sizes(self, run: Run, pin: Pin, batch: Sequence[Due]) -> dict[int, ChunkingConfig]:
        config = pin.configuration.chunking
        with run.database.transaction(run.tenant.tenant_id) as tx:
            sources = outputs.source_names(tx, [due.document_id for due in batch])
        by_source = {source: profile_for(config, run.tenant.name, source) for source in set(sources.values())}
        return {document_id: by_source[source] for document_id, source in sources.items()}

    def commit(self, tx: Transaction, run: Run, pin: Pin, results: Sequence[tuple[Due, list[Chunk]]]) -> list[Made]:
        """Write the chunks of these versions; those that searches find now are not touched."""
        rows, outcome = [], []
        for due, chunks in results:
            made = [_row(pin, due, chunk) for chunk in chunks]
            rows += made
            digest = hashlib.sha256()
            for row in made:
                places = (row["start_char"], row["end_char"], row["pages"], row["parent_first"], row["parent_last"])
                digest.update(repr(places).encode() + row["text_hash"])
                digest.update(hashlib.sha256(row["text"].encode()).digest())
            outcome.append(Made(due=due, output_hash=digest.hexdigest(), size=sum(len(chunk.text) for chunk in chunks)))
        outputs.write_chunks(tx, pin.place.lineage, [(due.document_id, due.version) for due, _ in results], rows)
        return outcome


def _row(pin: Pin, due: Due, chunk: Chunk) -> outputs.ChunkRow:
    return {
        "document_id": due.document_id,
        "lineage": pin.place.lineage,
        "version": due.version,
        "ordinal": chunk.ordinal,
        "start_char": chunk.start,
        "end_char": chunk.end,
        "n_tokens": chunk.n_tokens,
        "pages": list(chunk.pages),
        "heading_path": list(chunk.heading_path),
        "parent_first": chunk.parent_first,
        "parent_last": chunk.parent_last,
        "text": chunk.text,
        "embedding_text": chunk.embedding_text,
        "text_hash": hashlib.sha256(chunk.embedding_text.encode()).digest(),
    }
