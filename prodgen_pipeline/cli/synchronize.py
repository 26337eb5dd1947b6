"""`prodgen sync`: bring everything up to date, and say what that took."""

import time
import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prodgen_pipeline.cli.outcome import EXIT_FAILED, say
from prodgen_pipeline.cli.output import counted, print_json
from prodgen_pipeline.cli.parameters import AsJson
from prodgen_pipeline.cli.progress import progress
from prodgen_pipeline.core.errors import Busy, DatabaseUnavailable, ProdgenError

if TYPE_CHECKING:
    from prodgen_pipeline.cli.session import Session
    from prodgen_pipeline.lifecycle.runs import Run
    from prodgen_pipeline.storage.tenants import Tenant

_POLL_SECONDS = 0.5


def sync(
    tenant_name: Annotated[
        str | None, typer.Argument(metavar="TENANT", help="Name of the tenant; all without it.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 while anything is quarantined.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the index up to date.

    Observes the document stores and runs the lifecycle until nothing is pending.
    """
    from prodgen_pipeline.cli.session import open_session

    began = time.monotonic()
    with open_session("sync") as session:
        wanted = _wanted(session, tenant_name)
        endings = [_ended(session, tenant, strict=strict, quiet=as_json) for tenant in wanted]
    if as_json:
        runs = {tenant.name: described(run) for tenant, (run, _) in zip(wanted, endings, strict=True) if run}
        print_json({"tenants": runs, "seconds": round(time.monotonic() - began, 3)})
    elif not wanted:
        print("there is no tenant yet: prodgen tenant add NAME")
    if not all(is_well for _, is_well in endings):
        raise typer.Exit(EXIT_FAILED)


def _ended(session: "Session", tenant: "Tenant", *, strict: bool, quiet: bool) -> "tuple[Run | None, bool]":
    """Bring a tenant up to date and report it; the run, None where it failed, and whether all is well.

    One tenant's trouble does not keep the others from being brought up to date; a database that is gone does.
    """
    try:
        run = sync_one(session, tenant)
    except DatabaseUnavailable:
        raise
    except ProdgenError as error:
        say(f"tenant {tenant.name}: {error}")
        return None, False
    n_quarantined = _report(session, tenant, run, quiet=quiet)
    all_read = _tell_failed_sources(session, tenant)
    return run, all_read and not (strict and n_quarantined)


def sync_one(session: "Session", tenant: "Tenant") -> "Run":
    """Bring one tenant up to date; where another run has it, wait for that one first."""
    from prodgen_pipeline.lifecycle.sync import open_run, sync_tenant

    told = False
    while True:
        try:
            with (
                progress(tenant.name) as shown,
                open_run(
                    session.settings, session.databases.pipeline, tenant, run_id=str(uuid.uuid4()), kind="sync",
                    actor=session.actor_name, progress=shown,
                ) as run,
            ):  # fmt: skip
                sync_tenant(run)
                return run
        except Busy:
            if not told:
                say(f"another run is working on tenant {tenant.name}; waiting for it")
                told = True
            time.sleep(_POLL_SECONDS)


def described(run: "Run") -> dict[str, Any]:
    """What a run did, as `sync --json` prints it; every stage is there, also one that had nothing to do."""
    from prodgen_pipeline.lifecycle.pins import RAW, STAGES
    from prodgen_pipeline.lifecycle.runs import StageCounts

    return {
        "stages": {stage: asdict(run.counts.get(stage, StageCounts())) for stage in (RAW, *STAGES)},
        "chunks_embedded": run.chunks_embedded,
        "chunks_reused": run.chunks_reused,
    }


def _wanted(session: "Session", name: str | None) -> "list[Tenant]":
    from prodgen_pipeline.storage import tenants

    if name is not None:
        return [session.tenant(name)]
    with session.databases.pipeline.transaction() as tx:
        return [tenant for tenant in tenants.list_all(tx) if session.may_see(tenant)]


def _report(session: "Session", tenant: "Tenant", run: "Run", *, quiet: bool) -> int:
    """Print what a run did; returns how many documents are quarantined now."""
    from prodgen_pipeline.lifecycle.pins import EMBEDDED, RAW
    from prodgen_pipeline.lifecycle.runs import StageCounts
    from prodgen_pipeline.storage import documents

    with session.databases.pipeline.transaction(tenant.tenant_id) as tx:
        n_quarantined = len(documents.quarantine(tx))
    if quiet:
        return n_quarantined
    none = StageCounts()
    n_indexed, n_removed = run.counts.get(EMBEDDED, none).done, run.counts.get(RAW, none).removed
    parts = [
        f"{counted(n_indexed, 'document')} indexed" if n_indexed else "nothing new to index",
        *([f"{n_removed:,} removed"] if n_removed else []),
        f"{counted(run.chunks_embedded, 'chunk')} embedded",
        *([f"{run.chunks_reused:,} reused"] if run.chunks_reused else []),
    ]
    print(f"{tenant.name}: {', '.join(parts)}")
    if n_quarantined:
        print(f"{tenant.name}: {n_quarantined} in quarantine: prodgen quarantine list {tenant.name}")
    return n_quarantined


def _tell_failed_sources(session: "Session", tenant: "Tenant") -> bool:
    """Say which sources could not be read, or wait for a person; returns whether all could be read."""
    from prodgen_pipeline.storage import sources

    with session.databases.pipeline.transaction(tenant.tenant_id) as tx:
        known = sources.list_all(tx)
    for source in known:
        if source.error:
            say(f"source {source.name} of {tenant.name}: {source.error}; nothing of it was deleted")
        if source.held_back:
            say(
                f"source {source.name} of {tenant.name} lacks {source.held_back} documents at once; kept until "
                f"`prodgen source confirm {tenant.name} {source.name}`"
            )
    return not any(source.error for source in known)
