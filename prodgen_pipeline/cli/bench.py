"""`prodgen bench`: what indexing costs, how fast searches are, how well they rank, each beside the machine it ran on.

Belongs here: arguments and tables. Does not: the measuring (evaluation.benchmarks).
"""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from prodgen_pipeline.cli.outcome import say
from prodgen_pipeline.cli.output import print_json, print_table
from prodgen_pipeline.cli.parameters import AsJson, command_group
from prodgen_pipeline.core.errors import NotFound, UsageError

if TYPE_CHECKING:
    from prodgen_pipeline.evaluation.benchmarks.engine import Speed
    from prodgen_pipeline.evaluation.benchmarks.indexing import IndexingReport
    from prodgen_pipeline.evaluation.benchmarks.scratch import SyncFigures
    from prodgen_pipeline.evaluation.benchmarks.searching import SearchReport

group = command_group("Benchmarks on a temporary home, which is removed afterwards.")

_SAMPLE_TENANTS = ("northwind-clinic", "acme-robotics")
_FIGURES: "tuple[tuple[str, Callable[[SyncFigures], float]], ...]" = (
    ("documents", lambda sync: sync.n_documents),
    ("quarantined", lambda sync: sync.n_quarantined),
    ("chunks embedded", lambda sync: sync.chunks_embedded),
    ("chunks reused", lambda sync: sync.chunks_reused),
    ("wall s", lambda sync: sync.wall_seconds),
    ("CPU s: pipeline and workers", lambda sync: sync.pipeline_cpu_seconds),
    ("CPU s: PostgreSQL", lambda sync: sync.postgres_cpu_seconds),
    ("documents/s", lambda sync: sync.n_documents / sync.wall_seconds),
    ("chunks/s", lambda sync: sync.chunks_embedded / sync.wall_seconds),
    ("peak MB: pipeline and workers (PSS)", lambda sync: sync.memory.pss_mb),
    ("peak MB: the same, shared pages counted each time (RSS)", lambda sync: sync.memory.rss_mb),
    ("peak MB: largest process (RSS)", lambda sync: sync.memory.largest_rss_mb),
)
Folder = Annotated[
    Path | None, typer.Argument(metavar="FOLDER", help="Documents to index (default: the sample corpus).")
]


@group.command()
def index(
    folder: Folder = None,
    raw_chunks: Annotated[
        int, typer.Option(min=0, help="Chunks that the embedder alone is timed on, evenly spaced; 0 for all.")
    ] = 2_000,
    write_chunks: Annotated[
        Path | None,
        typer.Option(help="Write all chunks that are embedded alone, one JSON line each, for other engines."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure indexing: time, CPU and memory, beside embedding the same text alone."""
    from prodgen_pipeline.evaluation.benchmarks.indexing import measure_indexing
    from prodgen_pipeline.settings import load_settings

    report = measure_indexing(
        load_settings(), folders(folder), raw_chunks=raw_chunks, write_chunks=write_chunks, progress=say
    )
    if as_json:
        print_json(with_machine(asdict(report) | {"cpu_ratio": report.cpu_ratio, "second_share": report.second_share}))
        return
    print_table(("", "first sync", "second sync", "one file changed"), _sync_rows(report))
    print()
    print_table(("", "chunks/s", "chunks/CPU-s"), _raw_rows(report))
    print(f"\nCPU of indexing / embedding the same text alone: {report.cpu_ratio:.2f}")
    print(f"second sync / first: {report.second_share:.1%} of the time")
    print_machine()


@group.command()
def search(
    folder: Folder = None,
    tenant: Annotated[str | None, typer.Option(metavar="TENANT", help="Search this tenant's index instead.")] = None,
    n_questions: Annotated[int, typer.Option("--questions", min=10, help="Searches per number of clients.")] = 200,
    as_json: AsJson = False,
) -> None:
    """Measure the latency of searches: one client, then eight."""
    from prodgen_pipeline.cli.session import open_tenant
    from prodgen_pipeline.evaluation.benchmarks.searching import measure_searching, measure_tenant
    from prodgen_pipeline.settings import load_settings

    if tenant is None:
        report = measure_searching(load_settings(), folders(folder), n_questions=n_questions, progress=say)
    elif folder is not None:
        raise UsageError("give FOLDER or --tenant, not both")
    else:
        with open_tenant("search", tenant) as (session, found):
            report = measure_tenant(session.settings, session.databases, found, n_questions=n_questions, progress=say)
    if as_json:
        print_json(with_machine(asdict(report)))
        return
    print(f"{report.n_documents:,} documents, {report.n_chunks:,} chunks")
    print_table(("clients", "searches/s", "", "p50 ms", "p95 ms", "p99 ms"), _search_rows(report))
    print_machine()


@group.command()
def retrieval(
    datasets: Annotated[
        list[Path], typer.Argument(metavar="DATASET...", help="Folders with corpus.jsonl, queries.jsonl and qrels.tsv.")
    ],
    max_questions: Annotated[int, typer.Option("--questions", min=0, help="Questions of each set; 0 for all.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Measure how well the dense half, the lexical half and both together rank judged questions."""
    from prodgen_pipeline.evaluation.benchmarks.retrieval import measure_retrieval
    from prodgen_pipeline.settings import load_settings

    settings = load_settings()
    reports = [measure_retrieval(settings, each, max_questions=max_questions, progress=say) for each in datasets]
    if as_json:
        print_json(with_machine({"datasets": [asdict(report) for report in reports]}))
        return
    rows = [
        (report.name, report.n_chunks, report.n_questions, score.mode, score.ndcg_at_10, score.recall_at_10)
        for report in reports
        for score in report.scores
    ]
    print_table(("data set", "chunks", "questions", "ranking", "nDCG@10", "recall@10"), rows)
    print_machine()


@group.command()
def engine(
    folder: Folder = None,
    n_chunks: Annotated[
        int, typer.Option("--chunks", min=1, help="Chunks of 256 tokens for each engine; more of shorter ones.")
    ] = 64,
    as_json: AsJson = False,
) -> None:
    """Measure the embedding engines of this machine, one thread each."""
    from prodgen_pipeline.evaluation.benchmarks.engine import measure_engines
    from prodgen_pipeline.settings import load_settings

    report = measure_engines(load_settings(), folders(folder), n_chunks=n_chunks, progress=say)
    if as_json:
        print_json(with_machine(asdict(report)))
        return
    speeds = [
        (each.engine, each.chunks, each.n_chunks, *_rates(each), round(each.min_cosine, 6)) for each in report.speeds
    ]
    columns = ("engine", "chunks", "n", "chunks/s", "chunks/CPU-s", "tokens/CPU-s", "min cosine to the first")
    print_table(columns, speeds)
    print()
    engines = [
        (each.name, round(each.load_seconds, 2), round(each.memory_mb), round(each.question_ms, 1))
        for each in report.engines
    ]
    print_table(("engine", "load s", "memory MB", "one question ms"), engines)
    print(f"\ntokenizing: {report.tokenizer_tokens_per_cpu_second:,.0f} tokens/CPU-s")
    print_machine()


@group.command()
def backfill(
    folder: Folder = None,
    n_documents: Annotated[
        int, typer.Option("--documents", min=10, help="Documents, made from those there are.")
    ] = 2_000,
    max_tokens: Annotated[int, typer.Option("--max-tokens", min=16, help="Chunk size of the next generation.")] = 128,
    per_second: Annotated[float, typer.Option("--rate", min=0.1, help="Searches a second, by two clients.")] = 5.0,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="Searching alone, before and after.")] = 20.0,
    as_json: AsJson = False,
) -> None:
    """Measure searches beside a backfill that changes the chunk size, and its cut-over."""
    from prodgen_pipeline.evaluation.benchmarks.backfilling import measure_backfilling
    from prodgen_pipeline.settings import load_settings

    report = measure_backfilling(
        load_settings(), folders(folder), n_documents=n_documents, max_tokens=max_tokens, per_second=per_second,
        seconds=seconds, progress=say,
    )  # fmt: skip
    if as_json:
        print_json(with_machine(asdict(report) | {"p95_ratio": report.p95_ratio}))
        return
    print(f"{report.n_documents:,} documents, {report.n_chunks_before:,} chunks, then {report.n_chunks_after:,}")
    print_table(
        ("searches", "seconds", "n", "p50 ms", "p95 ms", "p99 ms"),
        [(each.name, each.seconds, each.n_searches, *asdict(each.latency_ms).values()) for each in report.phases],
    )
    print(f"\nfailed: {report.n_failed}, mixed: {report.n_mixed}, p95 during / before: {report.p95_ratio:.2f}")
    found = "not found" if report.edit_seconds is None else f"found after {report.edit_seconds} s"
    print(f"an edit meanwhile: {found}")
    print(f"embedded: {report.chunks_embedded:,} chunks, reused: {report.chunks_reused:,}")
    print_machine()


@group.command()
def redact(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON Lines: text, and spans with start, end, label.")],
    policy: Annotated[
        Literal["secrets", "pii", "phi", "strict"], typer.Option(help="What counts as personal.")
    ] = "strict",
    lengths: Annotated[
        list[int] | None,
        typer.Option("--length", min=1_000, help="Characters of one long text; several for a row each."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure what the redaction filter finds in labelled texts, and its speed, beside Presidio's defaults."""
    from prodgen_pipeline.evaluation.benchmarks.redacting import LENGTHS, measure_redaction
    from prodgen_pipeline.settings import load_settings

    config = replace(load_settings().redaction, policy=policy)
    report = measure_redaction(file, config, lengths=lengths or LENGTHS, progress=say)
    if as_json:
        print_json(with_machine(asdict(report)))
        return
    print(f"{report.n_texts:,} texts, {report.n_spans:,} spans, policy {report.policy}")
    names = [each.name for each in report.qualities]
    rows: list[tuple[object, ...]] = [
        ("precision, all characters", "", *(f"{each.precision:.3f}" for each in report.qualities)),
        (
            "recall, all characters",
            sum(report.chars_by_label.values()),
            *(f"{each.recall:.3f}" for each in report.qualities),
        ),
    ]
    for label, n_chars in report.chars_by_label.items():
        rows.append((label, n_chars, *(f"{each.recall_by_label[label]:.3f}" for each in report.qualities)))
    print_table(("", "characters", *names), rows)
    print()
    speeds = [
        (each.name, each.n_chars, each.cpu_seconds, round(each.n_chars / each.cpu_seconds / 1000, 1))
        for each in (*report.throughputs, *report.lengths)
    ]
    print_table(("filter", "characters", "CPU s", "1,000 characters/CPU-s"), speeds)
    print(f"\nprodgen / stock Presidio: {report.throughput_ratio:.1f} times the throughput")
    print_machine()


def folders(folder: Path | None) -> dict[str, Path]:
    """The folder, or those of the sample corpus, which lies beside the package in a checkout."""
    if folder is not None:
        return {"files": folder}
    sample = Path(__file__).resolve().parents[2] / "sample"
    if not sample.is_dir():
        raise NotFound("the sample corpus is not part of an installed package: name a FOLDER to measure with")
    return {name: sample / name for name in _SAMPLE_TENANTS}


def _sync_rows(report: "IndexingReport") -> list[tuple[object, ...]]:
    syncs = (report.first, report.second, report.one_changed)
    rows: list[tuple[object, ...]] = [
        (name, *(None if sync is None else round(value(sync), 2) for sync in syncs)) for name, value in _FIGURES
    ]
    rows += [(f"wall s: {stage}", *(_stage(sync, stage) for sync in syncs)) for stage in report.first.stage_seconds]
    return rows


def _rates(speed: "Speed") -> tuple[float, float, int]:
    """Chunks a second, chunks and tokens a CPU second."""
    cpu = speed.cpu_seconds
    return (
        round(speed.n_chunks / speed.wall_seconds, 1), round(speed.n_chunks / cpu, 1), round(speed.n_tokens / cpu)
    )  # fmt: skip


def _stage(sync: "SyncFigures | None", stage: str) -> float | None:
    return None if sync is None else round(sync.stage_seconds.get(stage, 0.0), 2)


def _raw_rows(report: "IndexingReport") -> list[tuple[object, ...]]:
    size = f"{report.raw_one.n_chunks:,} of {report.n_raw_chunks:,} chunks of 256 tokens"
    return [
        (f"{name}, {size}", round(raw.n_chunks / raw.wall_seconds, 1), round(raw.n_chunks / raw.cpu_seconds, 1))
        for name, raw in (("embedder alone, 1 thread", report.raw_one), ("embedder alone, workers", report.raw_workers))
    ]


def _search_rows(report: "SearchReport") -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for load in report.loads:
        whole = load.latency_ms
        rows.append((load.n_clients, load.per_second, "search", whole.p50, whole.p95, whole.p99))
        rows += [("", "", f"  {name}", step.p50, step.p95, step.p99) for name, step in load.step_ms.items()]
    return rows


def with_machine(figures: dict[str, Any]) -> dict[str, Any]:
    """Figures for JSON, beside the machine that they were taken on."""
    from prodgen_pipeline.evaluation.benchmarks.machine import machine_line

    return {"machine": machine_line(), **figures}


def print_machine() -> None:
    """Say what machine the figures were taken on."""
    from prodgen_pipeline.evaluation.benchmarks.machine import machine_line

    print(f"\nmachine: {machine_line()}")
