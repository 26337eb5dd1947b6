"""`bench retrieval`: how well the two halves of the index and their fusion rank, on judged questions.

A data set is a folder with corpus.jsonl {id, title?, text}, queries.jsonl {id, text} and qrels.tsv (query, document,
grade). Belongs here: reading it, ranking it. Does not: the measures (core.metrics).
"""

import csv
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

from psycopg.types.json import Jsonb

from prodgen_pipeline.core.configuration import RetrievalConfig
from prodgen_pipeline.core.errors import NotFound, UsageError
from prodgen_pipeline.core.metrics import ndcg_at_k, recall_at_k
from prodgen_pipeline.evaluation.benchmarks.scratch import Scratch, scratch, sync_in_own_process
from prodgen_pipeline.evaluation.benchmarks.searching import Ask, searcher
from prodgen_pipeline.governance import releases
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import generations

DEPTH = 10
#: Chunks asked for, so that long passages of many chunks still leave ten different ones.
N_HITS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedSet:
    """Passages, questions, and what is relevant to each question that has anything relevant."""

    name: str
    #: (title, text) by id.
    passages: Mapping[str, tuple[str, str]]
    questions: Mapping[str, str]
    #: Positive grades by document, by question.
    grades: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalScores:
    """Means over the questions, one way of ranking."""

    mode: str
    #: Share of the dense half in the fused score, and what the nearness of the question's terms adds to it.
    dense_weight: float
    proximity_weight: float
    ndcg_at_10: float
    recall_at_10: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalReport:
    """One data set."""

    name: str
    n_passages: int
    n_chunks: int
    n_questions: int
    scores: tuple[RetrievalScores, ...]


def measure_retrieval(
    settings: Settings,
    folder: Path,
    *,
    max_questions: int = 0,
    progress: Callable[[str], None] = lambda line: None,
) -> RetrievalReport:
    """Index the passages on a temporary home and rank the questions dense, lexical and as configured.

    Every way of ranking is a release of its own, so that what is measured is what would be served. `max_questions` 0
    asks all.
    """
    judged = read_judged_set(folder, max_questions)
    with _as_files(judged) as (files, id_of), scratch(settings, {"passages": files}) as at:
        progress(f"{judged.name}: indexing {len(judged.passages)} passages")
        n_chunks = sync_in_own_process(at).chunks_embedded
        scores = []
        for mode, retrieval in _modes(settings.retrieval).items():
            progress(f"{judged.name}: {len(judged.grades)} questions, {mode}")
            _serve(at, retrieval)
            ask = searcher(at.settings, at.databases, at.tenant, k=N_HITS)
            scores.append(_rank_all(judged, ask, id_of, mode, retrieval))
    return RetrievalReport(
        name=judged.name, n_passages=len(judged.passages), n_chunks=n_chunks, n_questions=len(judged.grades),
        scores=tuple(scores),
    )  # fmt: skip


def _modes(configured: RetrievalConfig) -> dict[str, RetrievalConfig]:
    """Each half alone, in the order of its own scores, and what is served."""
    return {
        "dense": replace(configured, dense_weight=1.0, proximity_weight=0.0),
        "lexical": replace(configured, dense_weight=0.0, proximity_weight=0.0),
        "hybrid": configured,
    }


def read_judged_set(folder: Path, max_questions: int = 0) -> JudgedSet:
    """Read a data set; questions without a relevant document are left out.

    Raises:
        NotFound: one of the three files is missing.
        UsageError: a file does not have its fields.
    """
    try:
        passages = {line["id"]: (line.get("title") or "", line["text"]) for line in _lines(folder / "corpus.jsonl")}
        questions = {line["id"]: line["text"] for line in _lines(folder / "queries.jsonl")}
        grades = _grades((folder / "qrels.tsv").read_text(encoding="utf-8"), passages, questions)
    except OSError as error:
        raise NotFound(f"{error.filename} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError) as error:
        raise UsageError(f"{folder} is no judged set: {type(error).__name__}, {error}") from None
    if not grades:
        raise UsageError(f"{folder}: no question has a relevant passage")
    kept = sorted(grades)[: max_questions or None]
    return JudgedSet(
        name=folder.name, passages=passages, questions=questions, grades={each: grades[each] for each in kept}
    )


def _rank_all(
    judged: JudgedSet, ask: Ask, id_of: Mapping[str, str], mode: str, retrieval: RetrievalConfig
) -> RetrievalScores:
    ndcg, recall = [], []
    for question_id, grades in judged.grades.items():
        hits = ask(judged.questions[question_id]).hits
        # Grades are of passages, however many chunks one was cut into: the best chunk stands for it.
        ranked = list(dict.fromkeys(id_of[hit.uri] for hit in hits))[:DEPTH]
        ndcg.append(ndcg_at_k(ranked, {passage: grade for passage, grade in grades.items()}, DEPTH))
        recall.append(recall_at_k(ranked, list(grades), DEPTH))
    return RetrievalScores(
        mode=mode, dense_weight=retrieval.dense_weight, proximity_weight=retrieval.proximity_weight,
        ndcg_at_10=round(fmean(ndcg), 4), recall_at_10=round(fmean(recall), 4),
    )  # fmt: skip


def _serve(at: Scratch, retrieval: RetrievalConfig) -> None:
    """Serve a release that ranks in this way."""
    configured = replace(at.settings, retrieval=retrieval)
    with at.databases.pipeline.transaction(at.tenant.tenant_id) as tx:
        serving = next(each for each in generations.living(tx) if each.state == "serving")
        contents = releases.manifest(configured, serving)
        address = releases.release_id(contents)
        tx.run("releases.record", release_id=address, manifest=Jsonb(contents), actor="benchmark", reason="benchmark")
        tx.run("releases.serve", release_id=address, generation_id=serving.generation_id, actor="benchmark")


@contextmanager
def _as_files(judged: JudgedSet) -> Iterator[tuple[Path, dict[str, str]]]:
    """Write one text file a passage; yields the folder, and ids by URI, since an id need not be a file name."""
    with TemporaryDirectory(prefix="prodgen-passages-") as temporary:
        id_of = {}
        for number, (passage_id, (title, text)) in enumerate(judged.passages.items()):
            uri = f"{number:07d}.txt"
            Path(temporary, uri).write_text(f"{title}\n\n{text}\n" if title else text + "\n", encoding="utf-8")
            id_of[uri] = passage_id
        yield Path(temporary), id_of


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _grades(table: str, passages: Collection[str], questions: Collection[str]) -> dict[str, dict[str, float]]:
    """Positive grades; the first line names the columns."""
    grades: dict[str, dict[str, float]] = {}
    for question_id, passage_id, grade in list(csv.reader(table.splitlines(), delimiter="\t"))[1:]:
        if float(grade) > 0 and question_id in questions and passage_id in passages:
            grades.setdefault(question_id, {})[passage_id] = float(grade)
    return grades
