-- relations --
-- Tables, views and sequences of every schema but the server's own, with what tells whose a row is.
SELECT n.nspname AS schema, c.relname AS name, CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'view'
        ELSE 'table' END AS kind,
    ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
          AND a.attname IN ('tenant_id', 'access_id', 'document_id', 'chunk_id') ORDER BY a.attname) AS marks,
    (SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     AND a.attgenerated = '' AND a.attidentity = '' ORDER BY a.attname <> 'tenant_id', a.attnum LIMIT 1) AS settable
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
ORDER BY n.nspname, c.relname;

-- functions --
-- Our functions that take a tenant, as a call with nulls for what else they take.
SELECT p.oid::regprocedure::text AS name,
    format('SELECT * FROM %%I.%%I(%%s)', n.nspname, p.proname, (
        SELECT string_agg(CASE WHEN a.name IN ('tenant', 'tenant_id') THEN '%%(victim)s' WHEN a.type = 'integer'::regtype THEN '1'
                          ELSE 'NULL' END || '::' || format_type(a.type, NULL), ', ' ORDER BY a.place)
        FROM unnest(p.proargtypes::oid[], p.proargnames[1:p.pronargs]) WITH ORDINALITY AS a (type, name, place))) AS call
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname IN ('prodgen', 'corpus') AND p.prokind = 'f' AND p.proargnames && ARRAY['tenant', 'tenant_id']
ORDER BY 1;

-- limit_time --
-- A statement that waits for others is given up rather than holding anybody up.
SELECT set_config('statement_timeout', '20s', true), set_config('lock_timeout', '500ms', true);

-- no_row_security --
-- Asks the server to raise an error rather than filter; the owner of a table would see everything.
SELECT set_config('row_security', 'off', true);

-- left_behind --
-- What a transaction of another tenant could leave on a pooled connection, had it set anything for the session.
SELECT set_config('prodgen.tenant_id', %(left_tenant)s, false), 
    set_config('prodgen.principals', %(left_principals)s::text[]::text, false);

-- all_principals --
-- Every name under which anybody of the tenant reads.
SELECT DISTINCT principal FROM corpus.access_principals WHERE tenant_id = %(tenant_id)s ORDER BY principal;

-- hidden_from --
-- Some of what readers of these names may not read: sets of readers, documents, chunks.
WITH hidden AS (
    SELECT s.access_id FROM corpus.access_sets s
    WHERE s.tenant_id = %(tenant_id)s AND NOT s.principals && %(principals)s::text[]
)
SELECT COALESCE((SELECT array_agg(access_id) FROM hidden), '{}') AS hidden_sets,
    COALESCE((SELECT array_agg(document_id) FROM (
        SELECT d.document_id FROM corpus.documents d JOIN hidden USING (access_id)
        WHERE d.tenant_id = %(tenant_id)s LIMIT 1000) AS few), '{}') AS hidden_documents,
    COALESCE((SELECT array_agg(chunk_id) FROM (
        SELECT k.chunk_id FROM corpus.document_chunks k JOIN hidden USING (access_id)
        WHERE k.tenant_id = %(tenant_id)s LIMIT 1000) AS few), '{}') AS hidden_chunks;
