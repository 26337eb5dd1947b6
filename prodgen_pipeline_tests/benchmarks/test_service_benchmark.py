"""`bench service` and `bench conversations`: that they run and add up, not how fast anything is."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prodgen_pipeline.cli import bench_service
from prodgen_pipeline.cli.outcome import Invocation
from prodgen_pipeline.core.errors import PermanentError
from prodgen_pipeline.evaluation.benchmarks.service import Asker, measure_service
from prodgen_pipeline.serving.app import create_app
from prodgen_pipeline.serving.service import QueryService, embedder_of
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline_tests.http_server import running

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
SAMPLE = Path(__file__).parents[2] / "sample"


@LINUX
def test_every_request_over_http_is_counted_with_its_steps_and_the_rate_is_kept(settings: Settings) -> None:
    folders = {"acme": SAMPLE / "acme-robotics"}
    report = measure_service(settings, folders, 75, n_questions=8, clients=(1, 2), rate=4.0, seconds=2.0)
    assert report.n_chunks > 20
    assert [(load.route, load.n_clients) for load in report.loads] == [
        ("/v1/search", 1), ("/v1/ask", 1), ("/v1/search", 2), ("/v1/ask", 2)
    ]  # fmt: skip
    for load in report.loads:
        assert load.n_requests == 8
        assert {"redact", "embed", "retrieve", "total"} <= load.step_ms.keys()
        assert 0 < load.overhead_ms.p50 <= load.latency_ms.p95
    assert report.steady is not None
    assert report.steady.n_failed == 0
    assert sum(stretch.n_requests for stretch in report.steady.stretches) == 8
    assert any(stretch.memory_mb > 0 for stretch in report.steady.stretches)


def test_a_response_that_is_no_success_is_an_error(settings: Settings, databases: Databases) -> None:
    service = QueryService(settings, databases.serving, embedder=embedder_of(settings, purpose="query"))
    with running(create_app(service)) as address, Asker(int(address.rpartition(":")[2]), "no-key") as ask:
        with pytest.raises(PermanentError, match="/v1/search answered 401"):
            ask("/v1/search", {"text": "leave"})


def test_bench_conversations_prints_how_far_made_queries_come(tmp_path: Path) -> None:
    corpus = [
        {"id": "d1", "title": "Lighthouses", "text": "The lighthouse of Kestrel Rock was built in 1851."},
        {"id": "d2", "title": "Ferries", "text": "The ferry to Marrow Island runs twice a day and takes two hours."},
    ]  # fmt: skip
    turns = [
        {"id": "1_1", "history": [], "question": "What is the lighthouse of Kestrel Rock?",
         "rewrite": "What is the lighthouse of Kestrel Rock?", "gold": ["d1"]},
        {"id": "1_2", "history": [{"text": "What is the lighthouse of Kestrel Rock?"}, {"text": "A lighthouse."}],
         "question": "When was it built?", "rewrite": "When was the lighthouse of Kestrel Rock built?", "gold": ["d1"]},
    ]  # fmt: skip
    for name, rows in (("corpus", corpus), ("conversations", turns)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = CliRunner().invoke(
        bench_service.group, ["conversations", str(tmp_path), "--json"], obj=Invocation(), catch_exceptions=False
    )
    assert result.exit_code == 0
    figures = json.loads(result.stdout)
    assert figures["n_turns"] == 2
    assert all(score["recall_at_10"] == 1.0 for score in figures["scores"])
