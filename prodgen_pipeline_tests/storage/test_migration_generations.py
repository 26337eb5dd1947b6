"""A database that an earlier release filled is brought to generations, sets of readers and blocks with nothing lost."""

from collections.abc import Iterator

import psycopg
import pytest

from prodgen_pipeline.storage import migrations
from prodgen_pipeline.storage.embedded import OWNER, EmbeddedServer

EARLIER = """
    INSERT INTO prodgen.tenants (name) VALUES ('one'), ('two');
    INSERT INTO corpus.sources (tenant_id, name, uri) SELECT tenant_id, 'files', '/x' FROM prodgen.tenants;
    INSERT INTO corpus.documents (tenant_id, source_id, uri, sign, size, latest_version, latest_hash, served_version)
        SELECT s.tenant_id, s.source_id, 'd' || n, 's', 1, 1, 'x', 1 FROM corpus.sources s, generate_series(1, 600) n;
    INSERT INTO corpus.document_readers (tenant_id, principal, document_id)
        SELECT tenant_id, CASE WHEN document_id % 3 = 0 THEN 'group:board' ELSE '*' END, document_id
        FROM corpus.documents WHERE document_id % 7 <> 0;
    INSERT INTO corpus.document_readers (tenant_id, principal, document_id)
        SELECT tenant_id, 'user:ada', document_id FROM corpus.documents
        WHERE document_id % 3 = 0 AND document_id % 7 <> 0;
    INSERT INTO corpus.document_chunks (tenant_id, document_id, lineage, version, ordinal, start_char, end_char,
        n_tokens, pages, heading_path, text, embedding_text, text_hash)
        SELECT tenant_id, document_id, 'l', 1, n, 0, 3, 1, '{}', '{}', 'abc', 'abc', sha256('abc')
        FROM corpus.documents, generate_series(0, 1) n;
    INSERT INTO corpus.generations (tenant_id, generation_id, state, pins, configuration, n_chunks, n_terms)
        SELECT tenant_id, 1, 'serving', '{}', '{}', 1200, 2400 FROM prodgen.tenants;
    INSERT INTO corpus.index_entries (tenant_id, generation_id, document_id, chunk_id, n_terms, embedding)
        SELECT tenant_id, 1, document_id, chunk_id, 2, '[1,0]' FROM corpus.document_chunks;
    INSERT INTO corpus.index_terms (tenant_id, generation_id, term, document_id, chunk_ids, frequencies, lengths)
        SELECT tenant_id, 1, 'abc', document_id, array_agg(chunk_id), '{1,3}', '{2,4}' FROM corpus.document_chunks
        GROUP BY tenant_id, document_id;
    INSERT INTO corpus.chunk_embeddings (tenant_id, model, text_hash, precision, embedding)
        VALUES (1, 'all-MiniLM-L6-v2@gt-0.1.0', sha256('abc'), 'f32', '[1,0]');
"""


@pytest.fixture
def migrated(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    everything = migrations._files()
    with psycopg.connect(server.dsn("postgres", OWNER), autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS test_earlier WITH (FORCE)")
        connection.execute("CREATE DATABASE test_earlier")
        monkeypatch.setattr(
            migrations, "_files", lambda: [each for each in everything if each[0] == "bootstrap" or each[0] < "0005"]
        )
        migrations.migrate(server.dsn("test_earlier", OWNER))
        with psycopg.connect(server.dsn("test_earlier", OWNER)) as earlier:
            earlier.execute(EARLIER)
        monkeypatch.setattr(migrations, "_files", lambda: everything)
        assert "0005_generations" in migrations.migrate(server.dsn("test_earlier", OWNER))
        with psycopg.connect(server.dsn("test_earlier", OWNER)) as now:
            yield now
        connection.execute("DROP DATABASE test_earlier WITH (FORCE)")


def test_an_earlier_releases_rows_are_all_there_in_their_new_form(migrated: psycopg.Connection) -> None:
    sets = migrated.execute("SELECT tenant_id, principals FROM corpus.access_sets ORDER BY 1, 2").fetchall()
    assert sets == [(t, p) for t in (1, 2) for p in ([], ["*"], ["group:board", "user:ada"])]
    wrong = migrated.execute(
        "SELECT count(*) FROM corpus.documents d JOIN corpus.access_sets s USING (tenant_id, access_id) "
        "WHERE s.principals <> CASE WHEN d.document_id % 7 = 0 THEN '{}' "
        "WHEN d.document_id % 3 = 0 THEN '{group:board,user:ada}' "
        "ELSE '{*}'::text[] END"
    ).fetchone()
    assert wrong == (0,)
    postings = migrated.execute(
        "SELECT count(*), count(DISTINCT p.chunk_id), sum(p.frequency), "
        "bool_and(e.access_id = t.access_id AND e.block = t.block) "
        "FROM corpus.index_terms t CROSS JOIN LATERAL corpus.unpacked(t.postings) AS p "
        "JOIN corpus.index_entries e ON e.tenant_id = t.tenant_id AND e.chunk_id = p.chunk_id"
    ).fetchone()
    assert postings == (2400, 2400, 4800, True)
    assert migrated.execute("SELECT sum(n_chunks), sum(n_terms) FROM corpus.index_sizes").fetchone() == (2400, 4800)
    blocks = migrated.execute("SELECT count(*), sum(n_chunks), max(n_chunks) < 600 FROM corpus.index_blocks").fetchone()
    assert blocks == (6, 2400, True)
    assert migrated.execute("SELECT model FROM corpus.chunk_embeddings").fetchone() == (
        "local/all-MiniLM-L6-v2@gt-0.1.0/384/float",
    )


def test_every_tenants_table_is_under_forced_security_after_it(migrated: psycopg.Connection) -> None:
    open_tables = migrated.execute(
        "SELECT c.oid::regclass::text FROM pg_class c "
        "WHERE c.relnamespace::regnamespace::text IN ('prodgen', 'corpus') "
        "AND c.relkind = 'r' AND NOT (c.relrowsecurity AND c.relforcerowsecurity)"
    ).fetchall()
    assert sorted(row[0] for row in open_tables) == ["prodgen.releases", "prodgen.schema_migrations"]
