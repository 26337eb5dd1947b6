"""`cleaned_documents`: normalised elements, every rule counted."""

import dagster as dg

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
from prodgen_pipeline.lifecycle.pins import CLEANED, Pin
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.lifecycle.text_stages import Cleaning
from prodgen_pipeline.resources import Corpus
from prodgen_pipeline.storage import checks


@dg.asset(
    deps=["parsed_documents"],
    partitions_def=TENANTS,
    group_name=GROUP,
    kinds={"python", "postgres"},
    owners=OWNERS,
    tags={"stage": "3"},
    code_version=code_version(CLEANED),
    check_specs=[conservation_spec(CLEANED)],
)
def cleaned_documents(context: dg.AssetExecutionContext, corpus: Corpus) -> Result:
    """A row is a version's elements after the cleaning rules, with how often each rule changed or dropped something.

    Encoding, Unicode form, ligatures, hyphenation, running headers and footers, white space. A document that loses too
    much is quarantined.
    """
    return materialize_stage(context, corpus, Cleaning(), _details)


def _details(run: Run, pin: Pin) -> shown.Metadata:
    with run.database.transaction(run.tenant.tenant_id) as tx:
        return shown.table("rules", "rule", checks.cleaning_rules(tx, pin.place.lineage, run.run_id))
