"""Every column that can hold text is registered with erasure."""

import re

import psycopg

from prodgen_pipeline.lifecycle.erasure_steps import SUBJECT_STEPS
from prodgen_pipeline.storage.connection import Addresses
from prodgen_pipeline.storage.statements import sql_folder
from prodgen_pipeline.storage.text_columns import CLEARED_BY, KEPT, NO_TEXT

COLUMNS = """
    SELECT a.attrelid::regclass::text || '.' || a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace::regnamespace::text IN ('corpus', 'prodgen') AND c.relkind IN ('r', 'p') AND a.attnum > 0
      AND NOT a.attisdropped
      AND (a.atttypid IN ('bytea'::regtype, 'json'::regtype, 'jsonb'::regtype, 'text[]'::regtype, 'bytea[]'::regtype)
           OR a.atttypid IN (SELECT oid FROM pg_type WHERE typcategory = 'S'))
"""


def test_every_column_of_text_is_registered_and_every_registered_one_exists(addresses: Addresses) -> None:
    with psycopg.connect(addresses.owner) as connection:
        there = {row[0] for row in connection.execute(COLUMNS)}
    registered = [*CLEARED_BY, *KEPT, *NO_TEXT]
    assert sorted(there - set(registered)) == [], "say in storage/text_columns.py how an erasure deals with them"
    assert sorted(set(registered) - there) == []
    assert len(registered) == len(set(registered))


def test_every_step_that_a_column_names_exists() -> None:
    assert set(CLEARED_BY.values()) <= set(SUBJECT_STEPS)


def test_a_column_that_is_not_registered_is_noticed(addresses: Addresses) -> None:
    with psycopg.connect(addresses.owner) as connection:
        connection.execute("CREATE TABLE corpus.notes (tenant_id integer, note varchar(20))")
        there = {row[0] for row in connection.execute(COLUMNS)}
    assert there - {*CLEARED_BY, *KEPT, *NO_TEXT} == {"corpus.notes.note"}


def test_every_statement_that_deletes_a_document_is_known() -> None:
    """Whoever adds another asks `corpus.may_delete` first, and is entered here."""
    deleting = re.compile(
        r"^-- (\w+) --(?:(?!^-- \w+ --).)*?(?:DELETE FROM corpus\.documents\b|deleted_at = (?:now|COALESCE))",
        re.M | re.S,
    )
    found = {
        f"{path.stem}.{name}"
        for path in (sql_folder() / "queries").glob("*.sql")
        for name in deleting.findall(path.read_text())
    }
    assert found == {"documents.delete", "erasure.delete_documents", "holds.hide"}
