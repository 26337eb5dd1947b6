-- What searches read: generations, the vector and term halves of the index, and what is released to readers.

-- A generation is one way of making the index, per tenant: every stage's configuration, pinned when it was opened.
CREATE TABLE corpus.generations (
    tenant_id      integer NOT NULL REFERENCES prodgen.tenants ON DELETE CASCADE,
    generation_id  integer NOT NULL,
    -- building: being filled beside the serving one; serving: what releases point at; retired: waits to be reclaimed.
    state          text NOT NULL CHECK (state IN ('building', 'serving', 'retired')),
    -- {stage: {"fingerprint", "lineage"}} and the configuration they were made from.
    pins           jsonb NOT NULL,
    configuration  jsonb NOT NULL,
    -- Kept in step by the transaction that switches a document; BM25 needs both.
    n_chunks       bigint NOT NULL DEFAULT 0,
    n_terms        bigint NOT NULL DEFAULT 0,
    opened_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, generation_id)
);
CREATE UNIQUE INDEX generations_serving ON corpus.generations (tenant_id) WHERE state = 'serving';

-- The vector half: one row per served chunk and generation, narrow, so that an exact scan reads little.
CREATE TABLE corpus.index_entries (
    tenant_id      integer NOT NULL,
    generation_id  integer NOT NULL,
    document_id    bigint NOT NULL,
    chunk_id       bigint NOT NULL,
    n_terms        integer NOT NULL,
    embedding      halfvec NOT NULL,
    PRIMARY KEY (tenant_id, generation_id, document_id, chunk_id),
    FOREIGN KEY (tenant_id, generation_id) REFERENCES corpus.generations ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, document_id) REFERENCES corpus.documents ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, chunk_id) REFERENCES corpus.document_chunks ON DELETE CASCADE
);
CREATE INDEX index_entries_chunk ON corpus.index_entries (tenant_id, chunk_id);

-- The term half: a posting list per term and document, three arrays of equal length. A document comes and goes as a whole,
-- and its rights are checked once for all its postings. No foreign keys: the statements that remove a document or a
-- generation name this table, and a check per posting would cost more than writing it.
CREATE TABLE corpus.index_terms (
    tenant_id      integer NOT NULL,
    generation_id  integer NOT NULL,
    term           text NOT NULL COLLATE "C",
    document_id    bigint NOT NULL,
    chunk_ids      bigint[] NOT NULL,
    frequencies    smallint[] NOT NULL,
    lengths        smallint[] NOT NULL,    -- terms in that chunk, capped at 32767
    PRIMARY KEY (tenant_id, generation_id, term, document_id)
);
CREATE INDEX index_terms_document ON corpus.index_terms (tenant_id, generation_id, document_id);

-- A release is global and content-addressed: fingerprints and versions of all that makes an answer, never a generation's id.
CREATE TABLE prodgen.releases (
    release_id  text PRIMARY KEY CHECK (release_id ~ '^[0-9a-f]{16}$'),
    manifest    jsonb NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    created_by  text NOT NULL,
    reason      text NOT NULL DEFAULT ''
);
GRANT SELECT, INSERT ON prodgen.releases TO prodgen_pipeline;
GRANT SELECT ON prodgen.releases TO prodgen_serving;

-- What serves a tenant: the newest row.
CREATE TABLE prodgen.served_releases (
    tenant_id      integer NOT NULL REFERENCES prodgen.tenants ON DELETE CASCADE,
    served_seq     bigint GENERATED ALWAYS AS IDENTITY,
    release_id     text NOT NULL REFERENCES prodgen.releases,
    generation_id  integer NOT NULL,
    served_at      timestamptz NOT NULL DEFAULT now(),
    actor          text NOT NULL,
    PRIMARY KEY (tenant_id, served_seq),
    FOREIGN KEY (tenant_id, generation_id) REFERENCES corpus.generations
);

-- Golden cases and what a release scored on them.
CREATE TABLE prodgen.evaluation_cases (
    tenant_id  integer NOT NULL REFERENCES prodgen.tenants ON DELETE CASCADE,
    case_id    text NOT NULL,
    question   text NOT NULL,
    uris       text[] NOT NULL,
    answer     text,
    refuse     boolean NOT NULL DEFAULT false,
    slice      text NOT NULL DEFAULT 'plain',
    PRIMARY KEY (tenant_id, case_id)
);
CREATE TABLE prodgen.evaluation_reports (
    tenant_id      integer NOT NULL REFERENCES prodgen.tenants ON DELETE CASCADE,
    report_id      bigint GENERATED ALWAYS AS IDENTITY,
    release_id     text NOT NULL,
    generation_id  integer NOT NULL,
    run_id         text,
    created_at     timestamptz NOT NULL DEFAULT now(),
    -- Scores overall and by slice; failing cases by id.
    scores         jsonb NOT NULL,
    PRIMARY KEY (tenant_id, report_id)
);

-- Every answer given, so that it can be explained: what was asked is kept redacted.
CREATE TABLE prodgen.answers (
    tenant_id      integer NOT NULL REFERENCES prodgen.tenants ON DELETE CASCADE,
    answer_id      text NOT NULL,
    at             timestamptz NOT NULL DEFAULT now(),
    actor          text NOT NULL,
    release_id     text NOT NULL,
    generation_id  integer NOT NULL,
    question       text NOT NULL,
    answer         text NOT NULL,
    refused        boolean NOT NULL,
    reason         text,
    tier           text NOT NULL,
    model          text,
    usd            numeric(12, 6) NOT NULL DEFAULT 0,
    timings_ms     jsonb NOT NULL,
    -- [{"n", "chunk_id", "document_id", "version"}]
    evidence       jsonb NOT NULL,
    PRIMARY KEY (tenant_id, answer_id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON prodgen.served_releases, prodgen.evaluation_cases, prodgen.evaluation_reports,
    prodgen.answers TO prodgen_pipeline;
GRANT SELECT, INSERT, UPDATE, DELETE ON corpus.generations, corpus.index_entries, corpus.index_terms TO prodgen_pipeline;
GRANT SELECT ON prodgen.served_releases, prodgen.evaluation_cases TO prodgen_serving;
GRANT SELECT, INSERT ON prodgen.answers TO prodgen_serving;
GRANT INSERT, SELECT ON prodgen.evaluation_reports TO prodgen_serving;
-- The query side sees what is served and redacted: not parsed, cleaned or raw rows, and no embedding cache.
GRANT SELECT ON corpus.sources, corpus.documents, corpus.document_readers, corpus.document_chunks, corpus.index_entries,
    corpus.index_terms, corpus.generations, corpus.pseudonyms TO prodgen_serving;
