-- raise --
-- Opens an alert, or says that the open one still holds.
INSERT INTO prodgen.alerts (tenant_id, kind, object, severity, message)
VALUES (%(tenant_id)s, %(kind)s, %(object)s, %(severity)s, %(message)s)
ON CONFLICT (tenant_id, kind, object) WHERE resolved_at IS NULL
DO UPDATE SET last_seen_at = now(), message = excluded.message, severity = excluded.severity;

-- resolve --
UPDATE prodgen.alerts SET resolved_at = now()
WHERE tenant_id = %(tenant_id)s AND kind = %(kind)s AND object = %(object)s AND resolved_at IS NULL;

-- open --
SELECT alert_id, kind, object, severity, message, opened_at, last_seen_at FROM prodgen.alerts
WHERE tenant_id = %(tenant_id)s AND resolved_at IS NULL ORDER BY opened_at;
