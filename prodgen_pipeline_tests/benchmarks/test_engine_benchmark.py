"""`bench engine` on a page of text: that it times every engine on every length, not how fast they are."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prodgen_pipeline.cli import bench
from prodgen_pipeline.cli.outcome import Invocation
from prodgen_pipeline.clients.tokenizer import WordPieceTokenizer
from prodgen_pipeline.core.errors import NotFound
from prodgen_pipeline.evaluation.benchmarks.engine import LENGTHS, MIXED, SPECIAL_TOKENS, some, windows

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@LINUX
def test_bench_engine_times_every_local_engine_on_every_length(tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_text("Pumps are checked weekly by two people.\n\n" * 60)
    arguments = ["engine", str(tmp_path), "--chunks", "1", "--json"]
    result = CliRunner().invoke(bench.group, arguments, obj=Invocation(), catch_exceptions=False)
    figures = json.loads(result.stdout)
    names = [engine["name"] for engine in figures["engines"]]
    assert names[0] == "Numpy f32"
    assert len(names) >= 2
    timed = [(each["engine"], each["chunks"]) for each in figures["speeds"]]
    shapes = [*(f"{length} tokens" for length in LENGTHS), MIXED]
    assert timed == [(name, shape) for name in names for shape in shapes]
    assert all(each["cpu_seconds"] > 0 and each["min_cosine"] > 0.9995 for each in figures["speeds"])
    assert [each["n_tokens"] for each in figures["speeds"][:3]] == [256] * 3
    assert figures["tokenizer_tokens_per_cpu_second"] > 0


def test_a_folder_without_text_is_named_as_such() -> None:
    with pytest.raises(NotFound, match="too little text"):
        some([], 5)


def test_windows_hold_exactly_the_tokens_they_are_to_hold() -> None:
    tokenizer = WordPieceTokenizer.load()
    found = windows(["Pumps are checked weekly. " * 30, "short"], 32)
    assert {tokenizer.count(each) for each in found} == {32 - SPECIAL_TOKENS}
    assert some(["a", "b", "c"], 2) == ["a", "b"]
    assert some(["a", "b"], 5) == ["a", "b", "a", "b", "a"]
