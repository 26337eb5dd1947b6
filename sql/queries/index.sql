-- missing_vectors --
-- Text hashes that have no vector of this model yet.
SELECT x.text_hash FROM unnest(%(text_hashes)s::bytea[]) AS x (text_hash)
WHERE NOT EXISTS (SELECT FROM corpus.chunk_embeddings e
                  WHERE e.tenant_id = %(tenant_id)s AND e.model = %(model)s AND e.text_hash = x.text_hash)
GROUP BY x.text_hash;

-- write_vector --
INSERT INTO corpus.chunk_embeddings (tenant_id, model, text_hash, precision, embedding)
VALUES (%(tenant_id)s, %(model)s, %(text_hash)s, %(precision)s, %(embedding)b)
ON CONFLICT (tenant_id, model, text_hash) DO NOTHING;

-- remove_entries --
-- Takes documents out of generations, and their counts with them.
WITH gone AS (
    DELETE FROM corpus.index_entries WHERE tenant_id = %(tenant_id)s AND generation_id = ANY (%(generations)s)
        AND document_id = ANY (%(document_ids)s) RETURNING generation_id, n_terms
), counted AS (
    SELECT generation_id, count(*) AS n_chunks, sum(n_terms) AS n_terms FROM gone GROUP BY generation_id
)
UPDATE corpus.generations g SET n_chunks = g.n_chunks - c.n_chunks, n_terms = g.n_terms - c.n_terms
FROM counted c WHERE g.tenant_id = %(tenant_id)s AND g.generation_id = c.generation_id;

-- remove_terms --
DELETE FROM corpus.index_terms WHERE tenant_id = %(tenant_id)s AND generation_id = ANY (%(generations)s)
    AND document_id = ANY (%(document_ids)s);

-- add_entries --
WITH added AS (
    INSERT INTO corpus.index_entries (tenant_id, generation_id, document_id, chunk_id, n_terms, embedding)
    SELECT k.tenant_id, %(generation_id)s, k.document_id, k.chunk_id, x.n_terms, e.embedding
    FROM unnest(%(chunk_ids)s::bigint[], %(n_terms)s::integer[]) AS x (chunk_id, n_terms)
    -- By key, one at a time: joined freely, a first sync (no statistics yet) compares every chunk with every vector.
    CROSS JOIN LATERAL (SELECT c.* FROM corpus.document_chunks c
                        WHERE c.tenant_id = %(tenant_id)s AND c.chunk_id = x.chunk_id OFFSET 0) AS k
    CROSS JOIN LATERAL (SELECT v.embedding FROM corpus.chunk_embeddings v
                        WHERE v.tenant_id = %(tenant_id)s AND v.model = %(model)s AND v.text_hash = k.text_hash
                        OFFSET 0) AS e
    RETURNING n_terms
)
UPDATE corpus.generations SET n_chunks = n_chunks + (SELECT count(*) FROM added),
    n_terms = n_terms + (SELECT COALESCE(sum(n_terms), 0) FROM added)
WHERE tenant_id = %(tenant_id)s AND generation_id = %(generation_id)s
RETURNING (SELECT count(*) FROM added) AS n_added;

-- add_terms --
-- One posting a term and chunk comes in, one list a term and document is kept.
INSERT INTO corpus.index_terms (tenant_id, generation_id, term, document_id, chunk_ids, frequencies, lengths)
SELECT %(tenant_id)s, %(generation_id)s, p.term, p.document_id, array_agg(p.chunk_id), array_agg(p.frequency),
    array_agg(p.length)
FROM unnest(%(terms)s::text[], %(document_ids)s::bigint[], %(chunk_ids)s::bigint[], %(frequencies)s::smallint[],
            %(lengths)s::smallint[]) AS p (term, document_id, chunk_id, frequency, length)
GROUP BY p.term, p.document_id;

-- serve --
-- The switch: what searches find of these documents is now this version.
UPDATE corpus.documents d SET served_version = x.version, duplicate_of = NULL, title = r.title
FROM unnest(%(document_ids)s::bigint[], %(versions)s::integer[]) AS x (document_id, version)
JOIN corpus.ledger l ON l.tenant_id = %(tenant_id)s AND l.stage = 'redacted_documents' AND l.lineage = %(redacted_lineage)s
    AND l.document_id = x.document_id
JOIN corpus.redacted_documents r ON r.tenant_id = l.tenant_id AND r.document_id = l.document_id AND r.lineage = l.lineage
    AND r.version = l.version
WHERE d.tenant_id = %(tenant_id)s AND d.document_id = x.document_id;
