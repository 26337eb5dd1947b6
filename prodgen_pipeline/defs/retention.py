"""The schedule that applies retention to every tenant once a day, and removes what waited for a released hold.

Belongs here: when, and how it is shown. Does not: what is too old, and what goes with it (lifecycle.retention).
"""

import dagster as dg

from prodgen_pipeline.core.errors import Busy
from prodgen_pipeline.lifecycle import retention
from prodgen_pipeline.resources import ACTOR, Corpus
from prodgen_pipeline.storage import tenants


class RetentionOptions(dg.Config):
    """What a person may say when retention is launched by hand."""

    #: Change nothing, and show what would go.
    dry_run: bool = False


@dg.op(description="Deletes documents that are older than their source or tenant keeps them; holds keep theirs.")
def apply_retention(context: dg.OpExecutionContext, config: RetentionOptions, corpus: Corpus) -> None:
    """Apply retention; a tenant that a run or a backfill holds keeps its turn for the next day."""
    database = corpus.databases.pipeline
    with database.transaction() as tx:
        known = tenants.list_all(tx)
    counts = {"tenants": len(known), "deleted": 0, "held": 0, "after_hold": 0, "session_turns": 0}
    with corpus.translated(context):
        for tenant in known:
            try:
                if config.dry_run:
                    applied = retention.plan(corpus.settings, database, tenant)
                else:
                    applied = retention.apply(corpus.settings, database, tenant, actor=ACTOR)
                    waited = retention.release_due(corpus.settings, database, tenant, actor=ACTOR)
                    counts["after_hold"] += sum(waited.values())
            except Busy as busy:
                context.log.info(str(busy))
                continue
            counts["deleted"] += len(applied.going)
            counts["held"] += len(applied.held)
            counts["session_turns"] += applied.n_turns
    context.add_output_metadata({"dry_run": config.dry_run, **counts})


@dg.job
def retention_job() -> None:
    """Applies retention to every tenant."""
    apply_retention()


daily_retention = dg.ScheduleDefinition(
    name="daily_retention",
    job=retention_job,
    cron_schedule="17 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
