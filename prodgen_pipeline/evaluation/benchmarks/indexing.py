"""`bench index`: what it costs to turn a folder into an index, beside embedding the same text alone.

Belongs here: the order of the measurements and what follows from them. Does not: accounting (processes), the yardstick
(raw_embedding).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from prodgen_pipeline.evaluation.benchmarks.processes import require_proc
from prodgen_pipeline.evaluation.benchmarks.raw_embedding import RawSpeed, cut, embed_alone, embed_in_workers, sample
from prodgen_pipeline.evaluation.benchmarks.scratch import Scratch, SyncFigures, scratch, sync_in_own_process
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import documents

#: Chunks that the embedder alone is timed on; more would double the length of the benchmark and change no figure.
RAW_CHUNKS = 2_000
#: Files that a sentence can be added to without breaking them.
_TEXT_SUFFIXES = (".md", ".txt", ".rst", ".org")
_ADDED = "\n\nThis sentence was added by the benchmark to see what one changed file costs.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexingReport:
    """What indexing a folder cost."""

    n_files: int
    n_bytes: int
    #: Into an empty index.
    first: SyncFigures
    #: Directly after: nothing changed.
    second: SyncFigures
    #: After a sentence was added to one file; None where no file is plain text.
    one_changed: SyncFigures | None
    #: Chunks of 256 tokens that the indexed text fills.
    n_raw_chunks: int
    #: One process, one thread, on `raw_one.n_chunks` of them.
    raw_one: RawSpeed
    #: The pipeline's number of workers, on the same.
    raw_workers: RawSpeed

    @property
    def raw_cpu_seconds(self) -> float:
        """CPU time of embedding the indexed text alone, scaled up from the chunks that were timed."""
        return self.raw_one.cpu_seconds * self.n_raw_chunks / self.raw_one.n_chunks

    @property
    def cpu_ratio(self) -> float:
        """CPU time of the first sync, PostgreSQL included, over that of embedding the same text alone."""
        return self.first.cpu_seconds / self.raw_cpu_seconds

    @property
    def second_share(self) -> float:
        """Wall time of the second sync over that of the first."""
        return self.second.wall_seconds / self.first.wall_seconds


def measure_indexing(
    settings: Settings,
    folders: Mapping[str, Path],
    *,
    raw_chunks: int = RAW_CHUNKS,
    write_chunks: Path | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> IndexingReport:
    """Index copies of the folders on a temporary home and measure; `raw_chunks` 0 embeds all text alone.

    `write_chunks` is a file for all the chunks of which those are, as JSON Lines of {"text"}.

    The embedder alone runs between the syncs, so that what else the machine does weighs on both.

    Raises:
        ConfigurationError: there is no /proc on this system.
        NotFound: a folder is missing, or none of them holds text.
    """
    require_proc()
    with scratch(settings, folders) as at:
        files = [path for folder in at.folders.values() for path in sorted(folder.rglob("*")) if path.is_file()]
        n_bytes = sum(path.stat().st_size for path in files)
        progress(f"first sync of {len(files)} files")
        first = sync_in_own_process(at)
        progress("second sync")
        second = sync_in_own_process(at)
        chunks = cut(indexed_texts(at))
        if write_chunks is not None:
            write_chunks.write_text("".join(json.dumps({"text": chunk}) + "\n" for chunk in chunks), encoding="utf-8")
        part = sample(chunks, raw_chunks)
        progress(f"embedding {len(part)} of {len(chunks)} chunks of 256 tokens alone, one thread")
        raw_one = embed_alone(part)
        progress("the same in workers")
        raw_workers = embed_in_workers(part, settings.local.workers)
        one_changed = None
        if changed := _change_one(files):
            progress(f"sync after a change of {changed.name}")
            one_changed = sync_in_own_process(at)
    return IndexingReport(
        n_files=len(files), n_bytes=n_bytes, first=first, second=second, one_changed=one_changed,
        n_raw_chunks=len(chunks), raw_one=raw_one, raw_workers=raw_workers,
    )  # fmt: skip


def indexed_texts(at: Scratch) -> list[str]:
    """The text that is served, one string a document, copies left out."""
    with at.databases.pipeline.transaction(at.tenant.tenant_id) as tx:
        served = [row for row in documents.list_all(tx) if row["state"] == "served"]
        return ["\n".join(chunk["text"] for chunk in documents.chunks(tx, row["document_id"])) for row in served]


def _change_one(files: list[Path]) -> Path | None:
    for path in files:
        if path.suffix in _TEXT_SUFFIXES and path.stat().st_size:
            with path.open("a", encoding="utf-8") as file:
                file.write(_ADDED)
            return path
    return None
