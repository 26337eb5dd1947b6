"""`bench engine`: how fast this machine makes vectors, engine by engine and length by length, one thread each.

Belongs here: timing the local engines on real text. Does not: the pipeline around them (indexing), other libraries with
the same weights (benchmarks/peers, in an environment of its own), endpoints, which are paid by the token.
"""

import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prodgen_pipeline.clients.embedding import Embedder, embedder_for, local_embedder, query_embedder, runs_on_processor
from prodgen_pipeline.clients.embedding.batching import MAX_TOKENS
from prodgen_pipeline.clients.tokenizer import WordPieceTokenizer
from prodgen_pipeline.core.errors import NotFound
from prodgen_pipeline.evaluation.benchmarks.processes import memory, require_proc
from prodgen_pipeline.settings import Settings

#: Read as they are: the engine is timed, not the parsers.
TEXT_SUFFIXES = frozenset({".md", ".txt", ".rst", ".org", ".html", ".csv", ".json", ".eml"})
#: Word pieces of a chunk, `[CLS]` and `[SEP]` included.
LENGTHS = (256, 128, 64)
MIXED = "paragraphs"
SPECIAL_TOKENS = 2
QUESTION = "how many days of annual leave does a new colleague have?"
N_QUESTIONS = 40
_MIN_PARAGRAPH_WORDS, _MAX_PARAGRAPH_WORDS = 5, 180


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """One engine on chunks of one length."""

    engine: str
    #: "256 tokens", ..., or "paragraphs": the lengths that real text has.
    chunks: str
    n_chunks: int
    n_tokens: int
    wall_seconds: float
    cpu_seconds: float
    #: Lowest cosine with the numpy engine's vectors.
    min_cosine: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What an engine costs before and beside its work."""

    name: str
    load_seconds: float
    #: What this process holds more than before it was loaded, the mapped weights included (10^6 bytes).
    memory_mb: float
    #: Median of one question embedded alone.
    question_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineReport:
    """What `bench engine` measured."""

    engines: list[Engine]
    speeds: list[Speed]
    #: Word pieces made of text by one thread.
    tokenizer_tokens_per_cpu_second: float


@dataclass(slots=True)
class _Time:
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0


def measure_engines(
    settings: Settings, folders: Mapping[str, Path], *, n_chunks: int, progress: Callable[[str], None]
) -> EngineReport:
    """Time every local engine that runs here on the same chunks; `n_chunks` of 256 tokens, more of shorter ones.

    Raises:
        ConfigurationError: there is no /proc on this system.
        NotFound: the folders hold too little text.
    """
    require_proc()
    texts = read_texts(folders)
    shapes = {f"{length} tokens": some(windows(texts, length), n_chunks * MAX_TOKENS // length) for length in LENGTHS}
    shapes[MIXED] = some(paragraphs(texts), n_chunks * 2)
    tokenizer = WordPieceTokenizer.load()
    with timed() as tokenizing:
        n_tokens = sum(tokenizer.count(text) for text in texts)
    engines: list[Engine] = []
    speeds: list[Speed] = []
    reference: dict[str, NDArray[np.float32]] = {}
    for make in _makers(settings):
        engine, embedder = _loaded(make)
        engines.append(engine)
        for shape, chunks in shapes.items():
            progress(f"{engine.name}, {len(chunks)} chunks: {shape}")
            speeds.append(_speed(engine.name, embedder, shape, chunks, reference))
    return EngineReport(
        engines=engines, speeds=speeds, tokenizer_tokens_per_cpu_second=n_tokens / max(tokenizing.cpu_seconds, 1e-9)
    )


def _makers(settings: Settings) -> Iterator[Callable[[], Embedder]]:
    """The numpy engine first: the others are compared with it."""
    yield query_embedder
    yield lambda: local_embedder(threads=1)
    # Whatever the configuration says, it is the local model that is timed.
    local = type(settings.embedding)()
    if not runs_on_processor(local, settings.embedding_service):
        yield lambda: embedder_for(local, settings.embedding_service, purpose="bulk")


def _loaded(make: Callable[[], Embedder]) -> tuple[Engine, Embedder]:
    before = memory(os.getpid()).largest_rss_mb
    with timed() as loading:
        embedder = make()
        embedder.embed([QUESTION])
    embedder.embed(["word " * MAX_TOKENS] * 8)
    held = memory(os.getpid()).largest_rss_mb - before
    questions = []
    for _ in range(N_QUESTIONS):
        with timed() as one:
            embedder.embed([QUESTION])
        questions.append(one.wall_seconds * 1_000)
    name = f"{type(embedder).__name__.removesuffix('Embedder')} {embedder.precision}"
    return Engine(
        name=name, load_seconds=loading.wall_seconds, memory_mb=held, question_ms=float(np.median(questions))
    ), embedder


def _speed(
    name: str, embedder: Embedder, shape: str, chunks: list[str], reference: dict[str, NDArray[np.float32]]
) -> Speed:
    vectors, n_tokens = np.empty((len(chunks), embedder.dimensions), np.float32), 0
    with timed() as spent:
        for batch in embedder.embed_batches(chunks):
            vectors[batch.positions] = batch.vectors
            n_tokens += batch.cost.n_tokens
    first = reference.setdefault(shape, vectors)
    return Speed(
        engine=name, chunks=shape, n_chunks=len(chunks), n_tokens=n_tokens, wall_seconds=spent.wall_seconds,
        cpu_seconds=spent.cpu_seconds, min_cosine=float((vectors * first).sum(axis=1).min()),
    )  # fmt: skip


@contextmanager
def timed() -> Iterator[_Time]:
    """Yield a record that holds, after the block, what the block took; CPU seconds of all threads."""
    spent = _Time()
    wall, cpu = time.perf_counter(), time.process_time()
    yield spent
    spent.wall_seconds, spent.cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu


def read_texts(folders: Mapping[str, Path]) -> list[str]:
    """Every file of text below the folders, undecodable bytes replaced."""
    files = [path for folder in folders.values() for path in sorted(folder.rglob("*")) if path.suffix in TEXT_SUFFIXES]
    return [path.read_text(encoding="utf-8", errors="replace") for path in files]


def windows(texts: Sequence[str], length: int) -> list[str]:
    """Cut texts into stretches that fill `length` tokens; what is over at the end of a text is left out."""
    tokenizer, size, found = WordPieceTokenizer.load(), length - SPECIAL_TOKENS, []
    for text in texts:
        spans = tokenizer.offsets(text)
        for first in range(0, len(spans) - size + 1, size):
            found.append(text[int(spans[first][0]) : int(spans[first + size - 1][1])])
    return found


def paragraphs(texts: Sequence[str]) -> list[str]:
    """The paragraphs of texts, long ones cut."""
    words = [part.split()[:_MAX_PARAGRAPH_WORDS] for text in texts for part in text.split("\n\n")]
    return [" ".join(each) for each in words if len(each) >= _MIN_PARAGRAPH_WORDS]


def some(chunks: Sequence[str], limit: int) -> list[str]:
    """Exactly `limit` of the chunks, evenly spaced, repeated where there are fewer.

    Raises:
        NotFound: there are none.
    """
    if not chunks:
        raise NotFound("the folder holds too little text to time an engine on: name another FOLDER")
    if len(chunks) < limit:
        return list(itertools.islice(itertools.cycle(chunks), limit))
    return [chunks[len(chunks) * at // limit] for at in range(limit)]
