"""The embedder alone: the text of an index in chunks of 256 tokens without overlap, and nothing beside it.

Belongs here: the yardstick that indexing is compared with. Does not: indexing.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from prodgen_pipeline.clients.embedding import local_embedder
from prodgen_pipeline.clients.embedding.batching import MAX_TOKENS
from prodgen_pipeline.clients.tokenizer import WordPieceTokenizer
from prodgen_pipeline.core.errors import DocumentRejected, IntegrityError
from prodgen_pipeline.lifecycle.embedding import TASK_CHUNKS
from prodgen_pipeline.lifecycle.pool import WorkerPool


@dataclass(frozen=True, slots=True, kw_only=True)
class RawSpeed:
    """What embedding some chunks cost; loading the model is not in it."""

    n_chunks: int
    wall_seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Embedded:
    """What one task cost its worker."""

    cpu_seconds: float


def cut(texts: Sequence[str]) -> list[str]:
    """Cut texts into what fills the model's window of 256 tokens, its two own tokens included; none is left out."""
    tokenizer = WordPieceTokenizer.load()
    chunks = []
    for text in texts:
        spans = tokenizer.offsets(text)
        for first in range(0, len(spans), MAX_TOKENS - 2):
            window = spans[first : first + MAX_TOKENS - 2]
            chunks.append(text[int(window[0][0]) : int(window[-1][1])])
    return chunks


def sample(chunks: Sequence[str], limit: int) -> list[str]:
    """At most `limit` of the chunks, evenly spaced; 0 means all."""
    if not limit or len(chunks) <= limit:
        return list(chunks)
    return [chunks[len(chunks) * at // limit] for at in range(limit)]


def embed_alone(chunks: Sequence[str]) -> RawSpeed:
    """Embed in this process with one thread."""
    embedder = local_embedder(threads=1)
    embedder.embed(chunks[:1])
    wall, cpu = time.perf_counter(), time.process_time()
    embedder.embed(chunks)
    return RawSpeed(
        n_chunks=len(chunks), wall_seconds=time.perf_counter() - wall, cpu_seconds=time.process_time() - cpu
    )


def embed_in_workers(chunks: Sequence[str], workers: int) -> RawSpeed:
    """Embed in as many worker processes as the pipeline uses, one thread each."""
    tasks = [list(chunks[at : at + TASK_CHUNKS]) for at in range(0, len(chunks), TASK_CHUNKS)]
    with WorkerPool(workers) as pool:
        pool.map(_embed_measured, [tasks[0][:1]] * (4 * pool.workers), isolated=True)
        started = time.perf_counter()
        results = pool.map(_embed_measured, tasks, isolated=True)
        wall = time.perf_counter() - started
    return RawSpeed(n_chunks=len(chunks), wall_seconds=wall, cpu_seconds=sum(_cost(each) for each in results))


def _embed_measured(texts: list[str]) -> _Embedded:
    """Embed one task's texts. Runs in a worker."""
    embedder = local_embedder(threads=1)
    started = time.process_time()
    embedder.embed(texts)
    return _Embedded(cpu_seconds=time.process_time() - started)


def _cost(result: _Embedded | DocumentRejected) -> float:
    if isinstance(result, DocumentRejected):
        raise IntegrityError(f"embedding alone failed: {result}")
    return result.cpu_seconds
