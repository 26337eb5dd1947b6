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
    (SELECT abs(COALESCE(sum(s.n_chunks), 0) - (SELECT COALESCE(sum(n_entries), 0) FROM entries))
        + abs(COALESCE(sum(s.n_terms), 0) - (SELECT COALESCE(sum(n_terms), 0) FROM entries))
     FROM corpus.index_sizes s WHERE s.tenant_id = %(tenant_id)s AND s.generation_id = %(generation_id)s)::bigint
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

-- entry_faults --
-- Entries of one generation, of some documents or of all: what each points at is there, its vector is what the generation's
-- model makes, and it may be read by exactly those who may read its document. One row of counts.
WITH found AS (
    SELECT e.document_id, e.chunk_id, k.version,
        d.document_id IS NULL OR d.deleted_at IS NOT NULL AS without_document,
        k.chunk_id IS NULL AS without_chunk,
        vector_dims(e.embedding) <> %(dimensions)s AS wrong_dimensions,
        -- NaN is greater than everything here.
        abs(l2_norm(e.embedding) - 1) > %(tolerance)s AS not_unit,
        e.access_id <> d.access_id OR k.access_id <> d.access_id AS wrong_rights
    FROM corpus.index_entries e
    LEFT JOIN corpus.documents d ON d.tenant_id = e.tenant_id AND d.document_id = e.document_id
    LEFT JOIN corpus.document_chunks k ON k.tenant_id = e.tenant_id AND k.chunk_id = e.chunk_id
        AND k.document_id = e.document_id AND k.lineage = %(chunks_lineage)s
    WHERE e.tenant_id = %(tenant_id)s AND e.generation_id = %(generation_id)s
      AND (%(document_ids)s::bigint[] IS NULL OR e.document_id = ANY (%(document_ids)s))
)
SELECT count(*) AS n_entries,
    count(*) FILTER (WHERE without_document) AS n_without_document,
    count(*) FILTER (WHERE without_chunk) AS n_without_chunk,
    count(*) FILTER (WHERE wrong_dimensions) AS n_wrong_dimensions,
    count(*) FILTER (WHERE not_unit) AS n_not_unit,
    count(*) FILTER (WHERE wrong_rights) AS n_wrong_rights,
    (SELECT count(*) FROM (SELECT document_id FROM found GROUP BY document_id HAVING count(DISTINCT version) > 1) AS mixed)
        AS n_mixed_documents
FROM found;

-- list_faults --
-- Term lists of one generation against its entries, block by block, of the blocks that hold some documents or of all.
WITH entries AS MATERIALIZED (
    SELECT e.chunk_id, e.block, e.access_id, e.n_terms FROM corpus.index_entries e
    WHERE e.tenant_id = %(tenant_id)s AND e.generation_id = %(generation_id)s
      AND (%(document_ids)s::bigint[] IS NULL OR e.block IN (
          SELECT b.block FROM corpus.index_entries b WHERE b.tenant_id = %(tenant_id)s
            AND b.generation_id = %(generation_id)s AND b.document_id = ANY (%(document_ids)s)))
), lists AS MATERIALIZED (
    SELECT t.block, t.access_id, t.postings FROM corpus.index_terms t
    WHERE t.tenant_id = %(tenant_id)s AND t.generation_id = %(generation_id)s
      AND (%(document_ids)s::bigint[] IS NULL OR t.block IN (SELECT block FROM entries))
), postings AS (
    SELECT l.block, l.access_id, p.chunk_id, p.frequency, p.length
    FROM lists l CROSS JOIN LATERAL corpus.unpacked(l.postings) AS p
), listed AS (
    SELECT chunk_id, block, access_id, sum(frequency) AS n_terms, min(length) AS shortest, max(length) AS longest
    FROM postings GROUP BY chunk_id, block, access_id
), matched AS (
    SELECT e.chunk_id AS entered, l.chunk_id AS listed,
        e.n_terms = LEAST(l.n_terms, 32767) AND l.shortest = e.n_terms AND l.longest = e.n_terms AS same_length, e.n_terms
    FROM entries e FULL JOIN listed l USING (chunk_id, block, access_id)
)
SELECT count(*) FILTER (WHERE entered IS NULL) AS n_listed_without_entry,
    count(*) FILTER (WHERE listed IS NULL AND n_terms > 0) AS n_entries_not_listed,
    count(*) FILTER (WHERE entered IS NOT NULL AND listed IS NOT NULL AND NOT same_length) AS n_wrong_lengths
FROM matched;

-- count_faults --
-- What is counted beside the index against what is in it: sets of readers, and blocks.
WITH sizes AS (
    SELECT access_id, count(*) AS n_chunks, sum(n_terms) AS n_terms FROM corpus.index_entries
    WHERE tenant_id = %(tenant_id)s AND generation_id = %(generation_id)s GROUP BY access_id
), blocks AS (
    SELECT block, count(*) AS n_chunks FROM corpus.index_entries
    WHERE tenant_id = %(tenant_id)s AND generation_id = %(generation_id)s GROUP BY block
)
SELECT
    (SELECT count(*) FROM sizes s FULL JOIN (
        SELECT access_id, n_chunks, n_terms FROM corpus.index_sizes
        WHERE tenant_id = %(tenant_id)s AND generation_id = %(generation_id)s) AS kept USING (access_id)
     WHERE COALESCE(s.n_chunks, 0) <> COALESCE(kept.n_chunks, 0) OR COALESCE(s.n_terms, 0) <> COALESCE(kept.n_terms, 0))
        AS n_wrong_sizes,
    (SELECT count(*) FROM blocks b FULL JOIN (
        SELECT block, n_chunks FROM corpus.index_blocks
        WHERE tenant_id = %(tenant_id)s AND generation_id = %(generation_id)s) AS kept USING (block)
     WHERE COALESCE(b.n_chunks, 0) <> COALESCE(kept.n_chunks, 0)) AS n_wrong_blocks;

-- chunk_spans --
-- Chunks of current versions whose redacted text is the one they were cut from, with their place in it.
SELECT k.document_id, k.chunk_id, k.text, k.start_char, k.end_char
FROM corpus.ledger c
JOIN corpus.ledger r ON r.tenant_id = c.tenant_id AND r.stage = 'redacted_documents' AND r.lineage = %(redacted_lineage)s
    AND r.document_id = c.document_id AND r.output_hash = c.input_hash
JOIN corpus.document_chunks k ON k.tenant_id = c.tenant_id AND k.lineage = c.lineage AND k.document_id = c.document_id
    AND k.version = c.version
WHERE c.tenant_id = %(tenant_id)s AND c.stage = 'document_chunks' AND c.lineage = %(lineage)s
  AND c.document_id = ANY (%(document_ids)s)
ORDER BY k.document_id, k.ordinal;

-- chunked_sample --
-- A spread sample of the documents that a stage has chunks of.
SELECT l.document_id FROM corpus.ledger l
WHERE l.tenant_id = %(tenant_id)s AND l.stage = 'document_chunks' AND l.lineage = %(lineage)s AND l.version IS NOT NULL
ORDER BY hashint8(l.document_id), l.document_id LIMIT %(limit)s;
