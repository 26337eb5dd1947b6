-- set --
-- A bucket that is there keeps its level: who was out of requests is not given new ones by a change.
INSERT INTO prodgen.limits (tenant_id, user_name, unit, per_minute, burst)
VALUES (%(tenant_id)s, %(user_name)s, %(unit)s, %(per_minute)s, %(burst)s)
ON CONFLICT (tenant_id, user_name, unit) DO UPDATE SET per_minute = excluded.per_minute, burst = excluded.burst;

-- remove --
DELETE FROM prodgen.limits WHERE tenant_id = %(tenant_id)s AND user_name = %(user_name)s;

-- list --
SELECT user_name, unit, per_minute, burst FROM prodgen.limits WHERE tenant_id = %(tenant_id)s ORDER BY user_name, unit;

-- admit --
SELECT configured, waits, limited_by, spent_share, hard_stop, ends_at FROM prodgen.admit(%(user_name)s);
