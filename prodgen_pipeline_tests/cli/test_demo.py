"""The demo: what counts as expected, and the whole of it on a fresh home."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prodgen_pipeline.cli import demo

Prodgen = Callable[..., Any]
ANSWER = {"answer": "It is 850 pounds. [1]", "citations": [{"uri": "a.md"}], "refused": False}
REFUSED = {"answer": "I cannot say.", "citations": [], "refused": True}


@pytest.mark.parametrize(
    ("answer", "expected", "n_surprises"),
    [
        (ANSWER, {"contains": ["850 pounds"], "cites": ["a.md"]}, 0),
        (ANSWER, {"contains": ["900 pounds"], "cites": ["b.md"]}, 2),
        (ANSWER, {"not_contains": ["850"]}, 1),
        (ANSWER, {"refused": True}, 1),
        (REFUSED, {"refused": True}, 0),
        (REFUSED, {}, 1),
    ],
)
def test_an_answer_is_compared_with_what_is_expected(
    answer: dict[str, Any], expected: dict[str, Any], n_surprises: int
) -> None:
    whole = {"contains": [], "not_contains": [], "cites": [], "refused": False, **expected}
    assert len(demo.surprises(answer, whole)) == n_surprises


def test_without_the_sample_corpus_the_demo_says_where_it_is(
    prodgen: Prodgen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "__file__", str(tmp_path / "a" / "b" / "demo.py"))
    ended = prodgen("demo", "--exit")
    assert ended.code == 1
    assert "make demo" in ended.err


@pytest.mark.slow
def test_the_demo_answers_as_expected_and_indexes_nothing_a_second_time(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PRODGEN_", "OPENAI_"))}
    command = [sys.executable, "-m", "prodgen_pipeline", "demo", "--exit", "--ui-port", "0", "--api-port", "0"]

    def run_demo() -> str:
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    first = run_demo()
    assert first.count("\n    ok\n") == 5
    assert "nothing to index" not in first
    assert "nothing to index" in run_demo()
