"""`prodgen bench service` and `bench conversations`: what a question takes over HTTP, and what follow-ups find.

Belongs here: arguments and tables. Does not: the measuring (evaluation.benchmarks).
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prodgen_pipeline.cli.bench import Folder, folders, print_machine, with_machine
from prodgen_pipeline.cli.bench_growth import group
from prodgen_pipeline.cli.outcome import say
from prodgen_pipeline.cli.output import print_json, print_table
from prodgen_pipeline.cli.parameters import AsJson

__all__ = ["group"]

if TYPE_CHECKING:
    from prodgen_pipeline.evaluation.benchmarks.service import ServiceReport


@group.command()
def service(
    folder: Folder = None,
    n_chunks: Annotated[int, typer.Option("--chunks", min=1_000, help="Chunks of the drawn corpus.")] = 10_000,
    n_questions: Annotated[int, typer.Option("--questions", min=20, help="Requests per route and load.")] = 200,
    rate: Annotated[float, typer.Option("--rate", min=0.1, help="Questions a second at a constant rate.")] = 5.0,
    minutes: Annotated[float, typer.Option("--minutes", min=0, help="Minutes at that rate; 0 for none.")] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Measure the service over HTTP without a model: searches, answers in sessions, and a constant rate."""
    from prodgen_pipeline.evaluation.benchmarks.service import measure_service
    from prodgen_pipeline.settings import load_settings

    report = measure_service(
        load_settings(), folders(folder), n_chunks, n_questions=n_questions, rate=rate, seconds=minutes * 60,
        progress=say,
    )  # fmt: skip
    if as_json:
        print_json(with_machine(asdict(report)))
        return
    print(f"{report.n_chunks:,} chunks; answers are extractive")
    print_table(("route", "clients", "requests/s", "", "p50 ms", "p95 ms", "p99 ms"), _rows(report))
    if report.steady is not None:
        print(f"\n{report.steady.per_second} questions a second, {report.steady.n_failed} failed")
        stretches = [
            (each.minute, each.n_requests, *asdict(each.latency_ms).values(), each.memory_mb)
            for each in report.steady.stretches
        ]
        print_table(("minute", "answers", "p50 ms", "p95 ms", "p99 ms", "memory MB"), stretches)
    print_machine()


@group.command()
def conversations(
    folder: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder: corpus.jsonl and conversations.jsonl.")],
    as_json: AsJson = False,
) -> None:
    """Measure what follow-ups find as asked, as made to stand alone, and as a person rewrote them."""
    from prodgen_pipeline.evaluation.benchmarks.conversations import measure_conversations
    from prodgen_pipeline.settings import load_settings

    report = measure_conversations(load_settings(), folder, progress=say)
    if as_json:
        print_json(with_machine(asdict(report)))
        return
    print(f"{report.name}: {report.n_turns} turns of {report.n_conversations} conversations")
    rows = [
        (each.asked, *(f"{value:.3f}" for value in (each.recall_at_10, each.recall_at_3, each.reciprocal_rank)),
         f"{each.recall_tuned_on:.3f}", f"{each.recall_others:.3f}")
        for each in report.scores
    ]  # fmt: skip
    columns = ("asked", "recall@10", "recall@3", "MRR", "recall@10 of those tuned on", "of the others")
    print_table(columns, rows)
    print(f"\nway from the raw question to the rewrite: {report.share_of_the_way:.0%}")
    print_table(("turn", "n"), [*report.types.items(), ("a model would be asked", report.n_unsure)])
    print(f"understanding a turn: p50 {report.understanding_ms_p50} ms, p95 {report.understanding_ms_p95} ms")
    print_machine()


def _rows(report: "ServiceReport") -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for load in report.loads:
        whole, rest = load.latency_ms, load.overhead_ms
        rows.append((load.route, load.n_clients, load.per_second, "response", whole.p50, whole.p95, whole.p99))
        if load.route == "/v1/ask":
            rows.append(("", "", "", "without finding its sentences", rest.p50, rest.p95, rest.p99))
        rows += [("", "", "", f"  {name}", step.p50, step.p95, step.p99) for name, step in load.step_ms.items()]
    return rows
