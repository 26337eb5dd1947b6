-- add --
INSERT INTO corpus.holds (tenant_id, kind, document_id, source_id, subject_key, tokens, reason, placed_by)
VALUES (%(tenant_id)s, %(kind)s, %(document_id)s, %(source_id)s, %(subject_key)s, %(tokens)s, %(reason)s, %(actor)s)
RETURNING hold_id;

-- add_documents --
-- Documents that name the subject of a hold now.
INSERT INTO corpus.hold_documents (tenant_id, hold_id, document_id)
SELECT %(tenant_id)s, %(hold_id)s, unnest(%(document_ids)s::bigint[]) ON CONFLICT DO NOTHING;

-- release --
UPDATE corpus.holds SET released_by = %(actor)s, released_at = now()
WHERE tenant_id = %(tenant_id)s AND hold_id = %(hold_id)s AND released_at IS NULL RETURNING hold_id;

-- list --
-- Released ones too. What a subject is called is not known here.
SELECT h.hold_id, h.kind, d.uri AS document, s.name AS source, h.reason, h.placed_by, h.placed_at, h.released_by,
    h.released_at,
    (SELECT count(*) FROM corpus.deferred_removals r WHERE r.tenant_id = h.tenant_id AND h.released_at IS NULL
     AND h.hold_id IN (SELECT corpus.holds_on(r.tenant_id, r.document_id))) AS waiting
FROM corpus.holds h
LEFT JOIN corpus.documents d ON d.tenant_id = h.tenant_id AND d.document_id = h.document_id
LEFT JOIN corpus.sources s ON s.tenant_id = h.tenant_id AND s.source_id = h.source_id
WHERE h.tenant_id = %(tenant_id)s ORDER BY h.hold_id;

-- held --
-- Those of some documents on which a hold lies, hidden ones included.
SELECT d.document_id FROM corpus.documents d
WHERE d.tenant_id = %(tenant_id)s AND d.document_id = ANY (%(document_ids)s::bigint[])
  AND EXISTS (SELECT FROM corpus.holds_on(d.tenant_id, d.document_id));

-- n_held_of_source --
-- Documents of a source, or of the tenant, that a hold keeps; hidden ones are no longer listed.
SELECT count(*) AS n FROM corpus.documents d
WHERE d.tenant_id = %(tenant_id)s
  AND (%(source)s::text IS NULL OR d.source_id = (SELECT s.source_id FROM corpus.sources s
                                                   WHERE s.tenant_id = %(tenant_id)s AND s.name = %(source)s))
  AND EXISTS (SELECT FROM corpus.holds h WHERE h.tenant_id = %(tenant_id)s AND h.released_at IS NULL)
  AND EXISTS (SELECT FROM corpus.holds_on(d.tenant_id, d.document_id));

-- pin_subject_holds --
-- Before the text of documents is handed to their copies: a hold on a subject stays on what it lay on.
INSERT INTO corpus.hold_documents (tenant_id, hold_id, document_id)
SELECT h.tenant_id, h.hold_id, x.document_id
FROM unnest(%(document_ids)s::bigint[]) AS x (document_id)
CROSS JOIN LATERAL corpus.holds_on(%(tenant_id)s, x.document_id) AS l (hold_id)
JOIN corpus.holds h ON h.tenant_id = %(tenant_id)s AND h.hold_id = l.hold_id AND h.kind = 'subject'
ON CONFLICT DO NOTHING;

-- hide --
-- Kept whole, found by nobody.
UPDATE corpus.documents SET deleted_at = COALESCE(deleted_at, now()), served_version = NULL, duplicate_of = NULL
WHERE tenant_id = %(tenant_id)s AND document_id = ANY (%(document_ids)s::bigint[]);

-- defer --
INSERT INTO corpus.deferred_removals AS r (tenant_id, document_id, cause, erasure_id)
SELECT %(tenant_id)s, unnest(%(document_ids)s::bigint[]), %(cause)s, %(erasure_id)s
ON CONFLICT (tenant_id, document_id) DO UPDATE SET cause = excluded.cause, erasure_id = excluded.erasure_id
WHERE excluded.cause = 'erasure' OR r.cause = 'source_delete';

-- due --
-- Removals that no hold is in the way of any more.
SELECT r.document_id, r.cause, r.erasure_id FROM corpus.deferred_removals r
WHERE r.tenant_id = %(tenant_id)s AND NOT EXISTS (SELECT FROM corpus.holds_on(r.tenant_id, r.document_id))
ORDER BY r.document_id;

-- forget_deferred --
DELETE FROM corpus.deferred_removals WHERE tenant_id = %(tenant_id)s AND document_id = ANY (%(document_ids)s::bigint[]);
