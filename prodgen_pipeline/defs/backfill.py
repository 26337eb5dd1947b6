"""Backfills, cut-overs and rollbacks as jobs that a person launches for some tenants, and the schedule that reclaims.

Belongs here: jobs, and what their pages show. Does not: the work (lifecycle.backfill, cutover, reclaiming), the golden
questions (evaluation).
"""

from collections.abc import Sequence

import dagster as dg

from prodgen_pipeline.core.errors import Busy
from prodgen_pipeline.defs.partitions import TENANTS
from prodgen_pipeline.lifecycle import backfill, cutover, reclaiming
from prodgen_pipeline.lifecycle.cutover_checks import Check
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.resources import ACTOR, Corpus
from prodgen_pipeline.storage import tenants

#: On runs that may take hours: dagster.yaml limits how many of them there are at a time, so that live runs find room.
LANE = {"prodgen/lane": "backfill"}


class BackfillOptions(dg.Config):
    """What a person may say when a backfill is launched."""

    #: Let the new generation serve when it is built and its checks pass.
    cutover: bool = False
    accept_losses: int = 0


class CutOverOptions(dg.Config):
    """What a person may say when a cut-over is launched."""

    accept_losses: int = 0
    #: A reason to serve whatever the checks say; kept in the audit log.
    force: str = ""


@dg.op(description="Opens the tenant's next generation, or goes on with it, and builds it beside the one that serves.")
def build_next_generation(context: dg.OpExecutionContext, config: BackfillOptions, corpus: Corpus) -> None:
    """Build; then cut over, if that was asked for. A check that is in the way fails the run."""
    with corpus.backfill(context, run_id=context.run.run_id) as run:
        opened = backfill.backfill(run)
        context.add_output_metadata(
            {
                "outcome": opened.outcome,
                "generation": opened.generation.generation_id if opened.generation else (opened.other or 0),
                "first_stage": opened.first_stage or "none differs",
                "documents": opened.n_documents,
                "chunks_embedded": run.chunks_embedded,
                "chunks_reused": run.chunks_reused,
                "usd": run.usd,
            }
        )
        if config.cutover and opened.generation is not None:
            _cut_over(context, corpus, run, accept_losses=config.accept_losses, force="")


@dg.op(description="Lets the generation under construction serve, if its checks pass.")
def let_it_serve(context: dg.OpExecutionContext, config: CutOverOptions, corpus: Corpus) -> None:
    """Cut over; a check that is in the way fails the run."""
    with corpus.backfill(context, run_id=context.run.run_id) as run:
        _cut_over(context, corpus, run, accept_losses=config.accept_losses, force=config.force)


@dg.op(description="Serves again from the generation that served before, at once.")
def serve_the_one_before(context: dg.OpExecutionContext, corpus: Corpus) -> None:
    """Roll back."""
    with corpus.translated(context):
        release = cutover.roll_back(corpus.databases.pipeline, corpus.tenant(context), ACTOR)
    context.add_output_metadata({"generation": release.generation_id, "release": release.release_id})


@dg.op(description="Deletes what only generations have whose soak time is over, of every tenant.")
def reclaim_generations(context: dg.OpExecutionContext, corpus: Corpus) -> None:
    """Reclaim; a tenant on which a backfill works keeps its turn for the next day."""
    with corpus.databases.pipeline.transaction() as tx:
        known = tenants.list_all(tx)
    gone = 0
    with corpus.translated(context):
        for tenant in known:
            try:
                gone += len(reclaiming.reclaim(corpus.settings, corpus.databases.pipeline, tenant, actor=ACTOR))
            except Busy as busy:
                context.log.info(str(busy))
    context.add_output_metadata({"tenants": len(known), "generations_reclaimed": gone})


@dg.job(partitions_def=TENANTS, tags=LANE)
def backfill_job() -> None:
    """Builds the next generation of the partition's tenant from the working configuration; live runs go first."""
    build_next_generation()


@dg.job(partitions_def=TENANTS)
def cutover_job() -> None:
    """Lets the generation under construction serve the partition's tenant, if its checks pass."""
    let_it_serve()


@dg.job(partitions_def=TENANTS)
def rollback_job() -> None:
    """Serves the partition's tenant again from the generation that served before."""
    serve_the_one_before()


@dg.job(tags=LANE)
def reclaim_job() -> None:
    """Deletes what only generations have that nobody can go back to any more."""
    reclaim_generations()


daily_reclaim = dg.ScheduleDefinition(
    name="daily_reclaim",
    job=reclaim_job,
    cron_schedule="47 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
backfill_jobs = [backfill_job, cutover_job, rollback_job, reclaim_job]


def _cut_over(context: dg.OpExecutionContext, corpus: Corpus, run: Run, *, accept_losses: int, force: str) -> None:
    from prodgen_pipeline.evaluation.generations import golden_judge

    done = cutover.cut_over(
        run,
        judge=golden_judge(corpus.settings, corpus.databases, run.tenant),
        accept_losses=accept_losses,
        force_reason=force or None,
    )
    if done.release is None:
        raise dg.Failure(
            description=f"generation {done.generation_id} does not serve: a check is in the way",
            metadata=_shown(done.checks),
            allow_retries=False,
        )
    context.log.info(f"generation {done.generation_id} serves, release {done.release.release_id}")


def _shown(checks: Sequence[Check]) -> dict[str, str]:
    verdicts = {True: "passed", False: "failed", None: "inconclusive"}
    return {each.name: f"{verdicts[each.passed]}: {each.message}" for each in checks}
