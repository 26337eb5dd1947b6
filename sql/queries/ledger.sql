-- mark_due --
-- What the stage before just made waits for this one, unless it is what this stage was last made from. Returns what waits.
INSERT INTO corpus.ledger AS l (tenant_id, stage, lineage, document_id, due_version, due_hash, due_size, due_seq)
SELECT %(tenant_id)s, %(stage)s, %(lineage)s, x.document_id, x.version, x.hash, x.size, nextval('corpus.due_seq')
FROM unnest(%(document_ids)s::bigint[], %(versions)s::integer[], %(hashes)s::text[], %(sizes)s::bigint[])
    AS x (document_id, version, hash, size)
ON CONFLICT (tenant_id, stage, lineage, document_id) DO UPDATE
SET due_version = excluded.due_version, due_hash = excluded.due_hash, due_size = excluded.due_size,
    due_seq = excluded.due_seq, failed_version = NULL, failed_hash = NULL, failed_size = NULL, reason = NULL,
    message = NULL, failed_at = NULL
WHERE l.input_hash IS DISTINCT FROM excluded.due_hash
RETURNING document_id;

-- cut_off --
-- The input is what this stage was last made from: nothing waits here any more.
UPDATE corpus.ledger SET due_version = NULL, due_hash = NULL, due_size = NULL, due_seq = NULL,
    failed_version = NULL, failed_hash = NULL, failed_size = NULL, reason = NULL, message = NULL, failed_at = NULL
WHERE tenant_id = %(tenant_id)s AND stage = %(stage)s AND lineage = %(lineage)s AND document_id = ANY (%(document_ids)s);

-- adopt_waiting --
-- After a cut-off, what later stages still hold of an equal earlier version is carried on under the new version's number.
UPDATE corpus.ledger SET due_version = %(version)s, due_hash = COALESCE(due_hash, failed_hash),
    due_size = COALESCE(due_size, failed_size), due_seq = COALESCE(due_seq, nextval('corpus.due_seq')),
    failed_version = NULL, failed_hash = NULL, failed_size = NULL, reason = NULL, message = NULL, failed_at = NULL
WHERE tenant_id = %(tenant_id)s AND document_id = %(document_id)s AND lineage = ANY (%(later)s)
  AND (due_version IS NOT NULL OR failed_version IS NOT NULL)
RETURNING stage;

-- due --
-- The next batch in the order in which rows became due, bounded in documents and in size; at least one.
SELECT document_id, version, input_hash, size FROM (
    SELECT document_id, due_version AS version, due_hash AS input_hash, due_size AS size, due_seq,
        sum(due_size) OVER (ORDER BY due_seq) - due_size AS before
    FROM (SELECT * FROM corpus.ledger
          WHERE tenant_id = %(tenant_id)s AND stage = %(stage)s AND lineage = %(lineage)s AND due_version IS NOT NULL
          ORDER BY due_seq LIMIT %(max_documents)s) AS first_due
) AS sized WHERE before <= %(max_size)s ORDER BY due_seq;

-- still_due --
-- Those of a batch that wait as they did when it was taken, locked until the commit: what was deleted, replaced or handed to
-- a copy while it was worked on is not to be written.
SELECT l.document_id FROM corpus.ledger l
JOIN unnest(%(document_ids)s::bigint[], %(versions)s::integer[], %(hashes)s::text[]) AS x (document_id, version, hash)
    USING (document_id)
WHERE l.tenant_id = %(tenant_id)s AND l.stage = %(stage)s AND l.lineage = %(lineage)s AND l.due_version = x.version
  AND l.due_hash = x.hash
ORDER BY l.document_id FOR UPDATE OF l;

-- count_due --
SELECT count(*) AS n FROM corpus.ledger
WHERE tenant_id = %(tenant_id)s AND stage = %(stage)s AND lineage = %(lineage)s AND due_version IS NOT NULL;

-- pending --
-- Rows that wait for a live run: what only a generation under construction has is its backfill's.
SELECT count(*) AS n FROM corpus.ledger l WHERE l.tenant_id = %(tenant_id)s AND l.due_version IS NOT NULL
    AND l.lineage IN (SELECT p.value ->> 'lineage' FROM corpus.generations g CROSS JOIN jsonb_each(g.pins) AS p
                      WHERE g.tenant_id = %(tenant_id)s AND g.state IN ('serving', 'standby'));

-- done --
UPDATE corpus.ledger l SET version = x.version, input_hash = x.input_hash, output_hash = x.output_hash,
    run_id = %(run_id)s, done_at = now(), due_version = NULL, due_hash = NULL, due_size = NULL, due_seq = NULL,
    failed_version = NULL, failed_hash = NULL, failed_size = NULL, reason = NULL, message = NULL, failed_at = NULL
FROM unnest(%(document_ids)s::bigint[], %(versions)s::integer[], %(input_hashes)s::text[], %(output_hashes)s::text[])
    AS x (document_id, version, input_hash, output_hash)
WHERE l.tenant_id = %(tenant_id)s AND l.stage = %(stage)s AND l.lineage = %(lineage)s AND l.document_id = x.document_id;

-- failed --
-- Quarantined: this version went no further, and why. What was made before stays as it is.
INSERT INTO corpus.ledger AS l (tenant_id, stage, lineage, document_id, failed_version, failed_hash, failed_size, reason,
    message, failed_at, run_id)
VALUES (%(tenant_id)s, %(stage)s, %(lineage)s, %(document_id)s, %(version)s, %(input_hash)s, %(size)s, %(reason)s,
    %(message)s, now(), %(run_id)s)
ON CONFLICT (tenant_id, stage, lineage, document_id) DO UPDATE
SET failed_version = excluded.failed_version, failed_hash = excluded.failed_hash, failed_size = excluded.failed_size,
    reason = excluded.reason, message = excluded.message, failed_at = now(), run_id = excluded.run_id,
    due_version = NULL, due_hash = NULL, due_size = NULL, due_seq = NULL;

-- retry --
-- What failed is due again, as it was.
UPDATE corpus.ledger SET due_version = failed_version, due_hash = failed_hash, due_size = failed_size,
    due_seq = nextval('corpus.due_seq'), failed_version = NULL, failed_hash = NULL, failed_size = NULL, reason = NULL,
    message = NULL, failed_at = NULL
WHERE tenant_id = %(tenant_id)s AND document_id = %(document_id)s AND failed_version IS NOT NULL
  AND stage <> 'raw_documents'
RETURNING stage;
