-- Who there is and who may act: tenants, keys, the audit log, alerts.
-- Every table with a tenant's rows starts its keys with tenant_id and forces row-level security, from its first day.
CREATE SCHEMA corpus;
GRANT USAGE ON SCHEMA corpus TO prodgen_pipeline, prodgen_serving;

-- The tenant of the running transaction, set with SET LOCAL; null (so no row at all) when nobody set it.
CREATE FUNCTION prodgen.current_tenant() RETURNS integer
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN NULLIF(current_setting('prodgen.tenant_id', true), '')::integer;

-- On whose behalf the transaction reads: '*', 'user:NAME', 'group:NAME', as a text array; empty when nobody set it.
CREATE FUNCTION prodgen.current_principals() RETURNS text[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN COALESCE(NULLIF(current_setting('prodgen.principals', true), ''), '{}')::text[];

-- A registry, not a tenant's table: the pipeline lists it, the query side sees the tenant it serves.
CREATE TABLE prodgen.tenants (
    tenant_id   integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name        text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    created_at  timestamptz NOT NULL DEFAULT now(),
    -- Taken by every change that a run must follow; a run key made of content would silently drop a revert.
    change_seq  bigint NOT NULL DEFAULT 0
);
ALTER TABLE prodgen.tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE prodgen.tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY pipeline_all ON prodgen.tenants TO prodgen_pipeline USING (true) WITH CHECK (true);
CREATE POLICY serving_own ON prodgen.tenants FOR SELECT TO prodgen_serving USING (tenant_id = prodgen.current_tenant());
GRANT SELECT, INSERT, UPDATE, DELETE ON prodgen.tenants TO prodgen_pipeline;
GRANT SELECT ON prodgen.tenants TO prodgen_serving;

CREATE TABLE prodgen.api_keys (
    tenant_id    integer NOT NULL REFERENCES prodgen.tenants ON DELETE CASCADE,
    key_id       text NOT NULL,
    user_name    text NOT NULL CHECK (user_name <> ''),
    groups       text[] NOT NULL DEFAULT '{}',
    role         text NOT NULL CHECK (role IN ('reader', 'operator', 'auditor', 'admin')),
    may_reveal   boolean NOT NULL DEFAULT false,
    secret_hash  bytea NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    revoked_at   timestamptz,
    PRIMARY KEY (tenant_id, key_id)
);

-- What was done, by whom, to what. Append-only for every role that the product uses; see functions/audit.sql for the one
-- way to write it. `details` never holds document text or a person's value.
CREATE TABLE prodgen.audit_log (
    tenant_id   integer NOT NULL,  -- no foreign key: entries outlive their tenant
    entry_id    bigint GENERATED ALWAYS AS IDENTITY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor       text NOT NULL CHECK (actor <> ''),
    action      text NOT NULL CHECK (action ~ '^[a-z_]+\.[a-z_]+$'),
    object      text NOT NULL DEFAULT '',
    details     jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant_id, entry_id)
);

-- What an operator should know now. One open row per (kind, object).
CREATE TABLE prodgen.alerts (
    tenant_id    integer NOT NULL REFERENCES prodgen.tenants ON DELETE CASCADE,
    alert_id     bigint GENERATED ALWAYS AS IDENTITY,
    kind         text NOT NULL,
    object       text NOT NULL DEFAULT '',
    severity     text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    message      text NOT NULL,
    opened_at    timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    resolved_at  timestamptz,
    PRIMARY KEY (tenant_id, alert_id)
);
CREATE UNIQUE INDEX alerts_open ON prodgen.alerts (tenant_id, kind, object) WHERE resolved_at IS NULL;

GRANT SELECT, INSERT, UPDATE ON prodgen.api_keys, prodgen.alerts TO prodgen_pipeline;
GRANT DELETE ON prodgen.api_keys, prodgen.alerts TO prodgen_pipeline;
GRANT SELECT ON prodgen.api_keys TO prodgen_serving;
GRANT SELECT ON prodgen.audit_log TO prodgen_pipeline;
