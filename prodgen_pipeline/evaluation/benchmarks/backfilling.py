"""`bench backfill`: what searches see while the next generation is built and cut over, and when an edit is found.

Belongs here: the corpus made by mutation, a constant load of searches, the clock around a backfill beside it. Does not:
the backfill itself (lifecycle), the latency of searches alone (searching).
"""

import pickle
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from prodgen_pipeline.core.configuration import ChunkingConfig
from prodgen_pipeline.core.errors import NotFound, PermanentError
from prodgen_pipeline.evaluation.benchmarks.scratch import TENANT, Scratch, scratch, sync_in_own_process
from prodgen_pipeline.evaluation.benchmarks.searching import Ask, Percentiles, made_questions, percentiles, searcher
from prodgen_pipeline.lifecycle.pins import CHUNKED
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import generations
from prodgen_pipeline.storage.generations import Generation

#: Share of the words of a made document that are another document's.
MUTATED_SHARE = 0.15
#: An edit that is not found after so long is given up.
EDIT_SECONDS = 120.0
_SUFFIXES = {".md", ".txt"}
_SEED = 7
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One search of the load: when it began, and what came of it."""

    at: float
    latency_ms: float
    #: None where it failed.
    generation: int | None
    chunk_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """What the load saw in one stretch of time."""

    name: str
    seconds: float
    n_searches: int
    latency_ms: Percentiles


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillReport:
    """A backfill under a constant load."""

    n_documents: int
    n_chunks_before: int
    n_chunks_after: int
    phases: tuple[Phase, ...]
    #: Searches that raised, and those whose hits were not all of the generation that they name.
    n_failed: int
    n_mixed: int
    #: From saving an edit in the middle of the backfill until a search finds it, the sync included; None: not found.
    edit_seconds: float | None
    backfill_seconds: float
    chunks_embedded: int
    chunks_reused: int
    checks: dict[str, bool | None]

    @property
    def p95_ratio(self) -> float:
        """The 95th percentile during the backfill, by that before."""
        by_name = {phase.name: phase.latency_ms.p95 for phase in self.phases}
        return by_name["during"] / by_name["before"]


class Load:
    """Clients who search at a fixed rate until they are stopped."""

    def __init__(self, ask: Ask, questions: Sequence[str], *, per_second: float, n_clients: int) -> None:
        self.seen: list[Search] = []
        self.ask = ask
        self._questions = questions
        self._every = n_clients / per_second
        self._stop = threading.Event()
        self._clients = [threading.Thread(target=self._search, args=(at,), daemon=True) for at in range(n_clients)]

    @contextmanager
    def running(self) -> Iterator["Load"]:
        """Search for as long as the block lasts."""
        for client in self._clients:
            client.start()
        try:
            yield self
        finally:
            self._stop.set()
            for client in self._clients:
                client.join()

    def _search(self, client: int) -> None:
        due = time.perf_counter() + self._every * client / len(self._clients)
        turn = client
        while not self._stop.wait(max(0.0, due - time.perf_counter())):
            self.seen.append(self._one(self._questions[turn % len(self._questions)]))
            turn += len(self._clients)
            due = max(due + self._every, time.perf_counter() - self._every)

    def _one(self, question: str) -> Search:
        began = time.perf_counter()
        try:
            result = self.ask(question)
        except Exception:  # whatever it is, it is what is counted
            return Search(at=began, latency_ms=_since(began), generation=None, chunk_ids=())
        chunk_ids = tuple(int(hit.chunk_id) for hit in result.hits)
        return Search(at=began, latency_ms=_since(began), generation=result.generation, chunk_ids=chunk_ids)


def measure_backfilling(
    settings: Settings,
    folders: Mapping[str, Path],
    *,
    n_documents: int = 2_000,
    max_tokens: int = 128,
    per_second: float = 5.0,
    n_clients: int = 2,
    seconds: float = 20.0,
    progress: Progress = lambda line: None,
) -> BackfillReport:
    """Index documents made from those of the folders, then halve their chunks under a load of searches.

    `seconds` is how long searches are watched before and after. Raises NotFound where the folders hold no text files.
    """
    with tempfile.TemporaryDirectory(prefix="prodgen-bench-documents-") as temporary:
        made = Path(temporary) / "made"
        texts = _make_documents(folders, made, n_documents)
        with scratch(settings, {"files": made}) as at:
            progress(f"indexing {n_documents:,} documents")
            sync_in_own_process(at)
            ask = searcher(at.settings, at.databases, at.tenant)
            questions = made_questions(texts, 200)
            # Connections, plans, caches and the model are warm in a service.
            for question in questions:
                ask(question)
            load = Load(ask, questions, per_second=per_second, n_clients=n_clients)
            return _watched(at, load, max_tokens=max_tokens, seconds=seconds, progress=progress)


def _watched(at: Scratch, load: Load, *, max_tokens: int, seconds: float, progress: Progress) -> BackfillReport:
    with load.running():
        progress(f"searching alone for {seconds:.0f} s")
        times = [time.perf_counter()]
        time.sleep(seconds)
        times.append(time.perf_counter())
        progress("searching beside a backfill")
        child = _start_backfill(_with_chunks(at.settings, max_tokens))
        edit_seconds = _edit_found_after(at, load)
        said, _ = child.communicate()
        times.append(time.perf_counter())
        if child.returncode != 0:
            raise PermanentError(f"the backfill that was to be measured failed with exit code {child.returncode}")
        progress("searching alone again")
        time.sleep(seconds)
        times.append(time.perf_counter())
    done = pickle.loads(said)  # noqa: S301 - written by the process started above
    n_mixed, chunks = _mixed(at, load.seen)
    return BackfillReport(
        n_documents=sum(1 for _ in at.folders["files"].iterdir()),
        n_chunks_before=chunks.get(1, 0),
        n_chunks_after=chunks.get(2, 0),
        phases=tuple(
            _phase(name, load.seen, times[number], times[number + 1])
            for number, name in enumerate(("before", "during", "after"))
        ),
        n_failed=sum(each.generation is None for each in load.seen),
        n_mixed=n_mixed,
        edit_seconds=edit_seconds,
        backfill_seconds=round(times[2] - times[1], 1),
        chunks_embedded=done["chunks_embedded"],
        chunks_reused=done["chunks_reused"],
        checks=done["checks"],
    )


def _start_backfill(settings: Settings) -> "subprocess.Popen[bytes]":
    child = subprocess.Popen(
        [sys.executable, "-m", "prodgen_pipeline.evaluation.benchmarks.backfill_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    if child.stdin is None:
        raise PermanentError("the process to be measured has no pipe")
    child.stdin.write(pickle.dumps((settings, TENANT)))
    child.stdin.close()
    child.stdin = None
    return child


def _with_chunks(settings: Settings, max_tokens: int) -> Settings:
    before: ChunkingConfig = settings.chunking
    smaller = replace(
        before, max_tokens=max_tokens, min_tokens=min(before.min_tokens, max_tokens // 4),
        heading_tokens=min(before.heading_tokens, max_tokens // 4),
    )  # fmt: skip
    return replace(settings, chunking=smaller)


def _edit_found_after(at: Scratch, load: Load) -> float | None:
    """Save an edit as soon as the new generation is under construction, sync, and search until it is found."""
    deadline = time.perf_counter() + EDIT_SECONDS
    while not _is_building(at) and time.perf_counter() < deadline:
        time.sleep(0.2)
    edited = sorted(at.folders["files"].iterdir())[0]
    edited.write_text(edited.read_text() + "\n\nThe zanzibarquokka protocol was revised by the edit of today.\n")
    began = time.perf_counter()
    sync_in_own_process(at)
    while time.perf_counter() < deadline:
        if any("zanzibarquokka" in hit.text for hit in load.ask("zanzibarquokka protocol").hits):
            return round(time.perf_counter() - began, 2)
        time.sleep(0.1)
    return None


def _is_building(at: Scratch) -> bool:
    return any(each.state == "building" for each in _living(at))


def _living(at: Scratch) -> list[Generation]:
    with at.databases.pipeline.transaction(at.tenant.tenant_id) as tx:
        return generations.living(tx)


def _mixed(at: Scratch, seen: Sequence[Search]) -> tuple[int, dict[int, int]]:
    """Searches with a hit of another generation than the one they name, and the chunks in each generation."""
    lineage_of = {each.generation_id: each.lineage(CHUNKED) for each in _living(at)}
    with at.databases.pipeline.transaction(at.tenant.tenant_id) as tx:
        found = generations.lineages_of_chunks(tx, list({chunk for each in seen for chunk in each.chunk_ids}))
        chunks = {row["generation_id"]: row["n_chunks"] for row in generations.list_all(tx)}
    mixed = sum(
        {found.get(chunk) for chunk in each.chunk_ids} - {lineage_of[each.generation]} != set()
        for each in seen
        if each.generation is not None
    )
    return mixed, chunks


def _phase(name: str, seen: Sequence[Search], first: float, last: float) -> Phase:
    within = [each.latency_ms for each in seen if first <= each.at < last]
    return Phase(name=name, seconds=round(last - first, 1), n_searches=len(within), latency_ms=percentiles(within))


def _make_documents(folders: Mapping[str, Path], into: Path, n: int) -> list[str]:
    """Write `n` documents, each a text file of the folders with some words changed; returns their texts."""
    paths = sorted(path for folder in folders.values() for path in folder.rglob("*") if path.suffix in _SUFFIXES)
    read = [text for path in paths if (text := path.read_text(encoding="utf-8", errors="ignore")).strip()]
    if not read:
        raise NotFound("no text files (.md, .txt) to make documents from: name another FOLDER")
    words = [word for text in read for word in text.split() if word.isalpha()]
    rolls = random.Random(_SEED)  # noqa: S311 - the same documents each time
    into.mkdir()
    texts = []
    for number in range(n):
        lines = read[number % len(read)].splitlines()
        text = "\n".join(" ".join(_mutated(line.split(" "), words, rolls)) for line in lines)
        (into / f"{number:06}.md").write_text(text, encoding="utf-8")
        texts.append(text)
    return texts


def _mutated(line: list[str], words: Sequence[str], rolls: random.Random) -> list[str]:
    return [rolls.choice(words) if word.isalpha() and rolls.random() < MUTATED_SHARE else word for word in line]


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
