"""One row in every table of a tenant, made from the catalogue, so that no attack is tried on an empty table."""

import psycopg
from psycopg import sql

OF_TYPES = {
    "integer": "1", "bigint": "1", "smallint": "1", "text": "planted", "boolean": "false", "bytea": "\\x706c616e746564",
    "json": "{}", "jsonb": "{}", "text[]": "{planted}", "integer[]": "{1}", "bigint[]": "{1}", "bytea[]": "{}",
    "numeric": "1", "double precision": "1", "real": "1", "timestamp with time zone": "2026-01-01",
    "date": "2026-01-01", "interval": "1 day", "halfvec": "[1]", "vector": "[1]",
    "uuid": "00000000-0000-0000-0000-000000000001",
}  # fmt: skip

_TABLES = """
    SELECT c.oid::regclass::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
    WHERE c.relnamespace::regnamespace::text IN ('prodgen', 'corpus') AND c.relkind IN ('r', 'p') ORDER BY 1
"""
_COLUMNS = """
    SELECT a.attname, format_type(a.atttypid, NULL) FROM pg_attribute a
    WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
"""
_CHECKS = """
    SELECT conrelid::regclass::text, conname FROM pg_constraint
    WHERE contype = 'c' AND connamespace::regnamespace::text IN ('prodgen', 'corpus')
"""


def tables_of_tenants(owner: psycopg.Connection) -> list[str]:
    """Every table with a column tenant_id."""
    return [row[0] for row in owner.execute(_TABLES)]


def fill(owner: psycopg.Connection, tenant_ids: list[int]) -> None:
    """A row in each table for each tenant that has none there: as the tests' superuser, past checks and foreign keys.

    The database must be the test's own: its CHECK constraints are gone afterwards.
    """
    owner.execute("SET session_replication_role = replica")
    for table, name in owner.execute(_CHECKS).fetchall():
        owner.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(sql.SQL(table), sql.Identifier(name)))
    for table in tables_of_tenants(owner):
        for tenant_id in tenant_ids:
            if not _has_row(owner, table, tenant_id):
                _insert(owner, table, tenant_id)
    owner.execute("RESET session_replication_role")


def _has_row(owner: psycopg.Connection, table: str, tenant_id: int) -> bool:
    return owner.execute(f"SELECT EXISTS (SELECT FROM {table} WHERE tenant_id = %s)", [tenant_id]).fetchone()[0]


def _insert(owner: psycopg.Connection, table: str, tenant_id: int) -> None:
    values = {name: OF_TYPES[kind] for name, kind in owner.execute(_COLUMNS, [table])} | {"tenant_id": str(tenant_id)}
    columns = sql.SQL(", ").join(map(sql.Identifier, values))
    places = sql.SQL(", ").join(sql.Placeholder() * len(values))
    owner.execute(
        sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({})").format(sql.SQL(table), columns, places),
        list(values.values()),
    )
