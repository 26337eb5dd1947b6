-- "May this be deleted?" Every path that deletes a document calls this in its own transaction.
-- Order: legal hold, erasure, retention, source delete. Holds, erasure and retention have no rows yet (their tables come
-- with them and are consulted here first); until then what its source no longer has may go.
CREATE OR REPLACE FUNCTION corpus.may_delete(tenant integer, document bigint, cause text) RETURNS boolean
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF cause NOT IN ('source_delete', 'source_removed', 'tenant_removed') THEN
        RAISE EXCEPTION 'unknown cause of deletion: %', cause;
    END IF;
    RETURN EXISTS (SELECT FROM corpus.documents d WHERE d.tenant_id = tenant AND d.document_id = document);
END
$$;
GRANT EXECUTE ON FUNCTION corpus.may_delete TO prodgen_pipeline;
