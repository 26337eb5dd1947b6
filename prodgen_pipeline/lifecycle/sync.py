"""A whole run over one tenant: observe its sources, run the stages until nothing waits, serve a first release.

Belongs here: the order, the lock, the record of the run. `prodgen sync` calls `sync_tenant`; Dagster's assets call
the same pieces one by one (defs).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from typing import Literal

from prodgen_pipeline.core.configuration import EmbeddingConfig
from prodgen_pipeline.core.errors import ConfigurationError, ProdgenError
from prodgen_pipeline.governance import audit, releases
from prodgen_pipeline.governance.secrets import master_key, tenant_secrets
from prodgen_pipeline.lifecycle import observation
from prodgen_pipeline.lifecycle.chunking import Chunking
from prodgen_pipeline.lifecycle.deduplication import Deduplication
from prodgen_pipeline.lifecycle.embedding import Embedding
from prodgen_pipeline.lifecycle.engine import Stage, run_stage
from prodgen_pipeline.lifecycle.pins import as_json, fingerprints, pins_of
from prodgen_pipeline.lifecycle.pool import WorkerPool
from prodgen_pipeline.lifecycle.redaction import Redaction
from prodgen_pipeline.lifecycle.runs import Run, StageCounts
from prodgen_pipeline.lifecycle.text_stages import Cleaning, Parsing
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import generations, runs, sources, tenants
from prodgen_pipeline.storage.database import Database
from prodgen_pipeline.storage.generations import Generation
from prodgen_pipeline.storage.tenants import Tenant

#: In order; each reads what the one before it wrote.
PIPELINE: tuple[Stage, ...] = (Parsing(), Cleaning(), Deduplication(), Redaction(), Chunking(), Embedding())


@contextmanager
def open_run(
    settings: Settings,
    database: Database,
    tenant: Tenant,
    *,
    run_id: str,
    kind: Literal["sync", "dagster"],
    actor: str,
    progress: Callable[[str, int, int], None] = lambda stage, done, waiting: None,
) -> Iterator[Run]:
    """Hold the tenant's lock and record the run; raises Busy when another run has the tenant.

    The outcome is recorded whatever happens, and the error is raised again: what was committed stays, the rest is due.
    """
    _refuse_what_is_not_there(settings)
    secret = tenant_secrets(master_key(settings, create=True), tenant.tenant_id)
    local = settings.local
    silence = settings.parsing.timeout_seconds * 2 + 60
    with (
        tenants.run_lock(database, tenant) as lock,
        WorkerPool(local.workers, inline_tasks=local.inline_documents, silence_seconds=silence) as pool,
    ):
        run = Run(
            run_id=run_id, tenant=tenant, actor=actor, database=database, settings=settings, pool=pool, secret=secret,
            object_store_url=object_store_url(settings), still_mine=lock.check, progress=progress,
        )  # fmt: skip
        with database.transaction(tenant.tenant_id) as tx:
            if runs.start(tx, run_id, kind, actor):
                audit.record(tx, actor, "run.start", run_id, kind=kind)
        try:
            yield run
        except BaseException as error:
            _finish(run, "failed", str(error) if isinstance(error, ProdgenError) else type(error).__name__)
            raise
        _finish(run, "done", None)


def sync_tenant(run: Run) -> None:
    """Do everything there is to do for the run's tenant."""
    living = ensure_generation(run)
    with run.database.transaction(run.tenant.tenant_id) as tx:
        known = sources.list_all(tx)
    for source in known:
        observation.observe(run, source, living)
    for stage in PIPELINE:
        run_pins(run, stage, living)
    ensure_release(run, living)


def run_pins(run: Run, stage: Stage, living: list[Generation]) -> StageCounts:
    """Run one stage for every living generation, the serving one first."""
    total = StageCounts()
    for pin in pins_of(living, stage.name):
        total.add(run_stage(stage, run, pin))
    return total


def ensure_generation(run: Run) -> list[Generation]:
    """The living generations; a tenant's first is opened from the working configuration."""
    configuration = run.settings.pipeline
    with run.database.transaction(run.tenant.tenant_id) as tx:
        if generations.open_first(tx, fingerprints(configuration), as_json(configuration)):
            audit.record(tx, run.actor, "generation.open", "1", run=run.run_id)
        return generations.living(tx)


def ensure_release(run: Run, living: list[Generation]) -> releases.ServedRelease:
    """What serves the tenant; its first release is made here."""
    serving = next(each for each in living if each.state == "serving")
    with run.database.transaction(run.tenant.tenant_id) as tx:
        return releases.bootstrap(tx, run.settings, serving, run.actor)


def _refuse_what_is_not_there(settings: Settings) -> None:
    """A setting that would be ignored is an error: whoever set it expects what it says."""
    installed, wanted = EmbeddingConfig(), settings.embedding
    if settings.cluster is not None:
        raise ConfigurationError("PRODGEN_CLUSTER is set, but runs on a cluster are not there yet: unset it")
    if wanted != installed:
        raise ConfigurationError(
            f"embedding.{_first_difference(wanted, installed)} is set, but only the local model {installed.model} "
            "is there: leave the embedding section out"
        )


def _first_difference(one: EmbeddingConfig, other: EmbeddingConfig) -> str:
    return next(item.name for item in fields(one) if getattr(one, item.name) != getattr(other, item.name))


def object_store_url(settings: Settings) -> str:
    """Where raw bytes are kept."""
    return settings.object_store or f"file://{settings.require_home() / 'objects'}"


def _finish(run: Run, state: Literal["done", "failed"], error: str | None) -> None:
    counts: dict[str, object] = {stage: asdict(counted) for stage, counted in run.counts.items()}
    if run.chunks_embedded or run.chunks_reused:
        # Dagster records each asset under one run: those after the embedding must not say that nothing was embedded.
        counts |= {"chunks_embedded": run.chunks_embedded, "chunks_reused": run.chunks_reused}
    with run.database.transaction(run.tenant.tenant_id) as tx:
        runs.finish(tx, run.run_id, state, error, counts)
        if state == "done":
            tenants.resolve_alert(tx, "run_failed", "")
        else:
            tenants.raise_alert(tx, "run_failed", "", "critical", f"run {run.run_id}: {error}")
