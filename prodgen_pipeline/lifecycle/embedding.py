"""`chunk_embeddings`: a vector for every text that has none yet, and the switch of the index to the new versions.

One transaction per batch: vectors and entries of the new version in, those of the old one out. Until it commits,
searches find the old version; a failure before leaves it served.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prodgen_pipeline.core.configuration import EmbeddingConfig
from prodgen_pipeline.core.errors import DocumentRejected, IntegrityError
from prodgen_pipeline.lifecycle.engine import Made
from prodgen_pipeline.lifecycle.pins import CHUNKED, CLEANED, EMBEDDED, PARSED, REDACTED, Pin
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.storage import index, outputs
from prodgen_pipeline.storage.database import Transaction
from prodgen_pipeline.storage.index import Postings
from prodgen_pipeline.storage.ledger import Due
from prodgen_pipeline.storage.outputs import StoredChunk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Chunks in one task: enough to sort by length, few enough to spread over workers.
TASK_CHUNKS = 64
#: smallint, as the term lists keep frequencies and lengths.
_MAX_COUNT = 32_767


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedTask:
    """Texts to embed and texts to take terms from."""

    missing: list[str]
    terms_of: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """Vectors of `missing` and term frequencies of `terms_of`, in order."""

    vectors: "NDArray[np.float32]"
    precision: str
    terms: list[dict[str, int]]


@dataclass(slots=True, kw_only=True)
class Indexed:
    """What a batch needs to enter the index; shared by all its documents."""

    chunks: list[StoredChunk]
    missing: list[bytes]
    parts: list[Embedded]


def model_name(config: EmbeddingConfig) -> str:
    """Under which name vectors are kept: model and revision."""
    return f"{config.model}@{config.revision}"


def embed_task(task: EmbedTask) -> Embedded:
    """Embed and analyse some texts. Runs here or in a worker."""
    import multiprocessing

    import numpy as np

    from prodgen_pipeline.clients.embedding import local_embedder
    from prodgen_pipeline.core.lexical import terms

    analysed = [terms(text) for text in task.terms_of]
    if not task.missing:
        return Embedded(vectors=np.zeros((0, 0), np.float32), precision="", terms=analysed)
    # A worker is one of several: one thread each costs less than threads that wait for each other.
    embedder = local_embedder(threads=1 if multiprocessing.parent_process() else None)
    return Embedded(vectors=embedder.embed(task.missing), precision=embedder.precision, terms=analysed)


class Embedding:
    """Embeds what is new and switches the index."""

    name = EMBEDDED

    def compute(self, run: Run, pin: Pin, batch: Sequence[Due]) -> list[tuple[Due, Indexed | DocumentRejected]]:
        """Embed the texts of the batch that have no vector yet, and take the terms of all of them."""
        model = model_name(pin.configuration.embedding)
        with run.database.transaction(run.tenant.tenant_id) as tx:
            chunks = outputs.chunks(tx, pin.lineages[CHUNKED], [due.document_id for due in batch])
            missing = index.missing_vectors(tx, model, {chunk.text_hash for chunk in chunks})
        texts = {chunk.text_hash: chunk.embedding_text for chunk in chunks if chunk.text_hash in missing}
        # By length, so that each small batch of the engine is of one size and little padding is computed; the longest
        # first, so that the last tasks end together.
        sizes = {chunk.text_hash: chunk.n_tokens for chunk in chunks}
        ordered = sorted(texts, key=lambda text_hash: -sizes[text_hash])
        tasks = _tasks([texts[each] for each in ordered], chunks)
        parts = []
        # One task is not worth a worker; more would load a second model here beside those of the workers.
        for part in run.pool.map(embed_task, tasks, isolated=len(tasks) > 1):
            if isinstance(part, DocumentRejected):
                raise IntegrityError(f"embedding failed for a batch of chunks: {part}")
            parts.append(part)
        indexed = Indexed(chunks=chunks, missing=ordered, parts=parts)
        return [(due, indexed) for due in batch]

    def commit(self, tx: Transaction, run: Run, pin: Pin, results: Sequence[tuple[Due, Indexed]]) -> list[Made]:
        """Switch these documents to their new versions in every generation of the pin."""
        indexed = results[0][1]
        self._keep_vectors(tx, run, pin, indexed)
        ids = [due.document_id for due, _ in results]
        terms = [counted for part in indexed.parts for counted in part.terms]
        index.remove_documents(tx, pin.generations, ids)
        for generation in pin.generations:
            added = index.add_documents(
                tx,
                generation,
                model_name(pin.configuration.embedding),
                chunk_ids=[chunk.chunk_id for chunk in indexed.chunks],
                n_terms=[_length(counted) for counted in terms],
                postings=_postings(indexed.chunks, terms),
            )
            if added != len(indexed.chunks):
                raise IntegrityError(f"generation {generation}: {len(indexed.chunks)} chunks but {added} vectors")
        if pin.serving:
            index.serve(tx, ids, [due.version for due, _ in results], pin.lineages[REDACTED])
            for stage, name in (("parsed", PARSED), ("cleaned", CLEANED), ("redacted", REDACTED)):
                outputs.drop_superseded(tx, stage, pin.lineages[name], ids)  # type: ignore[arg-type]  # the three literals
        return [Made(due=due, output_hash=due.input_hash, size=due.size) for due, _ in results]

    def _keep_vectors(self, tx: Transaction, run: Run, pin: Pin, indexed: Indexed) -> None:
        model = model_name(pin.configuration.embedding)
        position = 0
        for part in indexed.parts:
            n = len(part.vectors)
            if n:
                index.write_vectors(tx, model, part.precision, indexed.missing[position : position + n], part.vectors)
            position += n
        if position != len(indexed.missing):
            raise IntegrityError(f"asked for {len(indexed.missing)} vectors, got {position}")
        run.chunks_embedded += position
        run.chunks_reused += len(indexed.chunks) - position


def _tasks(missing: list[str], chunks: list[StoredChunk]) -> list[EmbedTask]:
    """Split the work evenly; each task carries a stretch of both lists."""
    n_tasks = max(1, -(-max(len(missing), len(chunks)) // TASK_CHUNKS))
    searched = [" ".join(chunk.heading_path) + "\n" + chunk.text for chunk in chunks]
    return [
        EmbedTask(missing=_stretch(missing, at, n_tasks), terms_of=_stretch(searched, at, n_tasks))
        for at in range(n_tasks)
    ]


def _stretch(items: list[str], at: int, of: int) -> list[str]:
    return items[len(items) * at // of : len(items) * (at + 1) // of]


def _length(counted: dict[str, int]) -> int:
    return min(sum(counted.values()), _MAX_COUNT)


def _postings(chunks: list[StoredChunk], terms: list[dict[str, int]]) -> Postings:
    postings = Postings(terms=[], document_ids=[], chunk_ids=[], frequencies=[], lengths=[])
    for chunk, counted in zip(chunks, terms, strict=True):
        n = len(counted)
        postings.terms.extend(counted)
        postings.frequencies.extend(min(count, _MAX_COUNT) for count in counted.values())
        postings.document_ids.extend([chunk.document_id] * n)
        postings.chunk_ids.extend([chunk.chunk_id] * n)
        postings.lengths.extend([_length(counted)] * n)
    return postings
