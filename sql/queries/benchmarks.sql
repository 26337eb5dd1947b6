-- facts --
SELECT (SELECT count(*) FROM corpus.documents WHERE tenant_id = %(tenant_id)s) AS n_documents,
    (SELECT COALESCE(sum(n_chunks), 0)::bigint FROM corpus.index_sizes
     WHERE tenant_id = %(tenant_id)s AND generation_id = %(generation_id)s) AS n_chunks,
    pg_database_size(current_database()) AS database_bytes;

-- sizes --
-- Chunks that each principal may see.
SELECT a.principal, sum(s.n_chunks)::bigint AS n_chunks
FROM corpus.index_sizes s JOIN corpus.access_principals a USING (tenant_id, access_id)
WHERE s.tenant_id = %(tenant_id)s GROUP BY a.principal;

-- texts --
-- Texts to make questions from, spread over the corpus.
SELECT text FROM corpus.document_chunks WHERE tenant_id = %(tenant_id)s ORDER BY hashint8(chunk_id), chunk_id LIMIT %(limit)s;
