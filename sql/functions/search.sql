-- Loads pgvector into this session: who is no administrator may name its settings only then.
SELECT '[1]'::vector;

-- Nearest chunks of a generation through its HNSW index. The number of dimensions and the generation stand in the statement
-- itself, because the index is over exactly these; the caller's row-level security applies. The scan goes on past rows that
-- the reader may not see, up to hnsw.max_scan_tuples, so it may return fewer rows than exist: the caller checks that.
CREATE OR REPLACE FUNCTION corpus.nearest(tenant integer, generation integer, dimensions integer, question text, n integer,
        effort integer, documents bigint[]) RETURNS TABLE (chunk_id bigint, similarity double precision)
    LANGUAGE plpgsql
    SET hnsw.iterative_scan = relaxed_order
    SET hnsw.max_scan_tuples = 20000
    SET hnsw.ef_search = 100
    -- Else the planner, which takes the rows of a policy for few, sorts them all.
    SET enable_sort = off
AS $$
BEGIN
    PERFORM set_config('hnsw.ef_search', effort::text, true);
    RETURN QUERY EXECUTE format($statement$
        SELECT e.chunk_id, -(e.embedding::halfvec(%1$s) <#> $1::halfvec(%1$s))
        FROM corpus.index_entries e
        WHERE e.tenant_id = %2$s AND e.generation_id = %3$s AND ($3 IS NULL OR e.document_id = ANY ($3))
        ORDER BY e.embedding::halfvec(%1$s) <#> $1::halfvec(%1$s) LIMIT $2
    $statement$, dimensions, tenant, generation) USING question, n, documents;
END
$$;
GRANT EXECUTE ON FUNCTION corpus.nearest TO prodgen_pipeline, prodgen_serving;

-- Packed postings as rows, for checks; a search unpacks them itself.
CREATE OR REPLACE FUNCTION corpus.unpacked(postings bytea) RETURNS TABLE (chunk_id bigint, frequency integer, length integer)
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT ('x' || encode(substring(postings FROM at + 1 FOR 8), 'hex'))::bit(64)::bigint,
        get_byte(postings, at + 8) * 256 + get_byte(postings, at + 9),
        get_byte(postings, at + 10) * 256 + get_byte(postings, at + 11)
    FROM generate_series(0, octet_length(postings) - 12, 12) AS at;
END;
GRANT EXECUTE ON FUNCTION corpus.unpacked TO prodgen_pipeline;
