"""`evaluation_report`: how well what serves answers the tenant's golden cases."""

import dagster as dg

from prodgen_pipeline.defs.corpus import shown
from prodgen_pipeline.defs.corpus.declarations import OWNERS, RELEASE_GROUP, Result
from prodgen_pipeline.defs.partitions import TENANTS
from prodgen_pipeline.lifecycle.sync import ensure_generation, ensure_release
from prodgen_pipeline.resources import Corpus

#: Case ids on the page; the rest are in the report's row.
SHOWN_CASES = 20


@dg.asset(
    deps=["chunk_embeddings"],
    partitions_def=TENANTS,
    group_name=RELEASE_GROUP,
    kinds={"python", "postgres"},
    owners=OWNERS,
    tags={"stage": "8"},
)
def evaluation_report(context: dg.AssetExecutionContext, corpus: Corpus) -> Result:
    """Recall, ranking and refusals of the serving release on the tenant's golden cases, through the real query path.

    A tenant's first release has nothing to be compared with: it is made here, before it is scored.
    """
    from prodgen_pipeline.evaluation.run import evaluate

    with corpus.run(context) as run:
        ensure_release(run, ensure_generation(run))
        report = evaluate(corpus.settings, corpus.databases, run.tenant, run_id=run.run_id)
    measured = sorted({name for part in report.scores.values() for name in part})
    failing = [dg.TableRecord({"case": case, "codes": ", ".join(codes)}) for case, codes in report.failing.items()]
    return dg.MaterializeResult(
        metadata={
            "summary": report.summary,
            "cases": report.n_cases,
            "failing": len(failing),
            **shown.rows("failing_cases", failing[:SHOWN_CASES]),
            **shown.rows("scores", [_scored(part, values, measured) for part, values in report.scores.items()]),
        }
    )


def _scored(part: str, values: dict[str, float], measured: list[str]) -> dg.TableRecord:
    """One line of the table; an empty field where no case of the part defines the measure."""
    return dg.TableRecord({"part": part, **{name: _rounded(values.get(name)) for name in measured}})


def _rounded(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
