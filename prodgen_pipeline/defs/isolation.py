"""The attack suite as an asset check, and the schedule that runs it every night.

Belongs here: when, and how it is shown. Does not: the attacks (evaluation.attacks).
"""

import dagster as dg

from prodgen_pipeline.defs.corpus import shown
from prodgen_pipeline.evaluation.attacks.walk import Finding, Report, walk
from prodgen_pipeline.lifecycle.pins import EMBEDDED
from prodgen_pipeline.resources import Corpus, translated_errors

#: Findings that are shown; a hole in a policy shows itself in dozens of attacks.
_SHOWN = 100


@dg.asset_check(
    asset=EMBEDDED,
    name="tenants_and_readers_stay_apart",
    description="Every table, view, sequence and function attacked as another tenant and as a reader without rights.",
)
def isolation_check(context: dg.AssetCheckExecutionContext, corpus: Corpus) -> dg.AssetCheckResult:
    """Attack the database that is in use; every attempt is undone."""
    with translated_errors(context):  # type: ignore[arg-type]  # a log and a retry number is what it needs
        return result(walk(corpus.databases.pipeline, corpus.databases.serving, tell=context.log.info))


def result(report: Report) -> dg.AssetCheckResult:
    """Passed where nothing was gained; what waited too long to be decided is counted and shown as well."""
    found = [*report.gained, *report.undecided]
    return dg.AssetCheckResult(
        passed=not report.gained,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{report.n_attempts:,} attempts, {report.n_rows} rows gained, {len(report.undecided)} undecided",
        metadata={
            "attempts": dg.MetadataValue.int(report.n_attempts),
            "refused": dg.MetadataValue.int(report.n_refused),
            "rows gained": dg.MetadataValue.int(report.n_rows),
            "targets": dg.MetadataValue.int(len(report.targets)),
            **(shown.rows("found", [_row(each) for each in found[:_SHOWN]]) if found else {}),
        },
    )


def _row(found: Finding) -> dg.TableRecord:
    return dg.TableRecord(
        {
            "target": found.target or "the server",
            "attack": found.attack,
            "as": f"{found.role}: {found.attacker}",
            "rows": found.n_rows,
            "error": found.sqlstate,
        }
    )


isolation_job = dg.define_asset_job(
    "isolation_job",
    selection=dg.AssetSelection.checks(isolation_check),
    description="Attacks the database's rights as every kind of actor that may not.",
)
nightly_attacks = dg.ScheduleDefinition(
    name="nightly_attacks",
    job=isolation_job,
    cron_schedule="47 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
