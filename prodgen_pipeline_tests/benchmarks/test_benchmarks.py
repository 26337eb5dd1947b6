"""The benchmarks themselves, on corpora of a few sentences: that they run and add up, not how fast anything is."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prodgen_pipeline.cli import bench
from prodgen_pipeline.cli.outcome import Invocation
from prodgen_pipeline.core.errors import NotFound
from prodgen_pipeline.evaluation.benchmarks.indexing import IndexingReport, measure_indexing
from prodgen_pipeline.evaluation.benchmarks.processes import PeakMemory
from prodgen_pipeline.evaluation.benchmarks.raw_embedding import RawSpeed
from prodgen_pipeline.evaluation.benchmarks.scratch import SyncFigures
from prodgen_pipeline.evaluation.benchmarks.searching import measure_tenant
from prodgen_pipeline.lifecycle.sync import open_run, sync_tenant
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import sources
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = tmp_path / "files"
    files.mkdir()
    (files / "leave.md").write_text("# Leave\n\nEverybody has annual leave. Ask your lead two weeks ahead.\n")
    (files / "travel.txt").write_text("Train travel in second class is refunded in full. Keep the ticket.\n")
    return files


def printed(*arguments: str) -> str:
    result = CliRunner().invoke(bench.group, list(arguments), obj=Invocation(), catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


@LINUX
def test_bench_index_prints_three_syncs_beside_the_embedder_alone_and_leaves_the_folder_as_it_was(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    figures = json.loads(printed("index", str(folder), "--raw-chunks", "1", "--json"))
    first, second, changed = figures["first"], figures["second"], figures["one_changed"]
    assert (first["n_documents"], first["chunks_embedded"]) == (2, 2)
    assert (second["n_documents"], second["chunks_embedded"]) == (0, 0)
    assert (changed["n_documents"], changed["chunks_embedded"]) == (1, 1)
    assert all(each["pipeline_cpu_seconds"] > 0 and each["memory"]["pss_mb"] > 0 for each in (first, second, changed))
    assert set(first["stage_seconds"]) >= {"raw_documents", "parsed_documents", "chunk_embeddings"}
    assert figures["raw_one"]["cpu_seconds"] > 0
    assert figures["raw_workers"]["n_chunks"] == 1
    assert figures["cpu_ratio"] > 0
    assert figures["machine"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@LINUX
def test_a_folder_that_is_not_there_is_named_before_anything_starts(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        measure_indexing(settings, {"files": tmp_path / "nowhere"})


def test_bench_search_measures_every_step_for_one_client_and_for_several(
    settings: Settings, databases: Databases, tenant: Tenant, folder: Path
) -> None:
    with pytest.raises(NotFound, match="serves no text"):
        measure_tenant(settings, databases, tenant)
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        sources.add(tx, "files", str(folder), include=[], exclude=[], groups=["staff"])
    with open_run(settings, databases.pipeline, tenant, run_id="run-1", kind="sync", actor="test") as run:
        sync_tenant(run)
    report = measure_tenant(settings, databases, tenant, n_questions=6, clients=(1, 3))
    assert (report.n_documents, report.n_chunks) == (2, 2)
    assert [load.n_clients for load in report.loads] == [1, 3]
    for load in report.loads:
        assert load.n_searches > 3
        assert {"redact", "embed", "retrieve", "total"} <= set(load.step_ms)
        assert 0 < load.latency_ms.p50 <= load.latency_ms.p95 <= load.latency_ms.p99


@LINUX
def test_bench_retrieval_ranks_a_judged_set_in_three_ways(tmp_path: Path) -> None:
    passages = {
        "p 1": "The kestrel hovers over the meadow.",
        "p/2": "Basalt columns form as lava cools.",
        "p3": "A sonnet.",
    }
    lines = [json.dumps({"id": key, "title": "", "text": text}) for key, text in passages.items()]
    (tmp_path / "corpus.jsonl").write_text("\n".join(lines))
    (tmp_path / "queries.jsonl").write_text('{"id": "q1", "text": "how do basalt columns form"}')
    (tmp_path / "qrels.tsv").write_text("query_id\tdoc_id\tgrade\nq1\tp/2\t1\n")
    [report] = json.loads(printed("retrieval", str(tmp_path), "--json"))["datasets"]
    assert (report["n_passages"], report["n_questions"]) == (3, 1)
    assert [score["mode"] for score in report["scores"]] == ["dense", "lexical", "hybrid"]
    assert all(score["ndcg_at_10"] == score["recall_at_10"] == 1.0 for score in report["scores"])


def test_the_table_of_bench_index_has_a_column_a_sync_and_a_dash_where_there_was_none() -> None:
    sync = SyncFigures(
        n_documents=4, n_quarantined=1, chunks_embedded=20, chunks_reused=0, wall_seconds=2.0, pipeline_cpu_seconds=3.0,
        postgres_cpu_seconds=1.0, stage_seconds={"raw_documents": 0.5}, memory=PeakMemory(pss_mb=100.0),
    )  # fmt: skip
    raw = RawSpeed(n_chunks=10, wall_seconds=1.0, cpu_seconds=1.0)
    report = IndexingReport(
        n_files=5, n_bytes=900, first=sync, second=replace(sync, n_documents=0, stage_seconds={}), one_changed=None,
        n_raw_chunks=20, raw_one=raw, raw_workers=raw,
    )  # fmt: skip
    rows = {row[0]: row[1:] for row in bench._sync_rows(report)}
    assert rows["documents"] == (4, 0, None)
    assert rows["documents/s"] == (2.0, 0.0, None)
    assert rows["wall s: raw_documents"] == (0.5, 0.0, None)
    assert (report.raw_cpu_seconds, report.cpu_ratio, report.second_share) == (2.0, 2.0, 1.0)
