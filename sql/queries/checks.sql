-- conservation --
-- Rows in = rows out + rows explained, for one stage of one lineage. What the stage before made goes on unless it is a copy
-- there; what has no row here, or an empty one, is unexplained.
WITH made AS (
    SELECT p.document_id FROM corpus.ledger p
    WHERE p.tenant_id = %(tenant_id)s AND p.stage = %(previous_stage)s AND p.lineage = %(previous_lineage)s
      AND p.version IS NOT NULL
), copies AS (
    SELECT d.document_id FROM corpus.deduped_documents d
    WHERE d.tenant_id = %(tenant_id)s AND %(previous_stage)s = 'deduped_documents' AND d.lineage = %(previous_lineage)s
      AND d.canonical_id <> d.document_id
)
SELECT count(*) AS n_in,
    count(*) FILTER (WHERE c.document_id IS NOT NULL) AS n_copies,
    count(*) FILTER (WHERE c.document_id IS NULL AND l.version IS NOT NULL AND l.due_version IS NULL
                       AND l.failed_version IS NULL) AS n_done,
    count(*) FILTER (WHERE c.document_id IS NULL AND l.failed_version IS NOT NULL) AS n_quarantined,
    count(*) FILTER (WHERE c.document_id IS NULL AND l.due_version IS NOT NULL) AS n_due,
    count(*) FILTER (WHERE c.document_id IS NULL AND l.version IS NULL AND l.due_version IS NULL
                       AND l.failed_version IS NULL) AS n_unexplained
FROM made m
LEFT JOIN copies c USING (document_id)
LEFT JOIN corpus.ledger l ON l.tenant_id = %(tenant_id)s AND l.stage = %(stage)s AND l.lineage = %(lineage)s
    AND l.document_id = m.document_id;

-- observed_conservation --
-- The same for the first stage: every living document waits, was parsed, or was refused when it was observed or parsed.
SELECT count(*) AS n_in, 0 AS n_copies,
    count(*) FILTER (WHERE l.version IS NOT NULL AND l.due_version IS NULL AND l.failed_version IS NULL
                       AND r.failed_version IS NULL) AS n_done,
    count(*) FILTER (WHERE r.failed_version IS NOT NULL OR l.failed_version IS NOT NULL) AS n_quarantined,
    count(*) FILTER (WHERE l.due_version IS NOT NULL AND r.failed_version IS NULL) AS n_due,
    count(*) FILTER (WHERE r.failed_version IS NULL AND l.version IS NULL AND l.due_version IS NULL
                       AND l.failed_version IS NULL) AS n_unexplained
FROM corpus.documents d
LEFT JOIN corpus.ledger l ON l.tenant_id = d.tenant_id AND l.stage = %(stage)s AND l.lineage = %(lineage)s
    AND l.document_id = d.document_id
LEFT JOIN corpus.ledger r ON r.tenant_id = d.tenant_id AND r.stage = 'raw_documents' AND r.document_id = d.document_id
WHERE d.tenant_id = %(tenant_id)s AND d.deleted_at IS NULL;

-- raw_versions --
-- Every living document has its newest version recorded, and no version came without a document.
SELECT count(*) AS n_documents,
    count(*) FILTER (WHERE NOT EXISTS (SELECT FROM corpus.raw_documents r WHERE r.tenant_id = d.tenant_id
                                       AND r.document_id = d.document_id AND r.version = d.latest_version)) AS n_missing
FROM corpus.documents d WHERE d.tenant_id = %(tenant_id)s AND d.deleted_at IS NULL;

-- canonicals --
-- Copies whose canonical document is gone or is a copy itself.
SELECT count(*) FILTER (WHERE d.canonical_id <> d.document_id) AS n_copies,
    count(*) FILTER (WHERE c.canonical_id IS DISTINCT FROM d.canonical_id) AS n_orphans
FROM corpus.deduped_documents d
LEFT JOIN corpus.deduped_documents c ON c.tenant_id = d.tenant_id AND c.lineage = d.lineage
    AND c.document_id = d.canonical_id
WHERE d.tenant_id = %(tenant_id)s AND d.lineage = %(lineage)s;

-- made_in_run --
-- Documents that a run took through a stage, a spread sample of them.
SELECT l.document_id FROM corpus.ledger l
WHERE l.tenant_id = %(tenant_id)s AND l.stage = %(stage)s AND l.lineage = %(lineage)s AND l.run_id = %(run_id)s
  AND l.version IS NOT NULL AND l.due_version IS NULL
ORDER BY hashint8(l.document_id), l.document_id LIMIT %(limit)s;

-- chunk_shape --
-- Chunks of current versions: sizes, and what may not be.
SELECT count(*) AS n_chunks, count(DISTINCT k.document_id) AS n_documents, COALESCE(max(k.n_tokens), 0) AS max_tokens,
    COALESCE(round(avg(k.n_tokens)), 0)::integer AS mean_tokens,
    count(*) FILTER (WHERE k.n_tokens > %(max_tokens)s) AS n_too_long
FROM corpus.ledger l
JOIN corpus.document_chunks k USING (tenant_id, lineage, document_id, version)
WHERE l.tenant_id = %(tenant_id)s AND l.stage = 'document_chunks' AND l.lineage = %(lineage)s;

-- chunk_sizes --
-- How many chunks of current versions there are by size, in ten equal steps up to the limit.
SELECT width_bucket(LEAST(k.n_tokens, %(max_tokens)s - 1), 0, %(max_tokens)s, 10) AS step, count(*) AS n_chunks
FROM corpus.ledger l
JOIN corpus.document_chunks k USING (tenant_id, lineage, document_id, version)
WHERE l.tenant_id = %(tenant_id)s AND l.stage = 'document_chunks' AND l.lineage = %(lineage)s
GROUP BY step ORDER BY step;

-- index_matches --
-- The index of one generation against what is said to be served. A document that is served has all chunks of its current
-- version in the index; nothing else is there; the counts that BM25 uses are right.
WITH entries AS (
    SELECT document_id, count(*) AS n_entries, sum(n_terms) AS n_terms FROM corpus.index_entries
    WHERE tenant_id = %(tenant_id)s AND generation_id = %(generation_id)s GROUP BY document_id
), served AS (
    SELECT document_id FROM corpus.documents
    WHERE tenant_id = %(tenant_id)s AND served_version IS NOT NULL AND duplicate_of IS NULL AND deleted_at IS NULL
)
SELECT
    (SELECT COALESCE(sum(n_entries), 0) FROM entries)::bigint AS n_entries,
    (SELECT count(*) FROM served) AS n_served,
    (SELECT count(*) FROM served s LEFT JOIN entries e USING (document_id) WHERE e.document_id IS NULL) AS n_served_not_indexed,
    (SELECT count(*) FROM entries e LEFT JOIN served s USING (document_id) WHERE s.document_id IS NULL) AS n_indexed_not_served,
    (SELECT count(DISTINCT t.document_id) FROM corpus.index_terms t WHERE t.tenant_id = %(tenant_id)s
        AND t.generation_id = %(generation_id)s
        AND t.document_id NOT IN (SELECT document_id FROM entries)) AS n_terms_without_entries,
    (SELECT abs(g.n_chunks - (SELECT COALESCE(sum(n_entries), 0) FROM entries))
        + abs(g.n_terms - (SELECT COALESCE(sum(n_terms), 0) FROM entries))
     FROM corpus.generations g WHERE g.tenant_id = %(tenant_id)s AND g.generation_id = %(generation_id)s)::bigint
        AS n_miscounted;

-- chunks_without_vectors --
-- Chunks of current versions that passed the last stage and are not in the generation's index.
SELECT count(*) AS n FROM corpus.ledger e
JOIN corpus.ledger c ON c.tenant_id = e.tenant_id AND c.stage = 'document_chunks' AND c.lineage = %(chunks_lineage)s
    AND c.document_id = e.document_id
JOIN corpus.document_chunks k ON k.tenant_id = c.tenant_id AND k.lineage = c.lineage AND k.document_id = c.document_id
    AND k.version = c.version
WHERE e.tenant_id = %(tenant_id)s AND e.stage = 'chunk_embeddings' AND e.lineage = %(lineage)s AND e.due_version IS NULL
  AND e.failed_version IS NULL AND e.input_hash = c.output_hash
  AND NOT EXISTS (SELECT FROM corpus.index_entries i WHERE i.tenant_id = e.tenant_id
                  AND i.generation_id = %(generation_id)s AND i.document_id = k.document_id AND i.chunk_id = k.chunk_id);

-- cleaning_rules --
-- How often each rule changed something in the current versions, and the text it left.
SELECT rule.key AS rule, sum(rule.value::bigint) AS n
FROM corpus.ledger l
JOIN corpus.cleaned_documents c USING (tenant_id, lineage, document_id, version)
CROSS JOIN jsonb_each_text(c.rule_counts) AS rule (key, value)
WHERE l.tenant_id = %(tenant_id)s AND l.stage = 'cleaned_documents' AND l.lineage = %(lineage)s AND l.run_id = %(run_id)s
GROUP BY rule.key ORDER BY n DESC, rule.key;

-- media_types --
-- What kinds of files a run parsed.
SELECT p.media_type, count(*) AS n_documents, sum(p.n_chars)::bigint AS n_chars
FROM corpus.ledger l
JOIN corpus.parsed_documents p USING (tenant_id, lineage, document_id, version)
WHERE l.tenant_id = %(tenant_id)s AND l.stage = 'parsed_documents' AND l.lineage = %(lineage)s AND l.run_id = %(run_id)s
GROUP BY p.media_type ORDER BY n_documents DESC, p.media_type;

-- entity_labels --
-- What kinds of values a run replaced, and how often; never the values.
SELECT entity ->> 'label' AS label, count(*) AS n
FROM corpus.ledger l
JOIN corpus.redacted_documents r USING (tenant_id, lineage, document_id, version)
CROSS JOIN json_array_elements(r.entities) AS entity
WHERE l.tenant_id = %(tenant_id)s AND l.stage = 'redacted_documents' AND l.lineage = %(lineage)s AND l.run_id = %(run_id)s
GROUP BY label ORDER BY n DESC, label;

-- quarantined_reasons --
-- What waits for a person before a stage, by reason.
SELECT l.reason, count(*) AS n FROM corpus.ledger l
WHERE l.tenant_id = %(tenant_id)s AND l.stage = %(stage)s AND l.failed_version IS NOT NULL
GROUP BY l.reason ORDER BY n DESC, l.reason;

-- chunk_facts --
-- One row a chunk of the current versions, numbers only: what expectations are about. Never text.
SELECT k.chunk_id, k.document_id, k.version, k.ordinal, k.n_tokens, k.end_char - k.start_char AS n_span_chars,
    length(k.text) AS n_chars, octet_length(k.text_hash) AS n_hash_bytes, cardinality(k.heading_path) AS n_headings
FROM corpus.ledger l
JOIN corpus.document_chunks k USING (tenant_id, lineage, document_id, version)
WHERE l.tenant_id = %(tenant_id)s AND l.stage = 'document_chunks' AND l.lineage = %(lineage)s
ORDER BY k.document_id, k.ordinal LIMIT %(limit)s;

-- vector_facts --
-- One row an index entry, numbers only.
SELECT i.chunk_id, i.document_id, vector_dims(i.embedding) AS dimensions, l2_norm(i.embedding) AS norm, i.n_terms
FROM corpus.index_entries i
WHERE i.tenant_id = %(tenant_id)s AND i.generation_id = %(generation_id)s
ORDER BY i.document_id, i.chunk_id LIMIT %(limit)s;
