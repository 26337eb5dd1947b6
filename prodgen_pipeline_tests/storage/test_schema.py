"""The schema's own promises, read from the catalogue of a real server."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from prodgen_pipeline.core.errors import ConfigurationError
from prodgen_pipeline.storage import migrations
from prodgen_pipeline.storage.connection import Addresses
from prodgen_pipeline.storage.embedded import OWNER, EmbeddedServer
from prodgen_pipeline.storage.statements import names, rooms, sql_folder, statement

#: Registries that hold no tenant's rows; all others start every key with tenant_id.
GLOBAL_TABLES = {"prodgen.tenants", "prodgen.releases", "prodgen.schema_migrations"}
#: Statements of migrations run outside of any tenant and cannot be prepared.
NOT_PREPARABLE = {"as_schema_owner", "as_login", "create_database", "let_pipeline_log_in", "let_serving_log_in",
                  "stay_schema_owner", "plan_for_values", "drop_vector_index", "build_vector_index",
                  "gather_statistics"}  # fmt: skip

STATEMENTS = [f"{room}.{name}" for room in rooms() for name in names(room)]

TABLES = """
    SELECT c.oid::regclass::text, c.relrowsecurity, c.relforcerowsecurity FROM pg_class c
    WHERE c.relnamespace::regnamespace::text IN ('prodgen', 'corpus') AND c.relkind IN ('r', 'p')
"""
KEYS = """
    SELECT i.indrelid::regclass::text, a.attname FROM pg_index i
    JOIN pg_class c ON c.oid = i.indrelid
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE c.relnamespace::regnamespace::text IN ('prodgen', 'corpus') AND i.indisunique
"""
FOREIGN_KEYS = """
    SELECT c.conrelid::regclass::text, c.confrelid::regclass::text, a.attname FROM pg_constraint c
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    WHERE c.contype = 'f' AND c.connamespace::regnamespace::text IN ('prodgen', 'corpus')
"""


@pytest.fixture(scope="module")
def catalogue(server: EmbeddedServer, template: str) -> Iterator[str]:
    """A clone for tests that only look."""
    with psycopg.connect(server.dsn("postgres", OWNER), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE test_catalogue TEMPLATE {template}")
        yield server.dsn("test_catalogue", OWNER)
        connection.execute("DROP DATABASE test_catalogue WITH (FORCE)")


@pytest.fixture
def owner(catalogue: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(catalogue) as connection:
        yield connection
        connection.rollback()


def test_every_table_of_a_tenant_forces_row_level_security(owner: psycopg.Connection) -> None:
    unprotected = [
        table
        for table, enabled, forced in owner.execute(TABLES)
        if not (enabled and forced) and table not in GLOBAL_TABLES - {"prodgen.tenants"}
    ]
    assert unprotected == []


def test_every_unique_and_foreign_key_starts_with_the_tenant(owner: psycopg.Connection) -> None:
    loose = [key for key in owner.execute(KEYS) if key[0] not in GLOBAL_TABLES and key[1] != "tenant_id"]
    loose += [
        key
        for key in owner.execute(FOREIGN_KEYS)
        if key[0] not in GLOBAL_TABLES and key[1] not in GLOBAL_TABLES and key[2] != "tenant_id"
    ]
    assert loose == []


@pytest.mark.parametrize("role", ["prodgen_pipeline", "prodgen_serving"])
def test_the_roles_of_the_product_own_nothing_and_bypass_nothing(owner: psycopg.Connection, role: str) -> None:
    row = owner.execute(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = %s", [role]
    ).fetchone()
    assert row == (False, False, False, False)
    owned = owner.execute("SELECT count(*) FROM pg_class WHERE relowner = %s::regrole", [role]).fetchone()
    assert owned == (0,)


def test_the_query_side_has_no_right_to_unredacted_tables(owner: psycopg.Connection) -> None:
    hidden = ["parsed_documents", "cleaned_documents", "raw_documents", "chunk_embeddings", "ledger"]
    for table in hidden:
        row = owner.execute(
            "SELECT has_table_privilege('prodgen_serving', %s, 'SELECT')", [f"corpus.{table}"]
        ).fetchone()
        assert row == (False,), table


def test_no_role_of_the_product_can_change_the_audit_log(owner: psycopg.Connection) -> None:
    for role in ("prodgen_pipeline", "prodgen_serving"):
        for right in ("INSERT", "UPDATE", "DELETE", "TRUNCATE"):
            row = owner.execute("SELECT has_table_privilege(%s, 'prodgen.audit_log', %s)", [role, right]).fetchone()
            assert row == (False,), (role, right)
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        owner.execute("DELETE FROM prodgen.audit_log")


@pytest.mark.parametrize(
    "name", [f"{room}.{name}" for room in rooms() for name in names(room) if name not in NOT_PREPARABLE]
)
def test_every_named_statement_is_understood_by_the_server(owner: psycopg.Connection, name: str) -> None:
    parameters: dict[str, int] = {}

    def numbered(match: re.Match[str]) -> str:
        return f"${parameters.setdefault(match[1], len(parameters) + 1)}"

    text = re.sub(r"%\((\w+)\)[sb]", numbered, statement(name)).rstrip().rstrip(";")
    owner.execute(f"PREPARE checked AS {text}")


def test_every_named_statement_is_used_and_every_used_name_exists() -> None:
    package = Path(migrations.__file__).parents[1]
    code = "\n".join(path.read_text() for path in package.rglob("*.py"))
    written = set(re.findall(r"\"([a-z_]+\.[a-z_]+)\"", code)) | set(_expanded(code))
    assert sorted(set(STATEMENTS) - written) == []


def _expanded(code: str) -> list[str]:
    """Names with one part filled in: f"room.verb_{part}" stands for every statement that fits."""
    patterns = [
        re.sub(r"\{\w+\}", r"\\w+", each) for each in re.findall(r"f\"([a-z_]+\.[a-z_]*\{\w+\}[a-z_]*)\"", code)
    ]
    existing = [f"{room}.{name}" for room in rooms() for name in names(room)]
    return [name for name in existing if any(re.fullmatch(pattern, name) for pattern in patterns)]


def test_migrating_again_applies_nothing(addresses: Addresses) -> None:
    assert migrations.migrate(addresses.owner) == []
    with psycopg.connect(addresses.pipeline) as connection:
        assert migrations.is_current(connection)


def test_an_edited_migration_is_refused(addresses: Addresses) -> None:
    with psycopg.connect(addresses.owner) as connection:
        connection.execute("UPDATE prodgen.schema_migrations SET checksum = 'edited' WHERE name = '0001_tenants'")
    with pytest.raises(ConfigurationError, match="0001_tenants was applied and its file has changed"):
        migrations.migrate(addresses.owner)


def test_released_migrations_are_frozen() -> None:
    """sql/migrations/frozen.txt holds the checksum of every released migration: history is never edited."""
    frozen = dict(line.split() for line in (sql_folder() / "migrations" / "frozen.txt").read_text().splitlines())
    checksums = {name: checksum for name, checksum, _ in migrations._files()}
    assert {name: checksums.get(name) for name in frozen} == frozen
