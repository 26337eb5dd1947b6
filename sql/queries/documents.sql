-- known --
-- The living documents of a source in the order of their addresses, to be merged with a listing in the same order.
SELECT document_id, uri, sign, latest_hash AS content_hash FROM corpus.documents
WHERE tenant_id = %(tenant_id)s AND source_id = %(source_id)s AND deleted_at IS NULL AND uri > %(after)s COLLATE "C"
ORDER BY uri COLLATE "C" LIMIT %(limit)s;

-- add --
INSERT INTO corpus.documents (tenant_id, source_id, uri, sign, size, latest_version, latest_hash, access_id)
VALUES (%(tenant_id)s, %(source_id)s, %(uri)s, %(sign)s, %(size)s, 1, %(content_hash)s, %(access_id)s) RETURNING document_id;

-- add_version --
-- A new version of a known document, perhaps at a new address.
UPDATE corpus.documents SET uri = %(uri)s, sign = %(sign)s, size = %(size)s, latest_hash = %(content_hash)s,
    latest_version = latest_version + 1
WHERE tenant_id = %(tenant_id)s AND document_id = %(document_id)s RETURNING latest_version;

-- touch --
-- Same bytes, new sign or new address.
UPDATE corpus.documents SET uri = %(uri)s, sign = %(sign)s
WHERE tenant_id = %(tenant_id)s AND document_id = %(document_id)s;

-- add_raw --
INSERT INTO corpus.raw_documents (tenant_id, document_id, version, uri, content_hash, size, object_key, source_time, run_id)
VALUES (%(tenant_id)s, %(document_id)s, %(version)s, %(uri)s, %(content_hash)s, %(size)s, %(object_key)s,
        to_timestamp(%(source_time)s), %(run_id)s);

-- access_set --
-- The set of exactly these readers, made on first sight.
WITH asked AS (
    SELECT %(principals)s::text[] AS principals,
        sha256(convert_to(array_to_string(%(principals)s::text[], E'\x01'), 'UTF8')) AS principals_hash
), known AS (
    SELECT s.access_id FROM corpus.access_sets s JOIN asked USING (principals_hash) WHERE s.tenant_id = %(tenant_id)s
), made AS (
    INSERT INTO corpus.access_sets (tenant_id, principals, principals_hash)
    SELECT %(tenant_id)s, principals, principals_hash FROM asked WHERE NOT EXISTS (SELECT FROM known)
    RETURNING access_id
), listed AS (
    INSERT INTO corpus.access_principals (tenant_id, principal, access_id)
    SELECT %(tenant_id)s, unnest(a.principals), m.access_id FROM asked a, made m
)
SELECT access_id FROM known UNION ALL SELECT access_id FROM made;

-- deletable --
-- Asks the one function that knows, row by row.
SELECT d.document_id FROM corpus.documents d
WHERE d.tenant_id = %(tenant_id)s AND d.document_id = ANY (%(document_ids)s) AND d.deleted_at IS NULL
  AND corpus.may_delete(d.tenant_id, d.document_id, %(cause)s);

-- delete --
UPDATE corpus.documents SET deleted_at = now(), served_version = NULL, duplicate_of = NULL
WHERE tenant_id = %(tenant_id)s AND document_id = ANY (%(document_ids)s);

-- delete_parsed --
DELETE FROM corpus.parsed_documents WHERE tenant_id = %(tenant_id)s AND document_id = ANY (%(document_ids)s);

-- delete_cleaned --
DELETE FROM corpus.cleaned_documents WHERE tenant_id = %(tenant_id)s AND document_id = ANY (%(document_ids)s);

-- delete_deduped --
DELETE FROM corpus.deduped_documents WHERE tenant_id = %(tenant_id)s AND document_id = ANY (%(document_ids)s);

-- delete_redacted --
DELETE FROM corpus.redacted_documents WHERE tenant_id = %(tenant_id)s AND document_id = ANY (%(document_ids)s);

-- delete_chunks --
DELETE FROM corpus.document_chunks WHERE tenant_id = %(tenant_id)s AND document_id = ANY (%(document_ids)s);

-- delete_ledger --
DELETE FROM corpus.ledger WHERE tenant_id = %(tenant_id)s AND document_id = ANY (%(document_ids)s);

-- list --
-- One row per document that ever was, with the state a person would name.
SELECT d.uri, d.document_id::text AS document_id, s.name AS source,
    CASE WHEN d.deleted_at IS NOT NULL THEN 'deleted'
         WHEN d.duplicate_of IS NOT NULL THEN 'duplicate'
         WHEN d.served_version IS NOT NULL THEN 'served'
         WHEN f.failed_version IS NOT NULL THEN 'quarantined'
         ELSE 'pending' END AS state,
    COALESCE(d.served_version, d.latest_version) AS version,
    c.uri AS duplicate_of, COALESCE(c.title, d.title) AS title
FROM corpus.documents d
JOIN corpus.sources s USING (tenant_id, source_id)
LEFT JOIN corpus.documents c ON c.tenant_id = d.tenant_id AND c.document_id = d.duplicate_of
LEFT JOIN LATERAL (SELECT max(failed_version) AS failed_version FROM corpus.ledger l
                   WHERE l.tenant_id = d.tenant_id AND l.document_id = d.document_id AND l.failed_version IS NOT NULL) f ON true
WHERE d.tenant_id = %(tenant_id)s AND (%(uri)s::text IS NULL OR d.uri = %(uri)s)
  AND (%(source)s::text IS NULL OR s.name = %(source)s)
ORDER BY d.uri, s.name, d.deleted_at DESC NULLS FIRST;

-- chunks --
-- As served: of the document itself, or of the one it is a copy of.
SELECT k.chunk_id::text AS chunk_id, k.ordinal, k.pages, k.heading_path, k.text
FROM corpus.documents d
JOIN corpus.generations g ON g.tenant_id = d.tenant_id AND g.state = 'serving'
JOIN corpus.index_entries e ON e.tenant_id = d.tenant_id AND e.generation_id = g.generation_id
    AND e.document_id = COALESCE(d.duplicate_of, d.document_id)
JOIN corpus.document_chunks k ON k.tenant_id = e.tenant_id AND k.chunk_id = e.chunk_id
WHERE d.tenant_id = %(tenant_id)s AND d.document_id = %(document_id)s
ORDER BY k.ordinal;

-- history --
SELECT r.version, r.source_time, r.observed_time, encode(r.content_hash, 'hex') AS content_hash, r.uri,
    CASE WHEN d.deleted_at IS NOT NULL THEN 'deleted'
         -- Before what failed: a generation under construction may refuse what serves.
         WHEN r.version = d.served_version THEN CASE WHEN d.duplicate_of IS NULL THEN 'served' ELSE 'duplicate' END
         WHEN f.failed_version = r.version THEN 'quarantined'
         WHEN r.version < d.latest_version THEN 'superseded'
         ELSE 'pending' END AS state,
    r.run_id
FROM corpus.raw_documents r
JOIN corpus.documents d USING (tenant_id, document_id)
LEFT JOIN LATERAL (SELECT max(failed_version) AS failed_version FROM corpus.ledger l
                   WHERE l.tenant_id = d.tenant_id AND l.document_id = d.document_id AND l.failed_version IS NOT NULL) f ON true
WHERE r.tenant_id = %(tenant_id)s AND r.document_id = %(document_id)s
ORDER BY r.version;

-- quarantine --
SELECT d.uri, s.name AS source, l.stage, l.reason, l.message, l.failed_at AS since, d.document_id, l.failed_version AS version
FROM corpus.ledger l
JOIN corpus.documents d USING (tenant_id, document_id)
JOIN corpus.sources s USING (tenant_id, source_id)
WHERE l.tenant_id = %(tenant_id)s AND l.failed_version IS NOT NULL AND d.deleted_at IS NULL
  AND (%(dropped)s OR l.reason <> 'dropped')
ORDER BY l.failed_at, d.uri;

-- serve_version --
-- An equal text under a newer version number: what is served stands for it, unless a later stage still has something to do.
UPDATE corpus.documents d SET served_version = %(version)s
WHERE d.tenant_id = %(tenant_id)s AND d.document_id = %(document_id)s AND d.served_version IS NOT NULL;

-- delete_old_parsed --
-- Superseded versions keep raw bytes and chunks only.
DELETE FROM corpus.parsed_documents p USING corpus.ledger l
WHERE p.tenant_id = %(tenant_id)s AND p.document_id = ANY (%(document_ids)s) AND p.lineage = %(lineage)s
  AND l.tenant_id = p.tenant_id AND l.stage = 'parsed_documents' AND l.lineage = p.lineage AND l.document_id = p.document_id
  AND p.version < l.version;

-- delete_old_cleaned --
DELETE FROM corpus.cleaned_documents p USING corpus.ledger l
WHERE p.tenant_id = %(tenant_id)s AND p.document_id = ANY (%(document_ids)s) AND p.lineage = %(lineage)s
  AND l.tenant_id = p.tenant_id AND l.stage = 'cleaned_documents' AND l.lineage = p.lineage AND l.document_id = p.document_id
  AND p.version < l.version;

-- delete_old_redacted --
DELETE FROM corpus.redacted_documents p USING corpus.ledger l
WHERE p.tenant_id = %(tenant_id)s AND p.document_id = ANY (%(document_ids)s) AND p.lineage = %(lineage)s
  AND l.tenant_id = p.tenant_id AND l.stage = 'redacted_documents' AND l.lineage = p.lineage AND l.document_id = p.document_id
  AND p.version < l.version;

-- forget_sign --
-- What observation refused is read again at the next listing.
UPDATE corpus.documents d SET sign = ''
WHERE d.tenant_id = %(tenant_id)s AND d.document_id = %(document_id)s
  AND EXISTS (SELECT FROM corpus.ledger l WHERE l.tenant_id = d.tenant_id AND l.stage = 'raw_documents'
              AND l.document_id = d.document_id AND l.failed_version IS NOT NULL);
