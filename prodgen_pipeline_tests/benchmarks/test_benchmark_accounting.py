"""What figures are made of: CPU time and memory of process trees, chunks, questions, judged sets."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.clients.tokenizer import WordPieceTokenizer
from prodgen_pipeline.core.errors import NotFound, UsageError
from prodgen_pipeline.evaluation.benchmarks.machine import machine_line
from prodgen_pipeline.evaluation.benchmarks.processes import cpu_seconds, memory, tree, watched_memory
from prodgen_pipeline.evaluation.benchmarks.raw_embedding import cut, sample
from prodgen_pipeline.evaluation.benchmarks.retrieval import read_judged_set
from prodgen_pipeline.evaluation.benchmarks.searching import QUESTION_WORDS, made_questions, percentiles

# A process with an ended child that burnt 0.3 s, a living child, and 60 MB.
FAMILY = """
import subprocess, sys
burn = "import time\\nwhile time.process_time() < 0.3: pass"
subprocess.run([sys.executable, "-c", burn])
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
held = b"x" * 60_000_000
print("ready", flush=True)
input()
child.communicate(b"end\\n")
"""


@pytest.fixture
def family() -> Iterator[int]:
    parent = subprocess.Popen([sys.executable, "-c", FAMILY], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        yield parent.pid
        parent.communicate(b"end\n")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_tree_is_counted_with_living_and_ended_children(family: int) -> None:
    assert len(tree(family)) == 2
    assert cpu_seconds(family) >= 0.3
    now = memory(family)
    assert now.n_processes == 2
    assert now.rss_mb >= now.largest_rss_mb >= 60
    assert now.rss_mb >= now.pss_mb >= 60


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_that_is_gone_costs_and_holds_nothing() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert (cpu_seconds(gone.pid), memory(gone.pid).rss_mb) == (0.0, 0.0)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_peaks_are_kept_after_the_watch() -> None:
    with watched_memory(os.getpid()) as peak:
        pass
    assert peak.n_processes >= 1
    assert peak.rss_mb > 10


def test_the_machine_is_one_line() -> None:
    assert "processors" in machine_line()
    assert "\n" not in machine_line()


@settings(deadline=None, max_examples=25)
@given(st.lists(st.sampled_from(["leave", "unbelievably", "日本", "25", "—", "x" * 30]), max_size=900))
def test_cut_chunks_fill_the_window_and_lose_nothing(words: list[str]) -> None:
    text = " ".join(words)
    tokenizer = WordPieceTokenizer.load()
    sizes = [tokenizer.count(chunk) for chunk in cut([text])]
    assert all(size == 254 for size in sizes[:-1])
    assert sum(sizes) == tokenizer.count(text)


def test_a_sample_is_spread_over_the_whole() -> None:
    chunks = [str(number) for number in range(10)]
    assert sample(chunks, 5) == ["0", "2", "4", "6", "8"]
    assert sample(chunks, 0) == sample(chunks, 99) == chunks


def test_questions_are_runs_of_words_and_the_same_every_time() -> None:
    texts = [" ".join(f"w{number}-{word}" for word in range(40)) for number in range(3)]
    questions = made_questions(texts, 6)
    assert questions == made_questions(texts, 6)
    assert len(questions) == 6
    assert all(len(question.split()) == QUESTION_WORDS for question in questions)
    assert all(any(question in text for text in texts) for question in questions)
    assert made_questions([], 5) == []


def test_percentiles_are_latencies_that_somebody_had() -> None:
    latencies = percentiles([float(value) for value in range(100, 0, -1)])
    assert (latencies.p50, latencies.p95, latencies.p99) == (50.0, 95.0, 99.0)


def judged(folder: Path, qrels: str) -> Path:
    (folder / "corpus.jsonl").write_text(
        '{"id": "p1", "title": "Leave", "text": "25 days"}\n{"id": "p2", "text": "x"}\n'
    )
    (folder / "queries.jsonl").write_text('{"id": "q1", "text": "How long?"}\n{"id": "q2", "text": "Who?"}\n')
    (folder / "qrels.tsv").write_text(f"query_id\tdoc_id\tgrade\n{qrels}")
    return folder


def test_only_questions_with_a_relevant_passage_are_asked(tmp_path: Path) -> None:
    read = read_judged_set(judged(tmp_path, "q1\tp1\t2\nq1\tp9\t1\nq2\tp1\t0\n"))
    assert read.grades == {"q1": {"p1": 2.0}}
    assert read.passages == {"p1": ("Leave", "25 days"), "p2": ("", "x")}


@pytest.mark.parametrize("qrels", ["q1\tp1\tmuch\n", "q1\tp1\n", "q1\tp1\t0\n"])
def test_a_folder_without_judgements_is_no_judged_set(tmp_path: Path, qrels: str) -> None:
    with pytest.raises(UsageError):
        read_judged_set(judged(tmp_path, qrels))


def test_a_missing_file_of_a_judged_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"corpus\.jsonl"):
        read_judged_set(tmp_path)
