-- hold --
-- One transaction of the tenant at a time moves documents through stages or changes which generations live. Short: only
-- commits hold it, never the work before them.
SELECT pg_advisory_xact_lock(%(space)s, %(tenant_id)s);

-- living --
SELECT generation_id, state, pins, configuration FROM corpus.generations
WHERE tenant_id = %(tenant_id)s AND state <> 'reclaimed' ORDER BY generation_id;

-- list --
SELECT g.generation_id, g.state, g.pins, g.configuration, g.opened_at, g.opened_by, g.built_at, g.served_at, g.left_at,
    g.reclaimed_at, g.vector_index_at, g.checks, COALESCE(s.n_chunks, 0) AS n_chunks
FROM corpus.generations g
LEFT JOIN LATERAL (SELECT sum(n_chunks)::bigint AS n_chunks FROM corpus.index_sizes s
                   WHERE s.tenant_id = g.tenant_id AND s.generation_id = g.generation_id) AS s ON true
WHERE g.tenant_id = %(tenant_id)s ORDER BY g.generation_id;

-- open_first --
-- A tenant's first generation serves from the start: there is nothing that it could stand beside.
INSERT INTO corpus.generations (tenant_id, generation_id, state, pins, configuration, opened_by, built_at, served_at)
SELECT %(tenant_id)s, 1, 'serving', %(pins)s, %(configuration)s, %(actor)s, now(), now()
WHERE NOT EXISTS (SELECT FROM corpus.generations WHERE tenant_id = %(tenant_id)s)
RETURNING generation_id;

-- open_next --
INSERT INTO corpus.generations (tenant_id, generation_id, state, pins, configuration, opened_by)
SELECT %(tenant_id)s, max(generation_id) + 1, 'building', %(pins)s, %(configuration)s, %(actor)s
FROM corpus.generations WHERE tenant_id = %(tenant_id)s
RETURNING generation_id;

-- seed_from_raw --
-- Every living document waits for the new generation's parser: its newest version whose bytes were kept.
INSERT INTO corpus.ledger (tenant_id, stage, lineage, document_id, due_version, due_hash, due_size, due_seq)
SELECT %(tenant_id)s, %(stage)s, %(lineage)s, n.document_id, n.version, encode(n.content_hash, 'hex'), n.size,
    nextval('corpus.due_seq')
FROM (SELECT DISTINCT ON (r.document_id) r.document_id, r.version, r.content_hash, r.size
      FROM corpus.raw_documents r JOIN corpus.documents d USING (tenant_id, document_id)
      WHERE r.tenant_id = %(tenant_id)s AND d.deleted_at IS NULL AND r.object_key IS NOT NULL
      ORDER BY r.document_id, r.version DESC) AS n
ON CONFLICT (tenant_id, stage, lineage, document_id) DO NOTHING;

-- seed --
-- What the last shared stage made waits for the first one that is the new generation's own. Copies do not go on past
-- deduplication. The ledger does not keep sizes: the newest text that is there says how much there is to read.
INSERT INTO corpus.ledger (tenant_id, stage, lineage, document_id, due_version, due_hash, due_size, due_seq)
SELECT %(tenant_id)s, %(stage)s, %(lineage)s, p.document_id, p.version, p.output_hash,
    COALESCE(
        (SELECT r.n_chars FROM corpus.redacted_documents r WHERE r.tenant_id = %(tenant_id)s
         AND r.document_id = p.document_id AND r.lineage = ANY (%(shared)s) ORDER BY r.version DESC LIMIT 1),
        (SELECT r.n_chars FROM corpus.cleaned_documents r WHERE r.tenant_id = %(tenant_id)s
         AND r.document_id = p.document_id AND r.lineage = ANY (%(shared)s) ORDER BY r.version DESC LIMIT 1),
        (SELECT r.n_chars FROM corpus.parsed_documents r WHERE r.tenant_id = %(tenant_id)s
         AND r.document_id = p.document_id AND r.lineage = ANY (%(shared)s) ORDER BY r.version DESC LIMIT 1), 0),
    nextval('corpus.due_seq')
FROM (SELECT l.document_id, l.version, l.output_hash FROM corpus.ledger l
      WHERE l.tenant_id = %(tenant_id)s AND l.stage = %(previous_stage)s AND l.lineage = %(previous_lineage)s
        AND l.version IS NOT NULL
        AND NOT (%(previous_stage)s = 'deduped_documents' AND EXISTS (
            SELECT FROM corpus.deduped_documents c WHERE c.tenant_id = l.tenant_id AND c.lineage = l.lineage
            AND c.document_id = l.document_id AND c.canonical_id <> c.document_id))
      ORDER BY l.document_id) AS p
ON CONFLICT (tenant_id, stage, lineage, document_id) DO NOTHING;

-- n_due --
-- Rows that wait in lineages.
SELECT count(*) AS n FROM corpus.ledger
WHERE tenant_id = %(tenant_id)s AND lineage = ANY (%(lineages)s) AND due_version IS NOT NULL;

-- progress --
-- How far lineages are, in documents by stage.
SELECT stage, count(*) FILTER (WHERE due_version IS NOT NULL) AS n_due,
    count(*) FILTER (WHERE due_version IS NULL AND failed_version IS NULL) AS n_done,
    count(*) FILTER (WHERE failed_version IS NOT NULL) AS n_quarantined
FROM corpus.ledger WHERE tenant_id = %(tenant_id)s AND lineage = ANY (%(lineages)s) GROUP BY stage;

-- built --
UPDATE corpus.generations SET built_at = COALESCE(built_at, now())
WHERE tenant_id = %(tenant_id)s AND generation_id = %(generation_id)s;

-- keep_checks --
UPDATE corpus.generations SET checks = %(checks)s
WHERE tenant_id = %(tenant_id)s AND generation_id = %(generation_id)s;

-- leave --
-- What serves stands by from now on.
UPDATE corpus.generations SET state = 'standby', left_at = now() WHERE tenant_id = %(tenant_id)s AND state = 'serving';

-- serve --
UPDATE corpus.generations SET state = 'serving', served_at = now(), left_at = NULL
WHERE tenant_id = %(tenant_id)s AND generation_id = %(generation_id)s AND state IN ('building', 'standby');

-- give_up --
-- Lives no more: no run works on it, and its rows may be deleted.
UPDATE corpus.generations SET state = 'reclaimed', left_at = COALESCE(left_at, now())
WHERE tenant_id = %(tenant_id)s AND generation_id = %(generation_id)s AND state IN ('building', 'standby');

-- serve_documents --
-- What is said to be served of every document becomes what this generation holds of it. Its version is that of the last
-- stage behind which nothing waits and nothing failed: earlier stages may be ahead, later ones found nothing changed.
WITH passed AS (
    SELECT l.document_id, x.no, l.version, l.due_version IS NOT NULL OR l.failed_version IS NOT NULL AS is_open
    FROM unnest(%(stages)s::text[], %(lineages)s::text[]) WITH ORDINALITY AS x (stage, lineage, no)
    JOIN corpus.ledger l ON l.tenant_id = %(tenant_id)s AND l.stage = x.stage AND l.lineage = x.lineage
), stands_at AS (
    SELECT document_id, GREATEST(1, COALESCE(max(no) FILTER (WHERE is_open), 0)) AS no FROM passed GROUP BY document_id
), held AS (
    SELECT c.document_id, c.canonical_id, p.version FROM corpus.deduped_documents c
    JOIN corpus.ledger e ON e.tenant_id = c.tenant_id AND e.stage = 'chunk_embeddings' AND e.lineage = %(embedded_lineage)s
        AND e.document_id = c.canonical_id AND e.version IS NOT NULL
    JOIN stands_at s ON s.document_id = c.document_id
    JOIN passed p ON p.document_id = s.document_id AND p.no = s.no
    WHERE c.tenant_id = %(tenant_id)s AND c.lineage = %(deduped_lineage)s
), shown AS (
    SELECT d.document_id, h.version AS served_version, NULLIF(h.canonical_id, d.document_id) AS duplicate_of,
        CASE WHEN h.canonical_id = d.document_id THEN r.title END AS title, COALESCE(p.media_type, d.media_type) AS media_type,
        COALESCE(p.metadata, d.metadata) AS metadata, COALESCE(w.source_time, d.document_time) AS document_time
    FROM corpus.documents d
    LEFT JOIN held h USING (document_id)
    LEFT JOIN corpus.ledger lr ON lr.tenant_id = d.tenant_id AND lr.stage = 'redacted_documents'
        AND lr.lineage = %(redacted_lineage)s AND lr.document_id = d.document_id
    LEFT JOIN corpus.redacted_documents r ON r.tenant_id = lr.tenant_id AND r.document_id = lr.document_id
        AND r.lineage = lr.lineage AND r.version = lr.version
    LEFT JOIN corpus.ledger lp ON lp.tenant_id = d.tenant_id AND lp.stage = 'parsed_documents'
        AND lp.lineage = %(parsed_lineage)s AND lp.document_id = d.document_id
    LEFT JOIN corpus.parsed_documents p ON p.tenant_id = lp.tenant_id AND p.document_id = lp.document_id
        AND p.lineage = lp.lineage AND p.version = lp.version
    LEFT JOIN corpus.raw_documents w ON w.tenant_id = d.tenant_id AND w.document_id = d.document_id AND w.version = h.version
    WHERE d.tenant_id = %(tenant_id)s AND d.deleted_at IS NULL
)
UPDATE corpus.documents d SET served_version = s.served_version, duplicate_of = s.duplicate_of, title = s.title,
    media_type = s.media_type, metadata = s.metadata, document_time = s.document_time
FROM shown s
WHERE d.tenant_id = %(tenant_id)s AND d.document_id = s.document_id
  AND (d.served_version, d.duplicate_of, d.title, d.media_type, d.metadata, d.document_time)
    IS DISTINCT FROM (s.served_version, s.duplicate_of, s.title, s.media_type, s.metadata, s.document_time);

-- losses --
-- Documents that are served now and would not be from this generation, and those of them that are quarantined in it.
SELECT count(*) AS n_served, count(*) FILTER (WHERE h.document_id IS NULL) AS n_lost,
    count(*) FILTER (WHERE h.document_id IS NULL AND EXISTS (
        SELECT FROM corpus.ledger f WHERE f.tenant_id = d.tenant_id AND f.document_id = COALESCE(c.canonical_id, d.document_id)
        AND f.lineage = ANY (%(lineages)s) AND f.failed_version IS NOT NULL)) AS n_quarantined
FROM corpus.documents d
LEFT JOIN corpus.deduped_documents c ON c.tenant_id = d.tenant_id AND c.lineage = %(deduped_lineage)s
    AND c.document_id = d.document_id
LEFT JOIN corpus.ledger h ON h.tenant_id = d.tenant_id AND h.stage = 'chunk_embeddings' AND h.lineage = %(embedded_lineage)s
    AND h.document_id = c.canonical_id AND h.version IS NOT NULL
WHERE d.tenant_id = %(tenant_id)s AND d.served_version IS NOT NULL AND d.deleted_at IS NULL;

-- contents --
-- The index of a generation against its own ledger: every document that passed the last stage has all chunks of its current
-- version in it, nothing else is there, and the counts that BM25 uses are right.
WITH entries AS (
    SELECT document_id, count(*) AS n_entries, sum(n_terms) AS n_terms FROM corpus.index_entries
    WHERE tenant_id = %(tenant_id)s AND generation_id = %(generation_id)s GROUP BY document_id
), passed AS (
    SELECT e.document_id, count(*) FILTER (WHERE e.input_hash = c.output_hash) AS n_chunks,
        bool_and(e.input_hash = c.output_hash) AS is_current
    FROM corpus.ledger e
    JOIN corpus.ledger c ON c.tenant_id = e.tenant_id AND c.stage = 'document_chunks' AND c.lineage = %(chunked_lineage)s
        AND c.document_id = e.document_id
    JOIN corpus.document_chunks k ON k.tenant_id = c.tenant_id AND k.lineage = c.lineage AND k.document_id = c.document_id
        AND k.version = c.version
    WHERE e.tenant_id = %(tenant_id)s AND e.stage = 'chunk_embeddings' AND e.lineage = %(embedded_lineage)s
      AND e.version IS NOT NULL
    GROUP BY e.document_id
)
SELECT
    (SELECT COALESCE(sum(n_entries), 0) FROM entries)::bigint AS n_entries,
    (SELECT count(*) FROM passed p LEFT JOIN entries e USING (document_id)
     WHERE e.document_id IS NULL OR (p.is_current AND e.n_entries <> p.n_chunks)) AS n_incomplete,
    (SELECT count(*) FROM entries e LEFT JOIN passed p USING (document_id) WHERE p.document_id IS NULL) AS n_orphans,
    (SELECT abs(COALESCE(sum(s.n_chunks), 0) - (SELECT COALESCE(sum(n_entries), 0) FROM entries))
        + abs(COALESCE(sum(s.n_terms), 0) - (SELECT COALESCE(sum(n_terms), 0) FROM entries))
     FROM corpus.index_sizes s WHERE s.tenant_id = %(tenant_id)s AND s.generation_id = %(generation_id)s)::bigint
        AS n_miscounted;

-- sample_vectors --
-- Vectors of chunks spread over the generation, to be searched for.
SELECT embedding::text AS vector FROM corpus.index_entries
WHERE tenant_id = %(tenant_id)s AND generation_id = %(generation_id)s ORDER BY hashint8(chunk_id), chunk_id LIMIT %(n)s;

-- access_sets --
SELECT access_id FROM corpus.index_sizes
WHERE tenant_id = %(tenant_id)s AND generation_id = %(generation_id)s AND n_chunks > 0;

-- amount --
-- What a stage would read again, as far as it is known beforehand: documents, and what their chunks are now.
SELECT
    (SELECT count(*) FROM corpus.documents d WHERE d.tenant_id = %(tenant_id)s AND d.deleted_at IS NULL
        AND d.served_version IS NOT NULL) AS n_documents,
    count(*) AS n_chunks, COALESCE(sum(k.n_tokens), 0)::bigint AS n_tokens
FROM corpus.ledger l JOIN corpus.document_chunks k USING (tenant_id, lineage, document_id, version)
WHERE l.tenant_id = %(tenant_id)s AND l.stage = 'document_chunks' AND l.lineage = %(chunked_lineage)s;

-- texts --
-- Distinct texts of the chunks there are, and what of them has no vector of a model yet.
SELECT count(*) AS n_texts, count(*) FILTER (WHERE v.text_hash IS NULL) AS n_missing,
    COALESCE(sum(t.n_tokens) FILTER (WHERE v.text_hash IS NULL), 0)::bigint AS n_missing_tokens
FROM (SELECT DISTINCT ON (k.text_hash) k.text_hash, k.n_tokens
      FROM corpus.ledger l JOIN corpus.document_chunks k USING (tenant_id, lineage, document_id, version)
      WHERE l.tenant_id = %(tenant_id)s AND l.stage = 'document_chunks' AND l.lineage = %(chunked_lineage)s) AS t
LEFT JOIN corpus.chunk_embeddings v ON v.tenant_id = %(tenant_id)s AND v.model = %(model)s AND v.text_hash = t.text_hash;

-- embedding_rate --
-- Chunks embedded a second in the newest run that embedded enough to tell; null where none did.
SELECT (r.counts ->> 'chunks_embedded')::double precision / GREATEST(1, EXTRACT(epoch FROM r.ended_at - r.started_at)) AS rate
FROM corpus.runs r
WHERE r.tenant_id = %(tenant_id)s AND r.ended_at IS NOT NULL AND (r.counts ->> 'chunks_embedded')::bigint >= 20
ORDER BY r.started_at DESC LIMIT 1;

-- lineages_of_chunks --
-- From which way of cutting each chunk is, also of versions that were replaced since.
SELECT chunk_id, lineage FROM corpus.document_chunks
WHERE tenant_id = %(tenant_id)s AND chunk_id = ANY (%(chunk_ids)s::bigint[]);
