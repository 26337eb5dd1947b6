"""What a tenant and a reader can see is decided by the database."""

from collections.abc import Callable

import psycopg
import pytest

from prodgen_pipeline.core.models import ListedObject, Reader
from prodgen_pipeline.storage import documents, sources
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.database import Transaction
from prodgen_pipeline.storage.documents import RawVersion
from prodgen_pipeline.storage.tenants import Tenant


def add_document(tx: Transaction, source_id: int, uri: str, principals: list[str]) -> int:
    raw = RawVersion(content_hash=b"x", size=1, object_key="k", run_id="r")
    return documents.add(
        tx, source_id, ListedObject(uri=uri, size=1, sign="s"), raw, documents.access_set(tx, principals)
    )


@pytest.fixture
def two_tenants(databases: Databases, make_tenant: Callable[[str], Tenant]) -> list[Tenant]:
    tenants = [make_tenant("one"), make_tenant("two")]
    for tenant in tenants:
        with databases.pipeline.transaction(tenant.tenant_id) as tx:
            source = sources.add(tx, "files", "/nowhere", include=[], exclude=[], groups=[])
            add_document(tx, source, "open.md", ["*"])
            add_document(tx, source, "board.md", ["group:board"])
            add_document(tx, source, "mine.md", ["user:ada"])
    return tenants


def seen(tx: Transaction) -> list[str]:
    return sorted(row[0] for row in tx.connection.execute("SELECT uri FROM corpus.documents"))


def test_a_transaction_without_a_tenant_sees_nothing(databases: Databases, two_tenants: list[Tenant]) -> None:
    for database in (databases.pipeline, databases.serving):
        with database.transaction() as tx:
            assert seen(tx) == []


def test_the_pipeline_sees_the_rows_of_its_tenant_only(databases: Databases, two_tenants: list[Tenant]) -> None:
    with databases.pipeline.transaction(two_tenants[0].tenant_id) as tx:
        assert tx.connection.execute("SELECT count(*) FROM corpus.documents").fetchone() == (3,)


@pytest.mark.parametrize(
    ("reader", "expected"),
    [
        (None, []),
        (Reader(), ["open.md"]),
        (Reader(user="ada"), ["mine.md", "open.md"]),
        (Reader(user="bob", groups=("board",)), ["board.md", "open.md"]),
        (Reader(user="board"), ["open.md"]),
        (Reader(groups=("ada",)), ["open.md"]),
    ],
)
def test_a_reader_sees_what_its_user_and_groups_may_see(
    databases: Databases, two_tenants: list[Tenant], reader: Reader | None, expected: list[str]
) -> None:
    with databases.serving.transaction(two_tenants[1].tenant_id, reader) as tx:
        assert seen(tx) == expected


def test_tenant_and_reader_do_not_survive_the_transaction_on_a_pooled_connection(
    databases: Databases, two_tenants: list[Tenant]
) -> None:
    with databases.serving.transaction(two_tenants[0].tenant_id, Reader(groups=("board",))) as tx:
        assert len(seen(tx)) == 2
    with databases.serving.transaction() as tx:
        assert seen(tx) == []


def test_a_tenant_cannot_write_rows_of_another(databases: Databases, two_tenants: list[Tenant]) -> None:
    one, two = two_tenants
    stolen = "INSERT INTO corpus.sources (tenant_id, name, uri) VALUES (%s, 'stolen', '/x')"
    with (
        databases.pipeline.transaction(one.tenant_id) as tx,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"),
    ):
        tx.connection.execute(stolen, [two.tenant_id])
