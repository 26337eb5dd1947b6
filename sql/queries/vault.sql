-- tenant_keys --
-- The tenant's wrapped secrets; the query side sees one of them.
SELECT purpose, wrapped FROM prodgen.tenant_keys WHERE tenant_id = %(tenant_id)s;

-- add_tenant_key --
INSERT INTO prodgen.tenant_keys (tenant_id, purpose, wrapped) VALUES (%(tenant_id)s, %(purpose)s, %(wrapped)s)
ON CONFLICT DO NOTHING;

-- replace_tenant_key --
UPDATE prodgen.tenant_keys SET wrapped = %(wrapped)s, wrapped_at = now()
WHERE tenant_id = %(tenant_id)s AND purpose = %(purpose)s;

-- subject_keys --
SELECT token, wrapped FROM corpus.subject_keys WHERE tenant_id = %(tenant_id)s AND token = ANY (%(tokens)s::text[]);

-- all_subject_keys --
-- Locked: whoever wraps them again must not lose one that is added meanwhile.
SELECT token, wrapped FROM corpus.subject_keys WHERE tenant_id = %(tenant_id)s ORDER BY token FOR UPDATE;

-- add_subject_keys --
INSERT INTO corpus.subject_keys (tenant_id, token, wrapped)
SELECT %(tenant_id)s, x.token, x.wrapped FROM unnest(%(tokens)s::text[], %(wrapped)s::bytea[]) AS x (token, wrapped)
ON CONFLICT DO NOTHING;

-- replace_subject_keys --
UPDATE corpus.subject_keys k SET wrapped = x.wrapped
FROM unnest(%(tokens)s::text[], %(wrapped)s::bytea[]) AS x (token, wrapped)
WHERE k.tenant_id = %(tenant_id)s AND k.token = x.token;

-- known_originals --
-- Which of these spellings are kept already.
SELECT token, original_key FROM corpus.originals
WHERE tenant_id = %(tenant_id)s
  AND (token, original_key) IN (SELECT * FROM unnest(%(tokens)s::text[], %(original_keys)s::bytea[]));

-- add_originals --
INSERT INTO corpus.originals (tenant_id, token, original_key, sealed)
SELECT %(tenant_id)s, x.token, x.original_key, x.sealed
FROM unnest(%(tokens)s::text[], %(original_keys)s::bytea[], %(sealed)s::bytea[]) AS x (token, original_key, sealed)
ON CONFLICT DO NOTHING;

-- originals --
-- What reveal opens.
SELECT sealed FROM corpus.originals WHERE tenant_id = %(tenant_id)s AND token = %(token)s ORDER BY original_key;

-- count_originals --
SELECT count(*) FROM corpus.originals WHERE tenant_id = %(tenant_id)s AND token = %(token)s;

-- destroy_subject --
-- The key first and last: originals, aliases and the token itself go with the row that they refer to.
DELETE FROM corpus.pseudonyms WHERE tenant_id = %(tenant_id)s AND token = %(token)s;

-- redactions --
-- What was replaced in a document as it is served, by type: counts, never values. Of a copy, that of its canonical.
SELECT entity ->> 'label' AS label, count(*) AS n
FROM corpus.documents d
JOIN corpus.generations g ON g.tenant_id = d.tenant_id AND g.state = 'serving'
JOIN corpus.ledger l ON l.tenant_id = d.tenant_id AND l.stage = 'redacted_documents'
    AND l.lineage = g.pins -> 'redacted_documents' ->> 'lineage'
    AND l.document_id = COALESCE(d.duplicate_of, d.document_id)
JOIN corpus.redacted_documents r ON r.tenant_id = l.tenant_id AND r.document_id = l.document_id AND r.lineage = l.lineage
    AND r.version = l.version
CROSS JOIN json_array_elements(r.entities) AS entity
WHERE d.tenant_id = %(tenant_id)s AND d.document_id = %(document_id)s
GROUP BY label ORDER BY label;
