-- What the attack suite found: rows that a role could read or change and no statement of the product does.

-- The registry of tenants is listed by transactions that are nobody's; a tenant's own sees and changes its own row alone. As one
-- policy for everything, a transaction of one tenant could have renamed or removed another, with all its rows by cascade.
DROP POLICY pipeline_all ON prodgen.tenants;
CREATE POLICY pipeline_sees ON prodgen.tenants FOR SELECT TO prodgen_pipeline
    USING (prodgen.current_tenant() IS NULL OR tenant_id = prodgen.current_tenant());
CREATE POLICY pipeline_adds ON prodgen.tenants FOR INSERT TO prodgen_pipeline WITH CHECK (prodgen.current_tenant() IS NULL);
CREATE POLICY pipeline_changes ON prodgen.tenants FOR UPDATE TO prodgen_pipeline
    USING (tenant_id = prodgen.current_tenant()) WITH CHECK (tenant_id = prodgen.current_tenant());
CREATE POLICY pipeline_removes ON prodgen.tenants FOR DELETE TO prodgen_pipeline USING (tenant_id = prodgen.current_tenant());

-- Releases are global: who made one, and why, is a name of some tenant's that the query side has no use for.
REVOKE SELECT ON prodgen.releases FROM prodgen_serving;
GRANT SELECT (release_id, manifest, created_at) ON prodgen.releases TO prodgen_serving;

-- An answer quotes what its asker may read; a reader sees its own.
DROP POLICY tenant_of_reader ON prodgen.answers;
CREATE POLICY given ON prodgen.answers FOR INSERT TO prodgen_serving WITH CHECK (tenant_id = prodgen.current_tenant());
CREATE POLICY own ON prodgen.answers FOR SELECT TO prodgen_serving
    USING (tenant_id = prodgen.current_tenant() AND actor = ANY (prodgen.current_principals()));

-- Golden questions and answers are about documents that not every reader may see, and evaluation reads them as the pipeline.
REVOKE ALL ON prodgen.evaluation_cases, prodgen.evaluation_reports FROM prodgen_serving;
DROP POLICY tenant_of_reader ON prodgen.evaluation_cases;
DROP POLICY tenant_of_reader ON prodgen.evaluation_reports;

-- Of a source, searches need the name; its address, its errors and what others read there is none of a reader's business.
REVOKE SELECT ON corpus.sources FROM prodgen_serving;
GRANT SELECT (tenant_id, source_id, name) ON corpus.sources TO prodgen_serving;
DROP POLICY tenant_of_reader ON corpus.sources;
CREATE POLICY reader ON corpus.sources FOR SELECT TO prodgen_serving USING (tenant_id = prodgen.current_tenant() AND (
    groups = '{}' OR EXISTS (SELECT FROM unnest(groups) AS g WHERE 'group:' || g = ANY (prodgen.current_principals()))));

-- Functions are for those they are granted to.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA prodgen, corpus FROM PUBLIC;
GRANT EXECUTE ON FUNCTION prodgen.current_tenant, prodgen.current_principals TO prodgen_pipeline, prodgen_serving;

-- Policies that stand on tables to which the query side has no right, from the days when all tables were treated alike.
DROP POLICY IF EXISTS tenant_of_reader ON prodgen.audit_log;
DROP POLICY IF EXISTS tenant_of_reader ON prodgen.alerts;

-- The planner's most common terms are those of all tenants: a term of one large tenant was expected 681 times where one that nobody
-- holds was expected 10 times, whoever asked. Without them every term is expected alike; both plans read by the key, as before.
-- To the same type, because that forgets what was gathered; nothing is rewritten.
ALTER TABLE corpus.index_terms ALTER COLUMN term TYPE text COLLATE "C";
ALTER TABLE corpus.index_terms ALTER COLUMN term SET STATISTICS 0;
