"""Blocking checks of what a run made: chunks against the text they were cut from, indexes against their documents.

Belongs here: names of the checks and what they show. Does not: the counting (lifecycle.verification). They look at what
the run made, and at all counts; everything else is looked at every night (`whole_indexes_are_right`).
"""

import dagster as dg

from prodgen_pipeline.defs.corpus import shown
from prodgen_pipeline.lifecycle.pins import CHUNKED, EMBEDDED, Pin
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.lifecycle.verification import (
    IndexFaults,
    chunks_unlike_their_text,
    index_faults,
    n_unaccounted,
)
from prodgen_pipeline.resources import Corpus
from prodgen_pipeline.storage import checks, generations, tenants

TEXTS = "chunk_texts_stand_in_the_redacted_documents"
UNITS = "vectors_have_unit_length_and_the_generations_dimensions"
ENTRIES = "index_entries_have_their_documents_chunks_and_rights"
LISTS = "term_lists_and_counts_match_the_index_entries"
#: Documents of a run that are looked at, and of a stage in the nightly check.
MADE_DOCUMENTS, SAMPLE_DOCUMENTS = 5_000, 50

chunk_specs = [
    dg.AssetCheckSpec(
        TEXTS, asset=CHUNKED, blocking=True, description="But for header rows and signatures that are repeated above."
    )
]
index_specs = [
    dg.AssetCheckSpec(UNITS, asset=EMBEDDED, blocking=True, description="In every living generation."),
    dg.AssetCheckSpec(ENTRIES, asset=EMBEDDED, blocking=True, description="In every living generation; no orphans."),
    dg.AssetCheckSpec(LISTS, asset=EMBEDDED, blocking=True, description="In every living generation."),
]


def chunk_results(run: Run, pin: Pin) -> list[dg.AssetCheckResult]:
    """The check of `chunk_specs`, over a sample of what the run made for the serving generation."""
    with run.database.transaction(run.tenant.tenant_id) as tx:
        serving = next(each for each in generations.living(tx) if each.state == "serving")
        sample = checks.made_in_run(tx, pin.place, run.run_id, limit=SAMPLE_DOCUMENTS)
        n_compared, n_unlike = chunks_unlike_their_text(tx, serving, sample)
    return [
        dg.AssetCheckResult(
            check_name=TEXTS, passed=n_unlike == 0, metadata={"chunks_compared": n_compared, "chunks_unlike": n_unlike}
        )
    ]


def index_results(run: Run, pin: Pin) -> list[dg.AssetCheckResult]:
    """The checks of `index_specs`, over what the run made, in every living generation."""
    with run.database.transaction(run.tenant.tenant_id) as tx:
        made = checks.made_in_run(tx, pin.place, run.run_id, limit=MADE_DOCUMENTS)
        found = [index_faults(tx, generation, made) for generation in generations.living(tx)]
    return [
        _result(UNITS, {each.generation_id: each.vectors for each in found}),
        _result(ENTRIES, {each.generation_id: each.entries for each in found}),
        _result(LISTS, {each.generation_id: each.lists for each in found}),
    ]


def _result(name: str, faults: dict[int, dict[str, int]]) -> dg.AssetCheckResult:
    rows = [dg.TableRecord({"generation": generation, **counts}) for generation, counts in faults.items()]
    wrong = sorted({kind for counts in faults.values() for kind, count in counts.items() if count})
    return dg.AssetCheckResult(
        check_name=name,
        passed=not wrong,
        description=f"not 0: {', '.join(wrong)}" if wrong else None,
        metadata=shown.rows("faults", rows),
    )


@dg.asset_check(
    asset=EMBEDDED,
    name="whole_indexes_are_right",
    description="Every entry, term list and count of every tenant's living generations, and a sample of chunk texts.",
)
def whole_indexes_are_right(corpus: Corpus) -> dg.AssetCheckResult:
    """Look at everything that runs look at in part."""
    database = corpus.databases.pipeline
    with database.transaction() as tx:
        known = tenants.list_all(tx)
    rows = []
    for tenant in known:
        with database.transaction(tenant.tenant_id) as tx:
            for generation in generations.living(tx):
                sample = checks.chunked_sample(tx, generation.lineage(CHUNKED), limit=SAMPLE_DOCUMENTS)
                n_unlike = chunks_unlike_their_text(tx, generation, sample)[1]
                others = {
                    "n_chunks_unlike_their_text": n_unlike,
                    "n_documents_unaccounted_for": n_unaccounted(tx, generation),
                }
                rows += _fault_rows(tenant.name, index_faults(tx, generation), others)
    wrong = sorted({str(row.data["tenant"]) for row in rows if row.data["count"]})
    return dg.AssetCheckResult(
        passed=not wrong,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"faults in the index of: {', '.join(wrong)}" if wrong else None,
        metadata=shown.rows("faults", [row for row in rows if row.data["count"]]),
    )


def _fault_rows(tenant: str, faults: IndexFaults, others: dict[str, int]) -> list[dg.TableRecord]:
    counts = {**faults.vectors, **faults.entries, **faults.lists, **others}
    return [
        dg.TableRecord({"tenant": tenant, "generation": faults.generation_id, "fault": kind, "count": count})
        for kind, count in counts.items()
    ]
