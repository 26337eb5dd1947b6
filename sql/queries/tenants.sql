-- add --
-- A new tenant; nothing when the name is taken.
INSERT INTO prodgen.tenants (name) VALUES (%(name)s) ON CONFLICT (name) DO NOTHING RETURNING tenant_id, name, created_at;

-- list --
SELECT tenant_id, name, created_at FROM prodgen.tenants ORDER BY name;

-- by_name --
SELECT tenant_id, name, created_at FROM prodgen.tenants WHERE name = %(name)s;

-- remove --
-- Everything of the tenant goes with it, but its audit log.
DELETE FROM prodgen.tenants WHERE tenant_id = %(tenant_id)s;

-- clear_index --
-- Before remove: the term lists have no foreign key to cascade through. Vector indexes of the tenant are dropped apart.
DELETE FROM corpus.index_terms WHERE tenant_id = %(tenant_id)s;

-- next_change --
-- The next number of the tenant's change sequence: run keys made of it never repeat.
UPDATE prodgen.tenants SET change_seq = change_seq + 1 WHERE tenant_id = %(tenant_id)s RETURNING change_seq;

-- lock --
-- One run per tenant at a time, whoever starts it. Held by the session, so a killed holder gives it back.
SELECT pg_try_advisory_lock(%(space)s, %(tenant_id)s) AS locked;

-- still_there --
-- Asked on the lock's own connection.
SELECT true AS there;

-- unlock --
SELECT pg_advisory_unlock(%(space)s, %(tenant_id)s) AS unlocked;

-- audit --
SELECT prodgen.audit(%(actor)s, %(action)s, %(object)s, %(details)s) AS entry_id;

-- audit_list --
SELECT entry_id, at, actor, action, object, details FROM prodgen.audit_log
WHERE tenant_id = %(tenant_id)s ORDER BY entry_id;
