"""Two tenants with served documents, made once by a real sync, and the query path over them."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from prodgen_pipeline.clients.embedding import query_embedder
from prodgen_pipeline.clients.generator import Generator
from prodgen_pipeline.governance import keys
from prodgen_pipeline.governance.keys import Actor, NewKey
from prodgen_pipeline.lifecycle.sync import open_run, sync_tenant
from prodgen_pipeline.serving.app import create_app
from prodgen_pipeline.serving.service import QueryService
from prodgen_pipeline.settings import Settings, load_settings
from prodgen_pipeline.storage import embedded, sources, tenants
from prodgen_pipeline.storage.connection import Addresses, Databases
from prodgen_pipeline.storage.database import Database
from prodgen_pipeline.storage.tenants import Tenant
from prodgen_pipeline_tests.http_server import running
from prodgen_pipeline_tests.scripted_endpoint import ScriptedEndpoint

MakeKey = Callable[..., NewKey]
#: Tenant, source, groups, file, text.
DOCUMENTS = [
    (
        "acme", "files", [], "leave.md",
        "# Leave\n\nEverybody has 25 days of annual leave a year. Ask your lead two weeks ahead.\n",
    ),
    (
        "acme", "files", [], "travel.txt",
        "Train travel in second class is refunded in full.\n\nThe travel desk is reached at desk@travel.example.org.\n",
    ),
    ("acme", "board", ["board"], "bonus.md", "# Bonus\n\nThe bonus of the directors is 40,000 pounds a year.\n"),
    ("globex", "files", [], "parking.md", "# Parking\n\nThe car park closes at 22:30 and costs 3 pounds an hour.\n"),
]  # fmt: skip


@pytest.fixture(scope="session")
def served_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Defaults, with a home of their own."""
    home = tmp_path_factory.mktemp("served-home")
    home.chmod(0o700)
    return load_settings({"PRODGEN_HOME": str(home)}, working_folder=home)


@pytest.fixture(scope="session")
def served(
    server: embedded.EmbeddedServer, template: str, served_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Databases]:
    """A database in which two tenants are served. Tests add keys and answers, and change nothing else."""
    name = f"served_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.dsn("postgres", embedded.OWNER), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    addresses = Addresses(
        owner=server.dsn(name, embedded.OWNER),
        pipeline=server.dsn(name, "prodgen_pipeline"),
        serving=server.dsn(name, "prodgen_serving"),
    )
    with (
        Database(addresses.pipeline, "prodgen_pipeline") as pipeline,
        Database(addresses.serving, "prodgen_serving") as serving,
    ):
        databases = Databases(pipeline=pipeline, serving=serving, addresses=addresses)
        _sync_all(databases, served_settings, tmp_path_factory.mktemp("stores"))
        yield databases


@pytest.fixture(scope="session")
def acme(served: Databases) -> Tenant:
    """The tenant with an open source and one of the group `board`."""
    return _find(served, "acme")


@pytest.fixture(scope="session")
def globex(served: Databases) -> Tenant:
    """The other tenant."""
    return _find(served, "globex")


@pytest.fixture(scope="session")
def query_service(served: Databases, served_settings: Settings) -> QueryService:
    """The query path without a model endpoint."""
    return QueryService(served_settings, served.serving, embedder=lambda config: query_embedder())


@pytest.fixture(scope="session")
def make_key(served: Databases) -> Callable[..., NewKey]:
    """Makes keys: tenant, user, groups, role."""

    def make(tenant: Tenant, user: str = "ann", *, groups: tuple[str, ...] = (), role: str = "reader") -> NewKey:
        with served.pipeline.transaction(tenant.tenant_id) as tx:
            return keys.create(tx, "test", user=user, groups=groups, role=role)

    return make


@pytest.fixture
def actor(served: Databases, acme: Tenant, make_key: Callable[..., NewKey]) -> Actor:
    """A reader of acme."""
    return keys.authenticate(served.serving, make_key(acme).key)


def _sync_all(databases: Databases, settings: Settings, stores: Path) -> None:
    for tenant_name in dict.fromkeys(row[0] for row in DOCUMENTS):
        with databases.pipeline.transaction() as tx:
            tenant = tenants.add(tx, tenant_name)
        own = [row for row in DOCUMENTS if row[0] == tenant_name]
        for source, groups in dict.fromkeys((row[1], tuple(row[2])) for row in own):
            folder = stores / tenant_name / source
            folder.mkdir(parents=True)
            for row in own:
                if row[1] == source:
                    (folder / row[3]).write_text(row[4])
            with databases.pipeline.transaction(tenant.tenant_id) as tx:
                sources.add(tx, source, str(folder), include=[], exclude=[], groups=list(groups))
        with open_run(
            settings, databases.pipeline, tenant, run_id=f"run-{tenant_name}", kind="sync", actor="test"
        ) as run:
            sync_tenant(run)


def _find(databases: Databases, name: str) -> Tenant:
    with databases.pipeline.transaction() as tx:
        return tenants.find(tx, name)


@pytest.fixture
def endpoint() -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint() as started:
        yield started


@pytest.fixture
def address(endpoint: ScriptedEndpoint, served: Databases, served_settings: Settings) -> Iterator[str]:
    """A service with a model, on a port of its own."""
    generator = Generator(base_url=endpoint.base_url, api_key="k", model="", timeout_seconds=5.0)
    service = QueryService(
        served_settings, served.serving, embedder=lambda config: query_embedder(), generator=generator
    )
    with running(create_app(service)) as at:
        yield at
    generator.close()


@pytest.fixture
def key(acme: Tenant, make_key: MakeKey) -> str:
    return make_key(acme).key
