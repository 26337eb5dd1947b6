"""The way into the database: a pool of connections, and transactions that name their role, tenant and reader.

Belongs here: everything that psycopg must be told. Rows of a table family are read and written by that family's file.
Every transaction drops to a role that owns nothing and sets the tenant with SET LOCAL, in one statement; without a
tenant, row-level security shows no row.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypeVar

import psycopg
from psycopg import sql
from psycopg.rows import class_row, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from prodgen_pipeline.core.errors import ConfigurationError, DatabaseUnavailable, IntegrityError
from prodgen_pipeline.core.models import Reader
from prodgen_pipeline.storage.statements import statement

Role = Literal["prodgen_pipeline", "prodgen_serving"]
Row = TypeVar("Row")
Params = Mapping[str, Any]

#: How long a caller waits for a connection, which is also how long a database that is away goes unreported.
_WAIT_SECONDS: dict[Role, float] = {"prodgen_pipeline": 10.0, "prodgen_serving": 3.0}
#: A graph index is built in memory or ten times slower.
_BUILD_OPTIONS = "-c maintenance_work_mem=1GB -c application_name=prodgen_schema"
_ENTER = (
    "SELECT set_config('role', %s, true), set_config('prodgen.tenant_id', %s, true), "
    "set_config('prodgen.principals', %s::text[]::text, true)"
)


class Transaction:
    """One open transaction of one tenant; statements are given by name."""

    def __init__(self, connection: psycopg.Connection[Any], tenant_id: int | None) -> None:
        self.connection = connection
        self.tenant_id = tenant_id

    def rows(self, name: str, record: type[Row], /, **params: object) -> list[Row]:
        """Run a statement and build one `record` per row; columns are the record's keyword arguments."""
        with self.connection.cursor(row_factory=class_row(record)) as cursor:
            return cursor.execute(statement(name), self._with_tenant(params)).fetchall()

    def dicts(self, name: str, /, **params: object) -> list[dict[str, Any]]:
        """Run a statement and return its rows as dictionaries, for output that is JSON anyway."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement(name), self._with_tenant(params), binary=True).fetchall()

    def stream(self, name: str, record: type[Row], /, **params: object) -> Iterator[Row]:
        """Like `rows`, without holding them all."""
        with self.connection.cursor(row_factory=class_row(record)) as cursor:
            yield from cursor.stream(statement(name), self._with_tenant(params))

    def value(self, name: str, /, **params: object) -> Any:  # noqa: ANN401 - whatever the column holds
        """Return the first column of the first row, or None where there is no row."""
        row = self.connection.execute(statement(name), self._with_tenant(params)).fetchone()
        return None if row is None else row[0]

    def run(self, name: str, /, **params: object) -> int:
        """Run a statement and return the number of rows it touched."""
        return self.connection.execute(statement(name), self._with_tenant(params)).rowcount

    def run_many(self, name: str, params: Sequence[Params]) -> None:
        """Run a statement once per set of parameters, in one round trip."""
        with self.connection.cursor() as cursor:
            cursor.executemany(statement(name), [self._with_tenant(each) for each in params])

    def _with_tenant(self, params: Params) -> Params:
        return {"tenant_id": self.tenant_id, **params}


class SessionLock:
    """An advisory lock that lives as long as its connection."""

    def __init__(self, connection: psycopg.Connection[Any], *, locked: bool) -> None:
        self.locked = locked
        self._connection = connection

    def check(self) -> None:
        """Raise DatabaseUnavailable when the connection is gone, and the lock with it."""
        try:
            _flag(self._connection, "tenants.still_there", {})
        except psycopg.OperationalError as error:
            raise DatabaseUnavailable(f"the lock was lost with its connection: {_first_line(error)}") from error


class Database:
    """A database under one role. Safe to share between threads; connections are opened when first needed."""

    def __init__(self, conninfo: str, role: Role, *, owner: str | None = None, max_connections: int = 8) -> None:
        """`owner` is the address under which indexes are built; without it `administer` raises ConfigurationError."""
        self.conninfo = conninfo
        self.role: Role = role
        self._owner = owner
        self._pool = ConnectionPool(
            conninfo,
            min_size=0,
            max_size=max_connections,
            open=False,
            timeout=_WAIT_SECONDS[role],
            kwargs={"application_name": role},
            configure=_one_snapshot if role == "prodgen_serving" else None,
            check=self._check,
        )

    def _check(self, connection: psycopg.Connection[Any]) -> None:
        """Find out before a caller does that a connection is dead; after a restart of the server all of them are.

        The pool would come upon them one by one, waiting longer each time: 8 dead ones cost a caller 10 s.
        """
        try:
            ConnectionPool.check_connection(connection)
        except psycopg.Error:
            self._pool.check()
            raise

    def __enter__(self) -> "Database":
        """Open the pool."""
        self._pool.open()
        return self

    def __exit__(self, *_: object) -> None:
        """Close every connection."""
        self._pool.close()

    @contextmanager
    def transaction(self, tenant_id: int | None = None, reader: Reader | None = None) -> Iterator[Transaction]:
        """Commit at the end, roll back on an exception.

        Raises DatabaseUnavailable when the server is out of reach or goes away, IntegrityError when a constraint says
        no, ConfigurationError when the login is not a member of the role.
        """
        with self._connection() as connection, connection.transaction():
            self._enter(connection, tenant_id, reader)
            yield Transaction(connection, tenant_id)

    @contextmanager
    def newest(self, tenant_id: int) -> Iterator[Transaction]:
        """Like `transaction`, for rows that many change at once: every statement sees what is committed by then.

        One snapshot, which answers are read in, would make all but one of those that change the same row fail.
        """
        with self._connection() as connection:
            before = connection.isolation_level
            connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            try:
                with connection.transaction():
                    self._enter(connection, tenant_id, None)
                    yield Transaction(connection, tenant_id)
            finally:
                if not connection.broken:
                    connection.isolation_level = before

    def _enter(self, connection: psycopg.Connection[Any], tenant_id: int | None, reader: Reader | None) -> None:
        principals = list(reader.principals) if reader else []
        try:
            connection.execute(_ENTER, (self.role, "" if tenant_id is None else str(tenant_id), principals))
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue) as error:
            login = connection.info.user
            raise ConfigurationError(
                f"the database login {login} may not act as {self.role}: GRANT {self.role} TO {login}"
            ) from error

    def administer(self, name: str, /, **parts: str | int) -> None:
        """Run a statement outside of any transaction as the schema's owner, on a connection of its own.

        For what PostgreSQL does only there, such as building an index beside writers. `parts` stand in the statement
        as {name}: texts as identifiers, numbers as they are.
        """
        if self._owner is None:
            raise ConfigurationError(
                f"{name} needs the address of the schema's owner, which this process was not given"
            )
        pieces = {
            key: sql.Identifier(value) if isinstance(value, str) else sql.Literal(value) for key, value in parts.items()
        }
        try:
            with psycopg.connect(self._owner, autocommit=True, options=_BUILD_OPTIONS) as connection:
                connection.execute(statement("schema.stay_schema_owner"))
                connection.execute(sql.SQL(statement(name)).format(**pieces))
        except psycopg.errors.InsufficientPrivilege as error:
            raise ConfigurationError(
                f"the database login may not act as prodgen_schema: {_first_line(error)}"
            ) from error
        except psycopg.OperationalError as error:
            raise DatabaseUnavailable(f"the database does not answer: {_first_line(error)}") from error

    @contextmanager
    def session_lock(self, space: int, tenant_id: int, *, wait_seconds: float) -> Iterator["SessionLock"]:
        """Hold a tenant's advisory lock for as long as the block lasts, if it becomes free in time."""
        with self._connection() as connection:
            connection.autocommit = True
            key = {"space": space, "tenant_id": tenant_id}
            deadline = time.monotonic() + wait_seconds
            while not (locked := _flag(connection, "tenants.lock", key)) and time.monotonic() < deadline:
                time.sleep(0.1)
            try:
                yield SessionLock(connection, locked=locked)
            finally:
                if not connection.broken:
                    if locked:
                        connection.execute(statement("tenants.unlock"), key)
                    connection.autocommit = False

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[Any]]:
        try:
            with self._pool.connection() as connection:
                yield connection
        except (PoolTimeout, psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise DatabaseUnavailable(f"the database does not answer: {_first_line(error)}") from error
        except psycopg.IntegrityError as error:
            raise IntegrityError(
                f"the database refused a row: {error.diag.constraint_name or _first_line(error)}"
            ) from error


def _one_snapshot(connection: psycopg.Connection[Any]) -> None:
    """Let all reads of an answer see one state: a document that is switched meanwhile is found whole, old or new.

    Plans are made for the values asked with: one for any values cannot know how much a reader may see.
    """
    connection.execute(statement("serving.plan_for_values"))
    connection.commit()
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ


def _flag(connection: psycopg.Connection[Any], name: str, params: Params) -> bool:
    row = connection.execute(statement(name), params).fetchone()
    return bool(row and row[0])


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
