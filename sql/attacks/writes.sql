-- Ways to change rows of another tenant, or to give it some. Every row touched is one gained, and so is every error but a
-- refusal: a constraint that speaks was reached past the policy, and tells whether a row is there.

-- inserted --
INSERT INTO {table} (tenant_id) OVERRIDING SYSTEM VALUE VALUES (%(victim)s);

-- inserted_unless_there --
INSERT INTO {table} (tenant_id) OVERRIDING SYSTEM VALUE VALUES (%(victim)s) ON CONFLICT DO NOTHING;

-- inserted_and_returned --
WITH made AS (INSERT INTO {table} (tenant_id) OVERRIDING SYSTEM VALUE VALUES (%(victim)s) RETURNING *) SELECT * FROM made;

-- copied_from_its_own_row --
INSERT INTO {table} OVERRIDING SYSTEM VALUE
SELECT (jsonb_populate_record(t, jsonb_build_object('tenant_id', %(victim)s::integer))).* FROM {table} AS t LIMIT 1;

-- copied_in --
COPY {table} FROM STDIN;

-- updated --
UPDATE {table} SET {settable} = {settable} WHERE tenant_id = %(victim)s;

-- updated_all --
UPDATE {table} SET {settable} = {settable} WHERE tenant_id IS DISTINCT FROM %(attacker)s::integer;

-- updated_by_join --
UPDATE {table} AS t SET {settable} = t.{settable} FROM (VALUES (%(victim)s::integer)) AS v (tenant_id) WHERE t.tenant_id = v.tenant_id;

-- given_away --
UPDATE {table} SET tenant_id = %(victim)s WHERE tenant_id = %(attacker)s::integer;

-- deleted --
DELETE FROM {table} WHERE tenant_id = %(victim)s;

-- deleted_all --
DELETE FROM {table} WHERE tenant_id IS DISTINCT FROM %(attacker)s::integer;

-- deleted_and_returned --
WITH gone AS (DELETE FROM {table} WHERE tenant_id = %(victim)s RETURNING *) SELECT * FROM gone;

-- merged --
MERGE INTO {table} AS t USING (VALUES (%(victim)s::integer)) AS v (tenant_id) ON t.tenant_id = v.tenant_id
WHEN MATCHED THEN DELETE;

-- merged_in --
MERGE INTO {table} AS t USING (VALUES (%(victim)s::integer)) AS v (tenant_id) ON false
WHEN NOT MATCHED THEN INSERT (tenant_id) OVERRIDING SYSTEM VALUE VALUES (v.tenant_id);

-- locked_for_update --
SELECT 1 FROM {table} AS t WHERE t.tenant_id = %(victim)s FOR UPDATE OF t;
