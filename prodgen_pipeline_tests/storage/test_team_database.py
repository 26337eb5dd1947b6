"""A team's own server: logins without any power of their own, the schema set up by `migrate`."""

import uuid
from collections.abc import Iterator
from urllib.parse import quote

import psycopg
import pytest

from prodgen_pipeline.core.errors import ConfigurationError, DatabaseUnavailable
from prodgen_pipeline.settings import load_settings
from prodgen_pipeline.storage import migrations, tenants
from prodgen_pipeline.storage.connection import open_databases
from prodgen_pipeline.storage.database import Database
from prodgen_pipeline.storage.embedded import OWNER, EmbeddedServer


@pytest.fixture
def team(server: EmbeddedServer) -> Iterator[str]:
    """Suffix of a database of a login that may only create roles, and of a lesser login."""
    suffix = uuid.uuid4().hex[:8]
    with psycopg.connect(server.dsn("postgres", OWNER), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE team_{suffix} LOGIN CREATEROLE")
        connection.execute(f"CREATE ROLE asking_{suffix} LOGIN")
        # On a server of their own the login makes these roles itself; here other tests share them.
        for role in ("prodgen_schema", "prodgen_pipeline", "prodgen_serving"):
            connection.execute(
                f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
            )
            connection.execute(f"GRANT {role} TO team_{suffix} WITH SET TRUE, ADMIN TRUE")
        connection.execute(f"CREATE DATABASE team_{suffix} OWNER team_{suffix}")
        yield suffix
        connection.execute(f"DROP DATABASE team_{suffix} WITH (FORCE)")
        for login in (f"team_{suffix}", f"asking_{suffix}"):
            connection.execute(f"DROP OWNED BY {login}")
            connection.execute(f"DROP ROLE {login}")


def test_a_team_sets_up_its_database_with_a_login_that_is_no_superuser(server: EmbeddedServer, team: str) -> None:
    address = server.dsn(f"team_{team}", f"team_{team}")
    with pytest.raises(ConfigurationError, match="may not set up the schema"):
        migrations.migrate(address)
    with psycopg.connect(server.dsn(f"team_{team}", OWNER)) as connection:
        connection.execute("CREATE EXTENSION vector")
    settings = load_settings({"PRODGEN_DATABASE_URL": address})
    with pytest.raises(ConfigurationError, match="run `prodgen migrate`"), open_databases(settings):
        pass
    migrations.migrate(address)
    with open_databases(settings) as databases:
        with databases.pipeline.transaction() as tx:
            tenant = tenants.add(tx, "acme")
        with databases.serving.transaction(tenant.tenant_id) as tx:
            assert tenants.find(tx, "acme") == tenant

    asking = server.dsn(f"team_{team}", f"asking_{team}")
    with Database(asking, "prodgen_serving") as database:
        with pytest.raises(ConfigurationError, match=f"GRANT prodgen_serving TO asking_{team}"), database.transaction():
            pass
        with psycopg.connect(server.dsn("postgres", OWNER)) as connection:
            connection.execute(f"GRANT prodgen_serving TO asking_{team}")
        with database.transaction(tenant.tenant_id) as tx:
            assert tenants.find(tx, "acme") == tenant


def test_a_server_that_is_not_there_is_one_line() -> None:
    settings = load_settings({"PRODGEN_DATABASE_URL": f"postgresql://nobody@/x?host={quote('/nowhere')}"})
    with pytest.raises(DatabaseUnavailable, match="PRODGEN_DATABASE_URL does not answer"), open_databases(settings):
        pass
