-- dense --
-- Nearest chunks among those that the reader may see, by cosine similarity (vectors are of unit length). An exact scan of the
-- tenant's generation.
SELECT e.chunk_id, -(e.embedding <#> %(vector)s::halfvec) AS similarity
FROM corpus.index_entries e
WHERE e.tenant_id = %(tenant_id)s AND e.generation_id = %(generation_id)s
ORDER BY e.embedding <#> %(vector)s::halfvec LIMIT %(limit)s;

-- lexical --
-- BM25 (Robertson and Zaragoza 2009) over the posting lists of the terms asked for. Frequencies of terms in the corpus are
-- counted over what the reader may see, so scores tell nothing about the rest. coverage: share of the weight that the
-- chunk holds. Lists are read once; their lengths give the frequencies, and only then are they unrolled, side by side in the
-- select list, which takes two fifths of the time of a lateral join (18,700 postings of four frequent terms).
WITH lists AS MATERIALIZED (
    SELECT t.term, t.chunk_ids, t.frequencies, t.lengths FROM corpus.index_terms t
    WHERE t.tenant_id = %(tenant_id)s AND t.generation_id = %(generation_id)s AND t.term = ANY (%(terms)s)
), counted AS (
    SELECT term, sum(cardinality(chunk_ids)) AS n FROM lists GROUP BY term
), weighted AS MATERIALIZED (
    SELECT a.term,
        a.weight * ln(1 + (%(n_chunks)s - COALESCE(c.n, 0) + 0.5) / (COALESCE(c.n, 0) + 0.5))::double precision AS idf
    FROM unnest(%(terms)s::text[], %(weights)s::double precision[]) AS a (term, weight) LEFT JOIN counted c USING (term)
), postings AS (
    SELECT w.idf, unnest(l.chunk_ids) AS chunk_id, unnest(l.frequencies) AS frequency, unnest(l.lengths) AS length
    FROM weighted w JOIN lists l USING (term)
)
SELECT p.chunk_id,
    sum(p.idf * p.frequency * (%(k1)s + 1)
        / (p.frequency + %(k1)s * (1 - %(b)s + %(b)s * p.length / %(mean_length)s))) AS score,
    sum(p.idf) / (SELECT sum(idf) FROM weighted) AS coverage
FROM postings p GROUP BY p.chunk_id ORDER BY score DESC, p.chunk_id LIMIT %(limit)s;

-- hits --
-- The text and address of chunks, rights checked once more on the way out; only what the generation still serves. Here the
-- similarity is worked out for all of them, also for those that only their terms found.
SELECT k.chunk_id, k.document_id, d.uri, s.name AS source, d.served_version AS version, d.title, k.pages, k.heading_path,
    k.text, -(e.embedding <#> %(vector)s::halfvec) AS similarity
FROM unnest(%(chunk_ids)s::bigint[]) AS x (chunk_id)
JOIN corpus.document_chunks k ON k.tenant_id = %(tenant_id)s AND k.chunk_id = x.chunk_id
JOIN corpus.index_entries e ON e.tenant_id = k.tenant_id AND e.generation_id = %(generation_id)s
    AND e.document_id = k.document_id AND e.chunk_id = k.chunk_id
JOIN corpus.documents d ON d.tenant_id = k.tenant_id AND d.document_id = k.document_id
JOIN corpus.sources s ON s.tenant_id = d.tenant_id AND s.source_id = d.source_id
WHERE d.served_version IS NOT NULL;

-- tokens --
-- Pseudonyms of values that a question names.
SELECT label, value_key, token FROM corpus.pseudonyms
WHERE tenant_id = %(tenant_id)s AND value_key = ANY (%(value_keys)s::bytea[]);

-- record_answer --
INSERT INTO prodgen.answers (tenant_id, answer_id, actor, release_id, generation_id, question, answer, refused, reason, tier,
    model, usd, timings_ms, evidence)
VALUES (%(tenant_id)s, %(answer_id)s, %(actor)s, %(release_id)s, %(generation_id)s, %(question)s, %(answer)s, %(refused)s,
    %(reason)s, %(tier)s, %(model)s, %(usd)s, %(timings_ms)s, %(evidence)s);
