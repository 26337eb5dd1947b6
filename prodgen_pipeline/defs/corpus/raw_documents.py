"""`raw_documents`: document versions, as observed in the tenant's document stores."""

import dagster as dg

from prodgen_pipeline.defs.corpus import shown
from prodgen_pipeline.defs.corpus.declarations import GROUP, OWNERS, Result
from prodgen_pipeline.defs.partitions import TENANTS
from prodgen_pipeline.lifecycle import observation
from prodgen_pipeline.lifecycle.pins import RAW
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.lifecycle.sync import ensure_generation
from prodgen_pipeline.resources import Corpus
from prodgen_pipeline.storage import checks, sources

RECORDED = "every_living_document_has_its_newest_version"
LISTED = "every_source_was_listed_completely"


@dg.asset(
    partitions_def=TENANTS,
    group_name=GROUP,
    kinds={"python", "postgres", "file"},
    owners=OWNERS,
    tags={"stage": "1"},
    code_version="1",
    check_specs=[
        dg.AssetCheckSpec(RECORDED, asset=RAW, blocking=True, description="No document without a recorded version."),
        dg.AssetCheckSpec(
            LISTED, asset=RAW, description="What could not be listed keeps what it had; nothing is deleted."
        ),
    ],
)
def raw_documents(context: dg.AssetExecutionContext, corpus: Corpus) -> Result:
    """A row is a document version: its bytes in the object store by content, its address, times, and who may read it.

    A rename keeps the document. A listing that is not complete deletes nothing; a mass delete waits for a person.
    """
    with corpus.run(context) as run:
        ensure_generation(run)
        with run.database.transaction(run.tenant.tenant_id) as tx:
            known = sources.list_all(tx)
        for source in known:
            observation.observe(run, source)
        return dg.MaterializeResult(
            metadata={**shown.counts(run, RAW), **shown.quarantine(run, RAW), **_sources(run)},
            check_results=[_recorded(run), _listed(run)],
        )


def _sources(run: Run) -> shown.Metadata:
    with run.database.transaction(run.tenant.tenant_id) as tx:
        records = [
            dg.TableRecord({"source": each.name, "documents": each.n_documents, "held_back": each.held_back})
            for each in sources.list_all(tx)
        ]
    return shown.rows("sources", records)


def _recorded(run: Run) -> dg.AssetCheckResult:
    with run.database.transaction(run.tenant.tenant_id) as tx:
        counted = checks.raw_versions(tx)
    return dg.AssetCheckResult(check_name=RECORDED, passed=counted.n_missing == 0, metadata=shown.figures(counted))


def _listed(run: Run) -> dg.AssetCheckResult:
    with run.database.transaction(run.tenant.tenant_id) as tx:
        failing = {each.name: each.error for each in sources.list_all(tx) if each.error}
    return dg.AssetCheckResult(
        check_name=LISTED,
        passed=not failing,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(f"{name}: {error}" for name, error in failing.items()) or None,
    )
