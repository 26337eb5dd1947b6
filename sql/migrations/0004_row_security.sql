-- Forced row-level security on every tenant's table: the tenant for everyone, the reader's rights for the query side.
-- New tables say so in the migration that makes them; a test walks the catalogue.
DO $$
DECLARE
    t regclass;
BEGIN
    FOR t IN SELECT c.oid::regclass FROM pg_class c
             WHERE c.relnamespace IN ('corpus'::regnamespace, 'prodgen'::regnamespace) AND c.relkind IN ('r', 'p')
               AND c.oid NOT IN ('prodgen.tenants'::regclass, 'prodgen.releases'::regclass)
               AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
        -- For the schema's owner as well: the function that writes the audit log runs as it.
        EXECUTE format('CREATE POLICY tenant ON %s TO prodgen_pipeline, prodgen_schema '
                       'USING (tenant_id = prodgen.current_tenant()) WITH CHECK (tenant_id = prodgen.current_tenant())', t);
        IF t NOT IN ('corpus.documents'::regclass, 'corpus.document_chunks'::regclass, 'corpus.document_readers'::regclass,
                     'corpus.index_entries'::regclass, 'corpus.index_terms'::regclass) THEN
            EXECUTE format('CREATE POLICY tenant_of_reader ON %s TO prodgen_serving '
                           'USING (tenant_id = prodgen.current_tenant()) WITH CHECK (tenant_id = prodgen.current_tenant())', t);
        END IF;
    END LOOP;
END
$$;

-- A reader sees the rights that name it, and through them its documents. The sub-query does not depend on the row, so it runs
-- once per statement and is probed by hash.
CREATE POLICY reader ON corpus.document_readers FOR SELECT TO prodgen_serving
    USING (tenant_id = prodgen.current_tenant() AND principal = ANY (prodgen.current_principals()));
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['documents', 'document_chunks', 'index_entries', 'index_terms'] LOOP
        EXECUTE format('CREATE POLICY reader ON corpus.%I FOR SELECT TO prodgen_serving USING ('
                       'tenant_id = prodgen.current_tenant() AND document_id IN ('
                       'SELECT r.document_id FROM corpus.document_readers r WHERE r.tenant_id = prodgen.current_tenant() '
                       'AND r.principal = ANY (prodgen.current_principals())))', t);
    END LOOP;
END
$$;
