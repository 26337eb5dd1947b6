"""What every asset of the corpus declares alike, and the body of a stage: run it, count it, check it, show it.

Belongs here: the words that appear on every asset's page. Does not: what a stage's own checks are (its file), how
figures become tables (shown).
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

import dagster as dg

from prodgen_pipeline.core.errors import IntegrityError
from prodgen_pipeline.defs.corpus import shown
from prodgen_pipeline.lifecycle import backfill
from prodgen_pipeline.lifecycle.engine import Stage
from prodgen_pipeline.lifecycle.pins import STAGES, Pin, fingerprints, pins_of
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.lifecycle.sync import ensure_generation, run_pins
from prodgen_pipeline.resources import Corpus
from prodgen_pipeline.settings import load_settings
from prodgen_pipeline.storage import checks

GROUP = "corpus"
RELEASE_GROUP = "release"
OWNERS = ["team:platform"]
SAMPLE = 10
CONSERVATION = "every_document_is_accounted_for"
#: Dagster's own tag on runs that were launched as a backfill.
BACKFILL_TAG = "dagster/backfill"

if TYPE_CHECKING:
    Result = dg.MaterializeResult[None]
else:
    # Dagster takes the plain class for "one output with its checks", and a parametrised one for several outputs.
    Result = dg.MaterializeResult

#: What a stage adds to the page of its materialization, and its own checks.
Details = Callable[[Run, Pin], dict[str, dg.MetadataValue]]
Checks = Callable[[Run, Pin], Sequence[dg.AssetCheckResult]]


@cache
def code_version(stage: str) -> str:
    """The stage's fingerprint under the working configuration; another one marks what was made before as outdated."""
    return fingerprints(load_settings().pipeline)[stage]["fingerprint"]


def conservation_spec(stage: str) -> dg.AssetCheckSpec:
    """Rows in = rows out + rows explained; stops the line."""
    return dg.AssetCheckSpec(
        CONSERVATION,
        asset=stage,
        blocking=True,
        description="Every document that the stage before made is done, quarantined with a reason, a copy, or waits.",
    )


def no_details(run: Run, pin: Pin) -> dict[str, dg.MetadataValue]:
    """A stage with nothing to add."""
    return {}


def no_checks(run: Run, pin: Pin) -> Sequence[dg.AssetCheckResult]:
    """A stage with no check of its own."""
    return ()


def materialize_stage(
    context: dg.AssetExecutionContext,
    corpus: Corpus,
    stage: Stage,
    details: Details = no_details,
    own: Checks = no_checks,
) -> Result:
    """Run a stage for every generation that is kept up to date; figures and checks are those of the serving one.

    In a run that was launched as a backfill, the next generation is built as well, if the configuration asks for one.
    """
    if BACKFILL_TAG in context.run.tags:
        build_next(context, corpus, stage.name)
    with corpus.run(context) as run:
        living = ensure_generation(run)
        run_pins(run, stage, living)
        pin = serving_pin(pins_of(living, stage.name))
        return dg.MaterializeResult(
            metadata={**shown.counts(run, stage.name), **_sample(run, pin), **details(run, pin)},
            check_results=[_conservation(run, pin), *own(run, pin)],
        )


def build_next(context: dg.AssetExecutionContext, corpus: Corpus, stage: str) -> None:
    """Build this stage of the next generation; with the last one it is complete, and waits for its cut-over."""
    with corpus.run(context) as run:
        ensure_generation(run)
    with corpus.backfill(context, run_id=f"{context.run.run_id}-backfill") as run:
        opened = backfill.open_next(run)
        context.log.info(f"backfill: {opened.outcome}, first stage that differs: {opened.first_stage or 'none'}")
        if opened.generation is None:
            return
        if stage == STAGES[-1]:
            backfill.build(run, opened.generation)
        else:
            backfill.build_stage(run, stage, opened.generation)


def serving_pin(pins: Sequence[Pin]) -> Pin:
    """The pin that searches read; raises IntegrityError where a tenant has none."""
    for pin in pins:
        if pin.serving:
            return pin
    raise IntegrityError("no generation serves the tenant: see `prodgen generation list`")


def _sample(run: Run, pin: Pin) -> shown.Metadata:
    """Ids of some documents that the run took through the stage, and what waits for a person before it."""
    with run.database.transaction(run.tenant.tenant_id) as tx:
        ids = checks.made_in_run(tx, pin.place, run.run_id, limit=SAMPLE)
    return {"sample_document_ids": dg.MetadataValue.json(ids), **shown.quarantine(run, pin.place.stage)}


def _conservation(run: Run, pin: Pin) -> dg.AssetCheckResult:
    """Count the stage's rows against those of the stage before."""
    with run.database.transaction(run.tenant.tenant_id) as tx:
        counted = checks.accounted(tx, pin.place, pin.previous)
    return dg.AssetCheckResult(
        check_name=CONSERVATION,
        passed=counted.n_unexplained == 0,
        metadata=shown.figures(counted),
        description=f"{counted.n_unexplained} of {counted.n_in} documents are not accounted for",
    )
