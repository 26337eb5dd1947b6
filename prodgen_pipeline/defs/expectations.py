"""Great Expectations suites over the chunks and vectors of every tenant, as asset checks of a nightly job.

Belongs here: what is expected of a stage's rows as a whole. Does not: what must stop the line (SQL in the stage's own
file, milliseconds). The library takes seconds to import and is imported in the checks, so that it is in no small
run's way. It sees numbers only, and its results are kept without values.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from prodgen_pipeline.core.chunking.profiles import largest_max_tokens
from prodgen_pipeline.defs.corpus import shown
from prodgen_pipeline.defs.corpus.verified import whole_indexes_are_right
from prodgen_pipeline.lifecycle.pins import CHUNKED, EMBEDDED, from_json
from prodgen_pipeline.lifecycle.verification import NORM_TOLERANCE
from prodgen_pipeline.resources import Corpus
from prodgen_pipeline.storage import checks, generations, tenants
from prodgen_pipeline.storage.database import Transaction
from prodgen_pipeline.storage.generations import Generation

if TYPE_CHECKING:
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult

#: Rows of a tenant that one check looks at.
MAX_ROWS = 200_000
Facts = list[dict[str, Any]]
#: An expectation's type and its arguments.
Expected = tuple[str, dict[str, Any]]


@dg.asset_check(
    asset=CHUNKED, name="chunks_meet_expectations", description="Sizes, order and keys of all current chunks."
)
def chunks_meet_expectations(corpus: Corpus) -> dg.AssetCheckResult:
    """Look at the chunks of every tenant."""
    return _validate_tenants(corpus, CHUNKED)


@dg.asset_check(
    asset=EMBEDDED, name="vectors_meet_expectations", description="Dimensions and unit length of all indexed vectors."
)
def vectors_meet_expectations(corpus: Corpus) -> dg.AssetCheckResult:
    """Look at the vectors of every tenant."""
    return _validate_tenants(corpus, EMBEDDED)


expectation_checks = [chunks_meet_expectations, vectors_meet_expectations, whole_indexes_are_right]
expectations_job = dg.define_asset_job(
    "expectations_job",
    selection=dg.AssetSelection.checks(*expectation_checks),
    description="Great Expectations suites and exhaustive checks over the whole corpus of every tenant.",
)
nightly_expectations = dg.ScheduleDefinition(
    name="nightly_expectations",
    job=expectations_job,
    cron_schedule="17 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)


def _validate_tenants(corpus: Corpus, stage: str) -> dg.AssetCheckResult:
    with corpus.databases.pipeline.transaction() as tx:
        known = tenants.list_all(tx)
    rows: list[dg.TableRecord] = []
    for tenant in known:
        with corpus.databases.pipeline.transaction(tenant.tenant_id) as tx:
            living = generations.living(tx)
        # Generations that share a stage share its rows.
        for generation in {_rows_of(each, stage): each for each in living}.values():
            with corpus.databases.pipeline.transaction(tenant.tenant_id) as tx:
                facts = _facts(tx, stage, generation)
            if facts:
                validated = validate(facts, expectations(stage, generation))
                rows += _rows(tenant.name, generation.generation_id, len(facts), validated)
    failed = sorted({str(row.data["expectation"]) for row in rows if not row.data["met"]})
    return dg.AssetCheckResult(
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"not met: {', '.join(failed)}" if failed else None,
        metadata=shown.rows("results", rows),
    )


def _rows_of(generation: Generation, stage: str) -> str:
    return generation.lineage(CHUNKED) if stage == CHUNKED else str(generation.generation_id)


def _facts(tx: Transaction, stage: str, generation: Generation) -> Facts:
    if stage == CHUNKED:
        return checks.chunk_facts(tx, generation.lineage(CHUNKED), limit=MAX_ROWS)
    return checks.vector_facts(tx, generation.generation_id, limit=MAX_ROWS)


def expectations(stage: str, generation: Generation) -> list[Expected]:
    """What holds for every row of a stage, as the library's own names and arguments."""
    configuration = from_json(generation.configuration)
    if stage == CHUNKED:
        return [
            ("expect_column_values_to_be_unique", {"column": "chunk_id"}),
            ("expect_compound_columns_to_be_unique", {"column_list": ["document_id", "version", "ordinal"]}),
            (
                "expect_column_values_to_be_between",
                {"column": "n_tokens", "min_value": 1, "max_value": largest_max_tokens(configuration.chunking)},
            ),
            ("expect_column_values_to_be_between", {"column": "n_span_chars", "min_value": 1}),
            # Later chunks of tables and of code repeat lines and are longer than their span; none is shorter.
            (
                "expect_column_pair_values_a_to_be_greater_than_b",
                {"column_A": "n_chars", "column_B": "n_span_chars", "or_equal": True},
            ),
            ("expect_column_values_to_be_in_set", {"column": "n_hash_bytes", "value_set": [32]}),
        ]
    return [
        ("expect_column_values_to_be_unique", {"column": "chunk_id"}),
        (
            "expect_column_values_to_be_in_set",
            {"column": "dimensions", "value_set": [configuration.embedding.dimensions]},
        ),
        (
            "expect_column_values_to_be_between",
            {"column": "norm", "min_value": 1 - NORM_TOLERANCE, "max_value": 1 + NORM_TOLERANCE},
        ),
        ("expect_column_values_to_be_between", {"column": "n_terms", "min_value": 0}),
    ]


def validate(facts: Facts, expected: Sequence[Expected]) -> "ExpectationSuiteValidationResult":
    """Validate rows in memory against expectations; the result says how many rows failed, and no value."""
    import great_expectations as gx
    import pandas as pd
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("corpus").add_dataframe_asset("facts")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": pd.DataFrame(facts)})
    suite = gx.ExpectationSuite("suite", expectations=[{"type": name, "kwargs": kwargs} for name, kwargs in expected])
    return batch.validate(suite, result_format={"result_format": "BASIC", "partial_unexpected_count": 0})


def _rows(
    tenant: str, generation: int, n_rows: int, result: "ExpectationSuiteValidationResult"
) -> list[dg.TableRecord]:
    return [
        dg.TableRecord(
            {
                "tenant": tenant,
                "generation": generation,
                "expectation": _named(each.expectation_config),
                "met": bool(each.success),
                "rows": n_rows,
                "unexpected": int(each.result.get("unexpected_count", 0) or 0),
            }
        )
        for each in result.results
    ]


def _named(config: Any) -> str:  # noqa: ANN401 - the library's own record
    columns = [config.kwargs.get(key) for key in ("column", "column_A", "column_B", "column_list")]
    return f"{config.type}({', '.join(str(each) for each in columns if each)})"
