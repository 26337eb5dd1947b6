"""A tenant with one folder, and a way to sync it."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from prodgen_pipeline.lifecycle.runs import Run
from prodgen_pipeline.lifecycle.sync import open_run, sync_tenant
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import sources
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = tmp_path / "store"
    store.mkdir()
    (store / "leave.md").write_text(
        "# Leave\n\nEverybody has 25 days of annual leave. Ask your lead two weeks ahead.\n"
    )
    (store / "travel.txt").write_text(
        "Train travel in second class is refunded in full.\n\nWrite to travel@example.org.\n"
    )
    return store


@pytest.fixture
def sync(settings: Settings, databases: Databases, tenant: Tenant, folder: Path) -> Callable[..., Run]:
    """Runs one sync of the folder; keyword arguments go to `open_run`."""
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        sources.add(tx, "files", str(folder), include=[], exclude=[], groups=[])
    numbers = itertools.count()

    def run_once(**options: object) -> Run:
        name = f"run-{next(numbers)}"
        with open_run(settings, databases.pipeline, tenant, run_id=name, kind="sync", actor="test", **options) as run:
            sync_tenant(run)
        return run

    return run_once
