-- What pseudonyms stand for: other names of a token, by keyed hash, and the originals, encrypted.

-- A tenant's secrets, each wrapped by the master key: those that its values, texts and signatures are hashed with, and the one
-- that wraps its subjects' keys.
CREATE TABLE prodgen.tenant_keys (
    tenant_id   integer NOT NULL REFERENCES prodgen.tenants ON DELETE CASCADE,
    purpose     text NOT NULL CHECK (purpose <> ''),
    wrapped     bytea NOT NULL,
    wrapped_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, purpose)
);

-- Under which forms a document or a question may mean a token: keyed hashes of normalised names, addresses, numbers.
-- name: a full name as documents have it. value: any other value. form: another way to write a full name. part: one word of it,
-- good only where it is nobody else's.
CREATE TABLE corpus.aliases (
    tenant_id  integer NOT NULL,
    alias_key  bytea NOT NULL,
    token      text NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('name', 'value', 'form', 'part')),
    PRIMARY KEY (tenant_id, alias_key, token),
    FOREIGN KEY (tenant_id, token) REFERENCES corpus.pseudonyms (tenant_id, token) ON DELETE CASCADE
);
CREATE INDEX aliases_token ON corpus.aliases (tenant_id, token);

-- One data key per subject, wrapped by the tenant's key. Without it the originals cannot be read, whatever copies of them are left.
CREATE TABLE corpus.subject_keys (
    tenant_id   integer NOT NULL,
    token       text NOT NULL,
    wrapped     bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, token),
    FOREIGN KEY (tenant_id, token) REFERENCES corpus.pseudonyms (tenant_id, token) ON DELETE CASCADE
);

-- Every spelling that a token has replaced, once.
CREATE TABLE corpus.originals (
    tenant_id     integer NOT NULL,
    token         text NOT NULL,
    original_key  bytea NOT NULL,  -- keyed hash of the spelling
    sealed        bytea NOT NULL,  -- nonce (12 bytes) and AES-256-GCM ciphertext
    PRIMARY KEY (tenant_id, token, original_key),
    FOREIGN KEY (tenant_id, token) REFERENCES corpus.subject_keys ON DELETE CASCADE
);

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['prodgen.tenant_keys', 'corpus.aliases', 'corpus.subject_keys', 'corpus.originals'] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON %s TO prodgen_pipeline, prodgen_schema '
                       'USING (tenant_id = prodgen.current_tenant()) WITH CHECK (tenant_id = prodgen.current_tenant())', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO prodgen_pipeline', t);
    END LOOP;
END
$$;
-- The query side looks tokens up, with the secret that they are hashed with, and has no right to any other key nor to originals.
CREATE POLICY lookup ON corpus.aliases FOR SELECT TO prodgen_serving USING (tenant_id = prodgen.current_tenant());
CREATE POLICY lookup ON prodgen.tenant_keys FOR SELECT TO prodgen_serving
    USING (tenant_id = prodgen.current_tenant() AND purpose = 'pseudonyms');
GRANT SELECT ON corpus.aliases, prodgen.tenant_keys TO prodgen_serving;
