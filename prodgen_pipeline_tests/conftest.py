"""The real server, cheap: one embedded PostgreSQL per session, one template database, one clone per test."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from prodgen_pipeline.settings import Settings, load_settings
from prodgen_pipeline.storage import embedded, migrations, tenants
from prodgen_pipeline.storage.connection import Addresses, Databases
from prodgen_pipeline.storage.database import Database
from prodgen_pipeline.storage.statements import statement
from prodgen_pipeline.storage.tenants import Tenant


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.EmbeddedServer]:
    """A PostgreSQL of the version in PRODGEN_TEST_POSTGRES (18)."""
    home = tmp_path_factory.mktemp("server")
    version = int(os.environ.get("PRODGEN_TEST_POSTGRES", "18"))
    with embedded.lease(home, linger_seconds=1, version=version, extra_settings={"fsync": "off"}) as running:
        yield running


@pytest.fixture(scope="session")
def template(server: embedded.EmbeddedServer) -> str:
    """Name of a migrated database that tests are cloned from."""
    with psycopg.connect(server.dsn("postgres", embedded.OWNER), autocommit=True) as connection:
        connection.execute("CREATE DATABASE template_prodgen")
    migrations.migrate(server.dsn("template_prodgen", embedded.OWNER))
    with psycopg.connect(server.dsn("postgres", embedded.OWNER), autocommit=True) as connection:
        connection.execute(statement("schema.let_pipeline_log_in"))
        connection.execute(statement("schema.let_serving_log_in"))
    return "template_prodgen"


@contextmanager
def _clone(server: embedded.EmbeddedServer, template: str) -> Iterator[Addresses]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.dsn("postgres", embedded.OWNER), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield Addresses(
            owner=server.dsn(name, embedded.OWNER),
            pipeline=server.dsn(name, "prodgen_pipeline"),
            serving=server.dsn(name, "prodgen_serving"),
        )
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def addresses(server: embedded.EmbeddedServer, template: str) -> Iterator[Addresses]:
    """A database of the test's own."""
    with _clone(server, template) as addresses:
        yield addresses


@pytest.fixture
def second_addresses(server: embedded.EmbeddedServer, template: str) -> Iterator[Addresses]:
    """Another one, to compare with."""
    with _clone(server, template) as addresses:
        yield addresses


@pytest.fixture
def databases(addresses: Addresses) -> Iterator[Databases]:
    """Both sides of the test's database, open."""
    with (
        Database(addresses.pipeline, "prodgen_pipeline", owner=addresses.owner) as pipeline,
        Database(addresses.serving, "prodgen_serving") as serving,
    ):
        yield Databases(pipeline=pipeline, serving=serving, addresses=addresses)


@pytest.fixture
def make_tenant(databases: Databases) -> Callable[[str], Tenant]:
    """Registers tenants by name."""

    def make(name: str) -> Tenant:
        with databases.pipeline.transaction() as tx:
            return tenants.add(tx, name)

    return make


@pytest.fixture
def tenant(make_tenant: Callable[[str], Tenant]) -> Tenant:
    """A tenant named acme."""
    return make_tenant("acme")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Defaults, with a home of the test's own and nothing from the environment."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return load_settings({"PRODGEN_HOME": str(home)}, working_folder=tmp_path)
