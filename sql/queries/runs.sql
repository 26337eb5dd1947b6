-- start --
INSERT INTO corpus.runs (tenant_id, run_id, kind, actor) VALUES (%(tenant_id)s, %(run_id)s, %(kind)s, %(actor)s)
ON CONFLICT (tenant_id, run_id) DO UPDATE SET state = 'running', ended_at = NULL, error = NULL
-- A row that was just inserted has no earlier version.
RETURNING xmax = 0 AS is_new;

-- end_dead --
-- The tenant's lock is held by whoever starts a run: any other that still says it runs was killed. Live runs and backfills
-- have a lock each.
UPDATE corpus.runs SET state = 'failed', ended_at = now(), error = 'the process ended without a word: killed, or out of memory'
WHERE tenant_id = %(tenant_id)s AND state = 'running' AND run_id <> %(run_id)s
  AND (kind = 'backfill') = (%(kind)s = 'backfill');

-- finish --
UPDATE corpus.runs SET state = %(state)s, counts = counts || %(counts)s, error = %(error)s, ended_at = now()
WHERE tenant_id = %(tenant_id)s AND run_id = %(run_id)s;

-- list --
SELECT run_id, kind, actor, started_at, ended_at, state, counts, error FROM corpus.runs
WHERE tenant_id = %(tenant_id)s ORDER BY started_at DESC LIMIT %(limit)s;
