"""Which database a command works on: the embedded one, leased for as long as it is needed, or a team's own.

Belongs here: addresses, logins, whether the schema is this release's. Does not: running the embedded server
(embedded), what the schema is (migrations).
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import psycopg

from prodgen_pipeline.core.errors import ConfigurationError, DatabaseUnavailable
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import embedded, migrations
from prodgen_pipeline.storage.database import Database
from prodgen_pipeline.storage.statements import statement

_DATABASE = "prodgen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Connection addresses (libpq) of one database: who migrates, who runs the pipeline, who serves."""

    owner: str
    pipeline: str
    serving: str

    @property
    def dagster(self) -> str:
        """For Dagster's storage: its own schema, and a driver name that SQLAlchemy 2.0 and 2.1 read the same way."""
        parts = urlsplit(self.pipeline)
        query = [*parse_qsl(parts.query), ("options", "-csearch_path=dagster")]
        return urlunsplit(("postgresql+psycopg2", parts.netloc, parts.path, urlencode(query), ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Databases:
    """Both sides of one database, open."""

    pipeline: Database
    serving: Database
    addresses: Addresses


@contextmanager
def open_databases(settings: Settings, *, progress: Callable[[str], None] = lambda line: None) -> Iterator[Databases]:
    """Open the database that the settings name, its schema being this release's.

    The embedded server is started and brought up to date where needed. Raises ConfigurationError where a team's own
    database needs `prodgen migrate` first, DatabaseUnavailable where it does not answer.
    """
    with ExitStack() as stack:
        addresses = stack.enter_context(lease_addresses(settings, progress=progress))
        if settings.database_url is None:
            _bring_up_to_date(addresses, progress)
        else:
            _require_current(addresses)
        pipeline = stack.enter_context(Database(addresses.pipeline, "prodgen_pipeline", owner=addresses.owner))
        serving = stack.enter_context(Database(addresses.serving, "prodgen_serving"))
        yield Databases(pipeline=pipeline, serving=serving, addresses=addresses)


@contextmanager
def lease_addresses(settings: Settings, *, progress: Callable[[str], None] = lambda line: None) -> Iterator[Addresses]:
    """Addresses of the database, which answers for as long as the block lasts; its schema may be older or missing."""
    if settings.database_url is not None:
        own = settings.database_url.get_secret_value()
        lesser = settings.serving_database_url
        yield Addresses(owner=own, pipeline=own, serving=lesser.get_secret_value() if lesser else own)
        return
    home = settings.require_home()
    options = settings.embedded
    with embedded.lease(
        home, linger_seconds=options.linger_seconds, progress=progress,
        extra_settings={"shared_buffers": options.shared_buffers} if options.shared_buffers else {},
    ) as server:  # fmt: skip
        yield Addresses(
            owner=server.dsn(_DATABASE, embedded.OWNER),
            pipeline=server.dsn(_DATABASE, "prodgen_pipeline"),
            serving=server.dsn(_DATABASE, "prodgen_serving"),
        )


def migrate(settings: Settings, *, progress: Callable[[str], None] = lambda line: None) -> list[str]:
    """Bring the database to this release's schema; returns what was applied."""
    with lease_addresses(settings, progress=progress) as addresses:
        if settings.database_url is None:
            return _bring_up_to_date(addresses, progress)
        return migrations.migrate(addresses.owner, progress)


def _bring_up_to_date(addresses: Addresses, progress: Callable[[str], None]) -> list[str]:
    try:
        with psycopg.connect(addresses.owner) as connection:
            if migrations.is_current(connection):
                return []
    except psycopg.OperationalError:
        _create_database(addresses.owner)
    applied = migrations.migrate(addresses.owner, progress)
    with psycopg.connect(addresses.owner) as connection:
        connection.execute(statement("schema.let_pipeline_log_in"))
        connection.execute(statement("schema.let_serving_log_in"))
    return applied


def _create_database(owner: str) -> None:
    parts = urlsplit(owner)
    try:
        with psycopg.connect(urlunsplit(parts._replace(path="/postgres")), autocommit=True) as connection:
            row = connection.execute(statement("schema.database_exists")).fetchone()
            if not (row and row[0]):
                connection.execute(statement("schema.create_database"))
    except psycopg.errors.DuplicateDatabase:
        return  # another command was first
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(
            f"the embedded database does not answer: {str(error).strip().splitlines()[0]}"
        ) from error


def _require_current(addresses: Addresses) -> None:
    try:
        with psycopg.connect(addresses.pipeline, connect_timeout=15) as connection:
            if not migrations.is_current(connection):
                raise ConfigurationError("the database has another release's schema: run `prodgen migrate`")
    except psycopg.errors.InsufficientPrivilege:
        raise ConfigurationError(
            "the login of PRODGEN_DATABASE_URL may not use prodgen's schema: run `prodgen migrate`"
        ) from None
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(
            f"the database of PRODGEN_DATABASE_URL does not answer: {str(error).strip().splitlines()[0]}"
        ) from error
