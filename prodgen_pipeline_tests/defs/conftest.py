"""Dagster on the test's own database, reached the way a real run reaches it: through the settings."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import sources
from prodgen_pipeline.storage.connection import Addresses, Databases
from prodgen_pipeline.storage.tenants import Tenant

#: Dagster 1.13 asks pydantic 2.11+ and psycopg2 for names that are deprecated; it is pinned, and not ours to mend.
DAGSTER_WARNINGS = ("ignore::pydantic.warnings.PydanticDeprecatedSince20",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Warnings are errors, but for those that Dagster raises about itself."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            for warning in DAGSTER_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture
def environment(addresses: Addresses, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a Dagster process finds: a home, and both logins of the test's database."""
    monkeypatch.setenv("PRODGEN_HOME", str(settings.home))
    monkeypatch.setenv("PRODGEN_DATABASE_URL", addresses.pipeline)
    monkeypatch.setenv("PRODGEN_SERVING_DATABASE_URL", addresses.serving)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = tmp_path / "store"
    store.mkdir()
    (store / "leave.md").write_text("# Leave\n\nEverybody has 25 days of annual leave. Ask two weeks ahead.\n")
    (store / "travel.txt").write_text("Train travel is refunded in full.\n\nWrite to travel@example.org.\n")
    return store


@pytest.fixture
def source(databases: Databases, tenant: Tenant, folder: Path) -> str:
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        sources.add(tx, "files", str(folder), include=[], exclude=[], groups=[])
    return "files"


@pytest.fixture
def instance(environment: None, tenant: Tenant) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        ephemeral.add_dynamic_partitions("tenant", [tenant.name])
        yield ephemeral
