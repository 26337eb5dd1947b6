-- The one way to write the audit log. Runs as the schema's owner, inside the caller's transaction and tenant; no role that
-- the product uses can INSERT, UPDATE or DELETE there itself.
CREATE OR REPLACE FUNCTION prodgen.audit(actor text, action text, object text, details jsonb DEFAULT '{}')
    RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    INSERT INTO prodgen.audit_log (tenant_id, actor, action, object, details)
    VALUES (prodgen.current_tenant(), $1, $2, $3, $4)
    RETURNING entry_id;
END;
REVOKE ALL ON FUNCTION prodgen.audit FROM PUBLIC;
GRANT EXECUTE ON FUNCTION prodgen.audit TO prodgen_pipeline, prodgen_serving;

-- Superusers and owners bypass grants; a trigger stops an accident of theirs too.
CREATE OR REPLACE FUNCTION prodgen.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON prodgen.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION prodgen.refuse_change();
