"""docs/rights.md is what the code and the database say."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from prodgen_pipeline.cli.rights_reference import HIDDEN_FROM_SERVING, SEEN_BY_SERVING, rights_reference
from prodgen_pipeline.governance.rights import RIGHTS
from prodgen_pipeline.storage.embedded import OWNER, EmbeddedServer

ROOT = Path(__file__).parents[2]
READABLE = """
    SELECT c.oid::regclass::text, has_any_column_privilege('prodgen_serving', c.oid, 'SELECT') FROM pg_class c
    WHERE c.relnamespace::regnamespace::text IN ('prodgen', 'corpus') AND c.relkind IN ('r', 'p', 'v', 'm')
"""


@pytest.fixture
def owner(server: EmbeddedServer, template: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server.dsn(template, OWNER)) as connection:
        yield connection


def test_the_page_of_rights_is_current() -> None:
    current = rights_reference()
    assert (ROOT / "docs" / "rights.md").read_text() == current, "run `make docs`"
    assert [name for name in RIGHTS if "/" in name and f"`{name}`" not in current] == []


def test_the_query_side_reads_the_tables_that_the_page_names_and_no_other(owner: psycopg.Connection) -> None:
    readable = {table: bool(may) for table, may in owner.execute(READABLE)}
    assert {table for table, may in readable.items() if may} == set(SEEN_BY_SERVING)
    assert {table for table in HIDDEN_FROM_SERVING if readable[table]} == set()
