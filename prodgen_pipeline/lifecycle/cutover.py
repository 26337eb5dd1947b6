"""Cut-over and rollback: which generation searches read, changed in one transaction.

Belongs here: the order of draining, checking and switching. Does not: the checks (cutover_checks), what a release is
(governance.releases). A search that runs meanwhile sees wholly the one or the other: it reads one snapshot, and the
rows of the generation that is left stand until they are reclaimed.
"""

import time
from dataclasses import dataclass

from prodgen_pipeline.core.errors import Busy, NotFound, UsageError
from prodgen_pipeline.governance import audit, releases
from prodgen_pipeline.governance.releases import ServedRelease
from prodgen_pipeline.lifecycle.backfill import drain
from prodgen_pipeline.lifecycle.cutover_checks import Check, Judge, check, keep, passed
from prodgen_pipeline.lifecycle.pins import STAGES, serving_of
from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.storage import generations, tenants
from prodgen_pipeline.storage.database import Database, Transaction
from prodgen_pipeline.storage.generations import Generation
from prodgen_pipeline.storage.tenants import Tenant

#: How long live runs may keep adding to what must be in before the switch.
_DRAIN_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOver:
    """What a cut-over came to. `release` is None where a check was in the way."""

    generation_id: int
    checks: tuple[Check, ...]
    release: ServedRelease | None


def cut_over(
    run: Run, *, judge: Judge | None = None, accept_losses: int = 0, force_reason: str | None = None
) -> CutOver:
    """Bring the generation under construction up to the last edit, check it, and let it serve.

    `judge` scores generations on the golden set. With `force_reason` it serves whatever the checks say, which the audit
    log keeps.

    Raises NotFound where none is under construction, UsageError while it is not built, Busy where live runs kept adding
    to it.
    """
    generation = _built(run)
    run.before_batch = lambda worked_seconds: None
    drain(run, generation)
    checks = check(run, generation, judge, accept_losses=accept_losses)
    keep(run, generation, checks)
    if not passed(checks) and force_reason is None:
        return CutOver(generation_id=generation.generation_id, checks=tuple(checks), release=None)
    deadline = time.monotonic() + _DRAIN_SECONDS
    while time.monotonic() < deadline:
        with run.database.transaction(run.tenant.tenant_id) as tx:
            release = _switch(tx, run, generation, checks, force_reason)
        if release is not None:
            return CutOver(generation_id=generation.generation_id, checks=tuple(checks), release=release)
        drain(run, generation)
    raise Busy(
        f"live runs kept adding to generation {generation.generation_id} for {_DRAIN_SECONDS:.0f} s: "
        f"cut tenant {run.tenant.name} over when they are done"
    )


def roll_back(database: Database, tenant: Tenant, actor: str) -> ServedRelease:
    """Serve again from the generation that served last before this one, with the release it served with, at once.

    Raises NotFound where none stands by any more.
    """
    with database.transaction(tenant.tenant_id) as tx:
        living = generations.hold(tx)
        before = serving_of(living, tenant)
        back = _newest_standby(tx, living, tenant)
        generations.switch(tx, back, STAGES)
        release = releases.go_back(tx, back, actor)
        audit.record(
            tx, actor, "generation.rollback", str(back.generation_id), release=release.release_id,
            left=before.generation_id,
        )  # fmt: skip
    return release


def _built(run: Run) -> Generation:
    with run.database.transaction(run.tenant.tenant_id) as tx:
        rows = {row["generation_id"]: row for row in generations.list_all(tx)}
        living = generations.living(tx)
    name = run.tenant.name
    for each in living:
        if each.state == "building":
            if rows[each.generation_id]["built_at"] is None:
                raise UsageError(
                    f"generation {each.generation_id} of tenant {name} is not complete: "
                    f"`prodgen backfill {name}` goes on"
                )
            return each
    raise NotFound(f"no generation of tenant {name} is under construction: `prodgen backfill {name}` opens one")


def _switch(
    tx: Transaction, run: Run, generation: Generation, checks: list[Check], force_reason: str | None
) -> ServedRelease | None:
    """Let it serve; None where something waits in it."""
    before = serving_of(generations.hold(tx), run.tenant)
    # What waits in stages that both share is missing from neither or from both.
    if generations.n_due(tx, [lineage for lineage in generation.lineages if lineage not in before.lineages]):
        return None
    generations.switch(tx, generation, STAGES)
    reason = f"cut-over to generation {generation.generation_id}"
    release = releases.cut_over(tx, generation, run.actor, reason)
    forced = {} if force_reason is None else {"forced": force_reason}
    audit.record(
        tx, run.actor, "generation.cutover", str(generation.generation_id), release=release.release_id,
        left=before.generation_id, run=run.run_id, checks={each.name: each.passed for each in checks}, **forced,
    )  # fmt: skip
    tenants.resolve_alert(tx, "backfill_due", "")
    return release


def _newest_standby(tx: Transaction, living: list[Generation], tenant: Tenant) -> Generation:
    left = {row["generation_id"]: row["left_at"] for row in generations.list_all(tx)}
    standing_by = [each for each in living if each.state == "standby"]
    if not standing_by:
        raise NotFound(
            f"no generation of tenant {tenant.name} stands by: what served before was reclaimed, or nothing did"
        )
    return max(standing_by, key=lambda each: left[each.generation_id])
