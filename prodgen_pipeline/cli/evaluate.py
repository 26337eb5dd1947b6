"""`prodgen eval`: what the served release scores on a tenant's golden questions."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from prodgen_pipeline.cli.outcome import say
from prodgen_pipeline.cli.output import print_json, print_table
from prodgen_pipeline.cli.parameters import AsJson, TenantName, command_group

group = command_group("Evaluation: run.")


@group.command()
def run(
    tenant_name: TenantName,
    cases: Annotated[
        Path | None, typer.Option("--cases", metavar="FILE", help="A golden set in JSON Lines, added to the tenant's.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask every golden question through the query path and store the scores."""
    from prodgen_pipeline.cli.session import open_tenant
    from prodgen_pipeline.evaluation.cases import keep_cases, read_cases
    from prodgen_pipeline.evaluation.run import evaluate
    from prodgen_pipeline.governance import audit

    golden = read_cases(cases) if cases is not None else []
    with open_tenant("eval run", tenant_name) as (session, tenant):
        if golden:
            with session.databases.pipeline.transaction(tenant.tenant_id) as tx:
                n_kept = keep_cases(tx, golden)
                audit.record(tx, session.actor_name, "evaluation.add_cases", cases=n_kept)
        report = evaluate(session.settings, session.databases, tenant)
    if as_json:
        print_json(asdict(report))
        return
    measures = list(report.scores.get("overall", {}))
    if measures:
        rows = [(part, *(_rounded(scores.get(name)) for name in measures)) for part, scores in report.scores.items()]
        print_table(("part", *measures), rows)
    for case_id, codes in report.failing.items():
        print(f"failing: {case_id} ({', '.join(codes)})")
    say(report.summary)


@group.callback()
def _about() -> None:
    """Keeps `run` a sub-command: a Typer group of one command would become that command."""


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
