"""`redacted_documents`: personal values replaced by the tenant's own pseudonyms."""

import dagster as dg

from prodgen_pipeline.core.redaction import detect_elements
from prodgen_pipeline.core.serialization import unpack
from prodgen_pipeline.defs.corpus import shown
from prodgen_pipeline.defs.corpus.declarations import (
    GROUP,
    OWNERS,
    Result,
    code_version,
    conservation_spec,
    materialize_stage,
)
from prodgen_pipeline.defs.partitions import TENANTS
from prodgen_pipeline.lifecycle.pins import REDACTED, Pin
from prodgen_pipeline.lifecycle.redaction import Redaction
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.resources import Corpus
from prodgen_pipeline.storage import checks, outputs

NO_ENTITIES = "redacted_documents_contain_no_known_entities"
#: Documents of a run that are read again, and characters in all: reading costs what redacting did.
SAMPLE_DOCUMENTS = 20
SAMPLE_CHARS = 200_000


@dg.asset(
    deps=["deduped_documents"],
    partitions_def=TENANTS,
    group_name=GROUP,
    kinds={"python", "postgres"},
    owners=OWNERS,
    tags={"stage": "5"},
    code_version=code_version(REDACTED),
    check_specs=[
        conservation_spec(REDACTED),
        dg.AssetCheckSpec(
            NO_ENTITIES,
            asset=REDACTED,
            blocking=True,
            description="A sample of what this run redacted, read once more.",
        ),
    ],
)
def redacted_documents(context: dg.AssetExecutionContext, corpus: Corpus) -> Result:
    """A row is a version's text with personal values replaced by stable pseudonyms, and where they stood.

    From here on nothing holds an unredacted value: chunks, vectors, answers and the query side see this text only.
    """
    return materialize_stage(context, corpus, Redaction(), _details, _checks)


def _details(run: Run, pin: Pin) -> shown.Metadata:
    with run.database.transaction(run.tenant.tenant_id) as tx:
        return shown.table("replaced", "kind", checks.entity_labels(tx, pin.place.lineage, run.run_id))


def _checks(run: Run, pin: Pin) -> list[dg.AssetCheckResult]:
    with run.database.transaction(run.tenant.tenant_id) as tx:
        sample = checks.made_in_run(tx, pin.place, run.run_id, limit=SAMPLE_DOCUMENTS)
        stored = outputs.elements(tx, "redacted", pin.place.lineage, sample)
    found: dict[str, int] = {}
    n_chars = n_documents = 0
    for document in stored.values():
        if n_chars >= SAMPLE_CHARS:
            break
        n_chars, n_documents = n_chars + len(document.elements), n_documents + 1
        for spans in detect_elements(unpack(document.elements), pin.configuration.redaction):
            for span in spans:
                found[span.label] = found.get(span.label, 0) + 1
    return [
        dg.AssetCheckResult(
            check_name=NO_ENTITIES,
            passed=not found,
            metadata={"documents_read": n_documents, **shown.table("found", "kind", found)},
        )
    ]
