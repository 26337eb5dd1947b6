-- standing --
-- What the sensor must know of a tenant before it reads its stores: rows that wait for a live run, and whether a run holds the tenant,
-- whoever started it.
SELECT
    (SELECT count(*) FROM corpus.ledger l WHERE l.tenant_id = %(tenant_id)s AND l.due_version IS NOT NULL
        AND l.lineage IN (SELECT p.value ->> 'lineage' FROM corpus.generations g CROSS JOIN jsonb_each(g.pins) AS p
                          WHERE g.tenant_id = %(tenant_id)s AND g.state IN ('serving', 'standby'))) AS n_pending,
    EXISTS (SELECT FROM pg_locks k
            WHERE k.locktype = 'advisory' AND k.granted AND k.objsubid = 2
              AND k.database = (SELECT oid FROM pg_database WHERE datname = current_database())
              AND k.classid::bigint = %(space)s AND k.objid::bigint = %(tenant_id)s) AS locked;

-- fail_run --
-- A run that ended without saying so itself; what it recorded about its own end stays.
INSERT INTO corpus.runs AS r (tenant_id, run_id, kind, actor, state, error, ended_at)
VALUES (%(tenant_id)s, %(run_id)s, 'dagster', %(actor)s, 'failed', %(error)s, now())
ON CONFLICT (tenant_id, run_id) DO UPDATE SET state = 'failed', error = excluded.error, ended_at = now()
WHERE r.state <> 'failed'
RETURNING run_id;
