"""Brings a database to the schema of this release: bootstrap, numbered migrations, then functions.

Under one advisory lock and in one transaction, so an interrupted deploy leaves nothing half-made. A migration that
was applied and whose file has changed since is an error; functions are replaced whenever their files changed.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from prodgen_pipeline.core.errors import ConfigurationError, DatabaseUnavailable
from prodgen_pipeline.storage.statements import sql_folder, statement

MIN_VECTOR = (0, 8, 4)
MIN_POSTGRES = 160000
#: Names in schema_migrations under which the whole of a folder is recorded.
_BOOTSTRAP, _FUNCTIONS = "bootstrap", "functions"


def migrate(conninfo: str, progress: Callable[[str], None] = lambda line: None) -> list[str]:
    """Apply what is missing as the login of `conninfo`, and return the names applied, oldest first.

    Raises ConfigurationError for a server or pgvector that is too old, a login without the rights, or edited history.
    """
    try:
        with psycopg.connect(conninfo) as connection:
            _require_versions(connection)
            return _migrate(connection, progress)
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConfigurationError(
            f"the login may not set up the schema ({error.diag.message_primary}): give it CREATEROLE and CREATE on the "
            "database, or run sql/bootstrap.sql as an administrator once"
        ) from error
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(f"the database does not answer: {str(error).strip().splitlines()[0]}") from error


def is_current(connection: psycopg.Connection[Any]) -> bool:
    """Whether the database has exactly this release's schema. One or two round trips."""
    there = connection.execute(statement("schema.exists")).fetchone()
    if not there or not there[0]:
        return False
    return dict(_applied(connection)) == {name: checksum for name, checksum, _ in _files()}


def _migrate(connection: psycopg.Connection[Any], progress: Callable[[str], None]) -> list[str]:
    connection.execute(statement("schema.lock"))
    there = connection.execute(statement("schema.exists")).fetchone()
    applied = dict(_applied(connection)) if there and there[0] else {}
    done = []
    for name, checksum, texts in _files():
        if applied.get(name) == checksum:
            continue
        if name in applied and name not in (_BOOTSTRAP, _FUNCTIONS):
            raise ConfigurationError(
                f"migration {name} was applied and its file has changed since: restore it and write a new migration"
            )
        progress(f"migrating: {name}")
        if name != _BOOTSTRAP:
            connection.execute(statement("schema.as_schema_owner"))
        for text in texts:
            connection.execute(text)
        connection.execute(statement("schema.as_login"))
        connection.execute(statement("schema.record"), {"name": name, "checksum": checksum})
        done.append(name)
    return done


def _applied(connection: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    return connection.execute(statement("schema.applied")).fetchall()


def _files() -> list[tuple[str, str, list[LiteralString]]]:
    """(name, checksum, texts) in the order of application."""
    folder = sql_folder()
    functions = sorted((folder / "functions").glob("*.sql"))
    steps = [(_BOOTSTRAP, [folder / "bootstrap.sql"])]
    steps += [(path.stem, [path]) for path in sorted((folder / "migrations").glob("*.sql"))]
    return [_read(name, paths) for name, paths in [*steps, (_FUNCTIONS, functions)]]


def _read(name: str, paths: list[Path]) -> tuple[str, str, list[LiteralString]]:
    texts = [path.read_text(encoding="utf-8") for path in paths]
    checksum = hashlib.sha256("\x00".join(texts).encode()).hexdigest()
    return name, checksum, texts


def _require_versions(connection: psycopg.Connection[Any]) -> None:
    if connection.info.server_version < MIN_POSTGRES:
        raise ConfigurationError(
            f"PostgreSQL {connection.info.server_version // 10000} is too old: prodgen needs 16 or newer"
        )
    row = connection.execute(statement("schema.vector_version")).fetchone()
    version = row[0] if row else None
    wanted = ".".join(map(str, MIN_VECTOR))
    if version is None:
        raise ConfigurationError(f"the server has no pgvector: install version {wanted} or newer on it")
    if tuple(int(part) for part in version.split(".")) < MIN_VECTOR:
        raise ConfigurationError(
            f"pgvector {version} is too old (its index can lose rows): install {wanted} or newer, "
            "then ALTER EXTENSION vector UPDATE"
        )
