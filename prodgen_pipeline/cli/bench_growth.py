"""`prodgen bench scale` and `bench tenants`: one large corpus, and many beside it, drawn from a real one.

Belongs here: arguments and tables. Does not: the measuring (evaluation.benchmarks).
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from prodgen_pipeline.cli.bench import Folder, folders, group, print_machine, with_machine
from prodgen_pipeline.cli.outcome import say
from prodgen_pipeline.cli.output import print_json, print_table
from prodgen_pipeline.cli.parameters import AsJson

__all__ = ["group"]

if TYPE_CHECKING:
    from prodgen_pipeline.evaluation.benchmarks.scaling import ScaleReport
    from prodgen_pipeline.evaluation.benchmarks.tenancy import TenantFigures


@group.command()
def scale(
    folder: Folder = None,
    sizes: Annotated[
        list[int] | None, typer.Option("--chunks", min=1_000, help="Chunks; several sizes are compared.")
    ] = None,
    n_questions: Annotated[int, typer.Option("--questions", min=10, help="Searches per reader and load.")] = 200,
    as_json: AsJson = False,
) -> None:
    """Measure searches over drawn corpora: latency, and recall for readers who see more or less (default 10,000)."""
    from prodgen_pipeline.evaluation.benchmarks.scaling import measure_scaling
    from prodgen_pipeline.settings import load_settings

    reports = [
        measure_scaling(load_settings(), folders(folder), size, n_questions=n_questions, progress=say)
        for size in sizes or [10_000]
    ]
    if as_json:
        print_json(with_machine({"sizes": [asdict(report) for report in reports]}))
        return
    for report in reports:
        print(
            f"{report.n_documents:,} documents, {report.n_chunks:,} chunks, {report.database_mb:,} MB; indexed in "
            f"{report.indexing_seconds} s without embedding"
        )
        print_table(("reader sees", "chunks", "recall@10", "short", "plans", "p50 ms", "p95 ms"), _reader_rows(report))
        loads = [(load.n_clients, load.per_second, load.latency_ms.p50, load.latency_ms.p95) for load in report.loads]
        print_table(("clients", "searches/s", "p50 ms", "p95 ms"), loads)
        print()
    print_machine()


@group.command()
def tenants(
    folder: Folder = None,
    n_tenants: Annotated[int, typer.Option("--tenants", min=10, help="Small tenants.")] = 1_000,
    documents_each: Annotated[int, typer.Option("--documents", min=10, help="Documents of a small tenant.")] = 100,
    large_documents: Annotated[int, typer.Option("--large", min=100, help="Documents of the large one.")] = 100_000,
    as_json: AsJson = False,
) -> None:
    """Measure what many small tenants and a large one cost each other."""
    from prodgen_pipeline.evaluation.benchmarks.tenancy import measure_tenancy
    from prodgen_pipeline.settings import load_settings

    report = measure_tenancy(
        load_settings(), folders(folder), n_tenants=n_tenants, documents_each=documents_each,
        large_documents=large_documents, progress=say,
    )  # fmt: skip
    if as_json:
        ratios = {"small_ratio": report.small_ratio, "large_ratio": report.large_ratio}
        print_json(with_machine(asdict(report) | ratios))
        return
    moments = (
        ("small, alone", report.small_alone),
        (f"small, beside one of {large_documents:,} documents", report.small_beside_large),
        (f"small, beside that and {n_tenants:,} tenants", report.small_beside_all),
        ("large, beside ten small ones", report.large_first),
        (f"large, beside {n_tenants:,} tenants", report.large_beside_all),
    )
    print_table(
        ("tenant", "search p50 ms", "search p95 ms", "edit found, p50 s", "p95 s"),
        [(name, *_tenant_row(figures)) for name, figures in moments],
    )
    print(f"\np95 beside everybody / alone: small {report.small_ratio:.2f}, large {report.large_ratio:.2f}")
    print_machine()


def _reader_rows(report: "ScaleReport") -> list[tuple[object, ...]]:
    return [
        (
            f"{reader.share:.1%}",
            reader.n_chunks,
            reader.recall_at_10,
            reader.n_short,
            ", ".join(f"{plan} {n}" for plan, n in sorted(reader.plans.items())),
            reader.latency_ms.p50,
            reader.latency_ms.p95,
        )
        for reader in report.readers
    ]


def _tenant_row(figures: "TenantFigures") -> tuple[object, ...]:
    return (figures.search_ms.p50, figures.search_ms.p95, figures.edit_seconds.p50, figures.edit_seconds.p95)
