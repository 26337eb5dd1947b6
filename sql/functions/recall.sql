-- A sampled search is kept by the query side, which can neither read nor delete samples itself. The tenant's oldest make room,
-- so that there are never many, whether or not anything audits them.
CREATE OR REPLACE FUNCTION prodgen.keep_search_sample(release_id text, generation_id integer, principals text[], question text,
        filters jsonb, k integer, plan text, at_most integer)
    RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    DELETE FROM prodgen.search_samples s WHERE s.tenant_id = prodgen.current_tenant() AND s.sample_id <= (
        SELECT o.sample_id FROM prodgen.search_samples o WHERE o.tenant_id = prodgen.current_tenant()
        ORDER BY o.sample_id DESC OFFSET $8 - 1 LIMIT 1);
    INSERT INTO prodgen.search_samples (tenant_id, release_id, generation_id, principals, question, filters, k, plan)
    VALUES (prodgen.current_tenant(), $1, $2, $3, $4, $5, $6, $7)
    RETURNING sample_id;
END;
REVOKE ALL ON FUNCTION prodgen.keep_search_sample FROM PUBLIC;
GRANT EXECUTE ON FUNCTION prodgen.keep_search_sample TO prodgen_serving;

-- The newest conclusive audits of all tenants together, for a page that names none.
CREATE OR REPLACE FUNCTION prodgen.recall_figures(at_least integer)
    RETURNS TABLE (n_tenants bigint, minimum double precision, mean double precision, audited_at timestamptz)
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT count(*), min(recall), avg(recall), (SELECT max(at) FROM prodgen.recall_audits)
    FROM (SELECT DISTINCT ON (a.tenant_id) a.recall FROM prodgen.recall_audits a WHERE a.n_searches >= $1
          ORDER BY a.tenant_id, a.audit_id DESC) AS newest;
END;
REVOKE ALL ON FUNCTION prodgen.recall_figures FROM PUBLIC;
GRANT EXECUTE ON FUNCTION prodgen.recall_figures TO prodgen_serving;
