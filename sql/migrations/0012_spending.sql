-- What may be asked and spent: rate limits, budgets, what is set aside for running calls, and what was used. The query side has no
-- right to any of it but through functions/spending.sql; money is exact, in dollars with nine decimals.

CREATE TABLE prodgen.limits (
    tenant_id   integer NOT NULL REFERENCES prodgen.tenants ON DELETE CASCADE,
    -- Empty: all users together. '*': every user who has no limit of his own, each by himself.
    user_name   text NOT NULL,
    unit        text NOT NULL CHECK (unit IN ('requests', 'tokens')),
    per_minute  double precision NOT NULL CHECK (per_minute > 0 AND per_minute < 1e12),
    -- What may come at once after a pause: the size of the bucket.
    burst       double precision NOT NULL CHECK (burst >= 1 AND burst < 1e12),
    PRIMARY KEY (tenant_id, user_name, unit)
);

-- Token buckets as they were when last looked into; the clock is the database's.
CREATE TABLE prodgen.rate_buckets (
    tenant_id  integer NOT NULL REFERENCES prodgen.tenants ON DELETE CASCADE,
    user_name  text NOT NULL,
    unit       text NOT NULL,
    -- Below zero after a call that took more than was set aside for it.
    level      double precision NOT NULL,
    filled_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_name, unit)
);

CREATE TABLE prodgen.budgets (
    tenant_id  integer NOT NULL REFERENCES prodgen.tenants ON DELETE CASCADE,
    account    text NOT NULL CHECK (account IN ('indexing', 'querying')),
    -- Of the calendar, in UTC.
    period     text NOT NULL CHECK (period IN ('day', 'month')),
    usd        numeric(20, 9) NOT NULL CHECK (usd >= 0 AND usd < 1e9),
    -- Whether all is refused once it is spent; otherwise what costs nothing goes on.
    hard_stop  boolean NOT NULL,
    PRIMARY KEY (tenant_id, account, period)
);

-- The accounts of budgets: what is spent, and what is set aside for calls that run.
CREATE TABLE prodgen.budget_periods (
    tenant_id  integer NOT NULL,
    account    text NOT NULL,
    period     text NOT NULL,
    starts_on  date NOT NULL,
    spent      numeric(20, 9) NOT NULL,
    reserved   numeric(20, 9) NOT NULL,
    -- Percent of the last alert.
    step       integer NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, account, period, starts_on),
    FOREIGN KEY (tenant_id, account, period) REFERENCES prodgen.budgets ON DELETE CASCADE
);

CREATE TABLE prodgen.reservations (
    tenant_id       integer NOT NULL REFERENCES prodgen.tenants ON DELETE CASCADE,
    reservation_id  bigint GENERATED ALWAYS AS IDENTITY,
    account         text NOT NULL,
    user_name       text NOT NULL,
    usd             numeric(20, 9) NOT NULL CHECK (usd >= 0),
    tokens          bigint NOT NULL CHECK (tokens >= 0),
    made_at         timestamptz NOT NULL,
    -- Whose it is has settled by then, or never will.
    expires_at      timestamptz NOT NULL,
    -- Process that made it, which holds an advisory lock of this number while it lives; null: only the deadline counts.
    worker          integer,
    -- Since when that lock has been free.
    missed_at       timestamptz,
    PRIMARY KEY (tenant_id, reservation_id)
);

-- What was used: a row for every model behind an answer, and one for an answer without any.
CREATE TABLE prodgen.usage (
    tenant_id      integer NOT NULL REFERENCES prodgen.tenants ON DELETE CASCADE,
    usage_id       bigint GENERATED ALWAYS AS IDENTITY,
    at             timestamptz NOT NULL,
    account        text NOT NULL,
    user_name      text NOT NULL,
    tier           text NOT NULL,
    model          text NOT NULL,
    -- 1 where the answer is counted, 0 for further models behind it; an indexing run has as many as it made.
    requests       integer NOT NULL,
    input_tokens   bigint NOT NULL,
    output_tokens  bigint NOT NULL,
    usd            numeric(20, 9) NOT NULL,
    -- Release whose prices usd comes from.
    prices         text NOT NULL,
    cache_hit      boolean NOT NULL,
    -- Of the whole answer, where it is counted and anything was set aside for it.
    reserved_usd   numeric(20, 9),
    settled_usd    numeric(20, 9),
    PRIMARY KEY (tenant_id, usage_id)
);
-- For reports, and for what was spent before a budget was set.
CREATE INDEX usage_at ON prodgen.usage (tenant_id, account, at);

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['limits', 'rate_buckets', 'budgets', 'budget_periods', 'reservations', 'usage'] LOOP
        EXECUTE format('ALTER TABLE prodgen.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE prodgen.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON prodgen.%I TO prodgen_pipeline, prodgen_schema '
                       'USING (tenant_id = prodgen.current_tenant()) WITH CHECK (tenant_id = prodgen.current_tenant())', t);
        EXECUTE format('GRANT SELECT ON prodgen.%I TO prodgen_pipeline', t);
    END LOOP;
END
$$;
GRANT INSERT, UPDATE, DELETE ON prodgen.limits, prodgen.budgets TO prodgen_pipeline;
