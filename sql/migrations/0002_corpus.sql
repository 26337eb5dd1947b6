-- The life of a corpus: sources, documents, their versions, and one table per stage, named as its Dagster asset.

CREATE TABLE corpus.sources (
    tenant_id       integer NOT NULL REFERENCES prodgen.tenants ON DELETE CASCADE,
    source_id       integer GENERATED ALWAYS AS IDENTITY,
    name            text NOT NULL CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$'),
    uri             text NOT NULL,
    include         text[] NOT NULL DEFAULT '{}',
    exclude         text[] NOT NULL DEFAULT '{}',
    authority       integer NOT NULL DEFAULT 0,
    mirrors         text,
    -- Who may read its documents; empty means every reader of the tenant.
    groups          text[] NOT NULL DEFAULT '{}',
    retention_days  integer CHECK (retention_days > 0),
    -- A person let the next mass delete through (`prodgen source confirm`); taken back when it is used.
    delete_confirmed boolean NOT NULL DEFAULT false,
    -- Documents that a complete listing lacked while too many of them were gone at once; 0 when nothing is held back.
    held_back       integer NOT NULL DEFAULT 0,
    listed_at       timestamptz,
    complete_at     timestamptz,
    -- One line, why the last listing failed or was partial.
    error           text,
    PRIMARY KEY (tenant_id, source_id),
    UNIQUE (tenant_id, name)
);

CREATE TABLE corpus.documents (
    tenant_id        integer NOT NULL,
    document_id      bigint GENERATED ALWAYS AS IDENTITY,
    source_id        integer NOT NULL,
    -- Address relative to the source. A rename keeps document_id and changes this.
    uri              text NOT NULL COLLATE "C",
    -- The store's own sign of change at the last listing that was read.
    sign             text NOT NULL,
    size             bigint NOT NULL,
    latest_version   integer NOT NULL,
    latest_hash      bytea NOT NULL,
    -- The version that searches find; null while none was ever complete.
    served_version   integer,
    -- Set while the served text is found under this other document (an exact copy under equal rights).
    duplicate_of     bigint,
    title            text,
    created_at       timestamptz NOT NULL DEFAULT now(),
    deleted_at       timestamptz,
    PRIMARY KEY (tenant_id, document_id),
    FOREIGN KEY (tenant_id, source_id) REFERENCES corpus.sources ON DELETE CASCADE
);
-- One living document per address; the listing is merged with this order.
CREATE UNIQUE INDEX documents_address ON corpus.documents (tenant_id, source_id, uri) WHERE deleted_at IS NULL;
CREATE INDEX documents_duplicates ON corpus.documents (tenant_id, duplicate_of) WHERE duplicate_of IS NOT NULL;

-- Rights as rows: equality on text is leakproof, so row-level security can use the index.
CREATE TABLE corpus.document_readers (
    tenant_id    integer NOT NULL,
    principal    text NOT NULL,  -- '*', 'user:NAME' or 'group:NAME'
    document_id  bigint NOT NULL,
    PRIMARY KEY (tenant_id, principal, document_id),
    FOREIGN KEY (tenant_id, document_id) REFERENCES corpus.documents ON DELETE CASCADE
);
CREATE INDEX document_readers_document ON corpus.document_readers (tenant_id, document_id);

-- One row is a document version. The bytes are in the object store under object_key.
CREATE TABLE corpus.raw_documents (
    tenant_id      integer NOT NULL,
    document_id    bigint NOT NULL,
    version        integer NOT NULL CHECK (version > 0),
    uri            text NOT NULL,
    content_hash   bytea NOT NULL,
    size           bigint NOT NULL,
    object_key     text,            -- null when the bytes were refused (too large, unreadable)
    source_time    timestamptz,     -- what the store says
    observed_time  timestamptz NOT NULL DEFAULT now(),
    run_id         text NOT NULL,
    PRIMARY KEY (tenant_id, document_id, version),
    FOREIGN KEY (tenant_id, document_id) REFERENCES corpus.documents ON DELETE CASCADE
);

-- The ledger: per stage, lineage and document, what the last success was made from and what waits. A row is due when
-- due_version is set. A lineage is the fingerprint of a stage and all stages before it, as pinned in a generation.
CREATE TABLE corpus.ledger (
    tenant_id       integer NOT NULL,
    stage           text NOT NULL,
    lineage         text NOT NULL,
    document_id     bigint NOT NULL,
    version         integer,        -- of the last success
    input_hash      text,
    output_hash     text,
    run_id          text,
    done_at         timestamptz,
    due_version     integer,
    due_hash        text,
    due_size        bigint,         -- characters (bytes before parsing) that wait: bounds a batch
    due_seq         bigint,         -- order in which rows became due
    failed_version  integer,        -- quarantined: this version went no further
    failed_hash     text,
    failed_size     bigint,
    reason          text,
    message         text,
    failed_at       timestamptz,
    PRIMARY KEY (tenant_id, stage, lineage, document_id),
    FOREIGN KEY (tenant_id, document_id) REFERENCES corpus.documents ON DELETE CASCADE,
    CHECK ((due_version IS NULL) = (due_hash IS NULL)),
    CHECK ((failed_version IS NULL) = (reason IS NULL))
);
CREATE INDEX ledger_due ON corpus.ledger (tenant_id, stage, lineage, due_seq) WHERE due_version IS NOT NULL;
CREATE INDEX ledger_failed ON corpus.ledger (tenant_id, document_id) WHERE failed_version IS NOT NULL;
CREATE INDEX ledger_document ON corpus.ledger (tenant_id, document_id);
CREATE SEQUENCE corpus.due_seq;

CREATE TABLE corpus.parsed_documents (
    tenant_id    integer NOT NULL,
    document_id  bigint NOT NULL,
    lineage      text NOT NULL,
    version      integer NOT NULL,
    media_type   text NOT NULL,
    title        text,
    n_pages      integer,
    n_chars      bigint NOT NULL,
    elements     json NOT NULL,
    PRIMARY KEY (tenant_id, document_id, lineage, version),
    FOREIGN KEY (tenant_id, document_id) REFERENCES corpus.documents ON DELETE CASCADE
);

CREATE TABLE corpus.cleaned_documents (
    tenant_id    integer NOT NULL,
    document_id  bigint NOT NULL,
    lineage      text NOT NULL,
    version      integer NOT NULL,
    title        text,
    n_chars      bigint NOT NULL,
    -- How often each rule changed or dropped something.
    rule_counts  jsonb NOT NULL,
    elements     json NOT NULL,
    PRIMARY KEY (tenant_id, document_id, lineage, version),
    FOREIGN KEY (tenant_id, document_id) REFERENCES corpus.documents ON DELETE CASCADE
);

-- Copies: the same cleaned text under equal rights. canonical_id is the document whose chunks serve it.
CREATE TABLE corpus.deduped_documents (
    tenant_id     integer NOT NULL,
    document_id   bigint NOT NULL,
    lineage       text NOT NULL,
    version       integer NOT NULL,
    -- Keyed per tenant, over the text and who may read it.
    text_key      bytea NOT NULL,
    canonical_id  bigint NOT NULL,
    PRIMARY KEY (tenant_id, document_id, lineage),
    FOREIGN KEY (tenant_id, document_id) REFERENCES corpus.documents ON DELETE CASCADE
);
CREATE INDEX deduped_documents_text ON corpus.deduped_documents (tenant_id, lineage, text_key);

-- One token per value and type; the value itself is not here.
CREATE TABLE corpus.pseudonyms (
    tenant_id   integer NOT NULL REFERENCES prodgen.tenants ON DELETE CASCADE,
    label       text NOT NULL,
    value_key   bytea NOT NULL,     -- keyed hash of the normalised value
    token       text NOT NULL,      -- <LABEL_hexadecimal digits>
    PRIMARY KEY (tenant_id, label, value_key),
    UNIQUE (tenant_id, token)
);

CREATE TABLE corpus.redacted_documents (
    tenant_id    integer NOT NULL,
    document_id  bigint NOT NULL,
    lineage      text NOT NULL,
    version      integer NOT NULL,
    title        text,
    n_chars      bigint NOT NULL,
    -- What was replaced: [{"element", "start", "end", "label", "score", "rule"}], offsets in the redacted element.
    entities     json NOT NULL,
    elements     json NOT NULL,
    PRIMARY KEY (tenant_id, document_id, lineage, version),
    FOREIGN KEY (tenant_id, document_id) REFERENCES corpus.documents ON DELETE CASCADE
);

CREATE TABLE corpus.document_chunks (
    tenant_id     integer NOT NULL,
    chunk_id      bigint GENERATED ALWAYS AS IDENTITY,
    document_id   bigint NOT NULL,
    lineage       text NOT NULL,
    version       integer NOT NULL,
    ordinal       integer NOT NULL,
    -- Offsets in the text of the redacted document.
    start_char    integer NOT NULL,
    end_char      integer NOT NULL CHECK (end_char > start_char),
    n_tokens      integer NOT NULL,
    pages         integer[] NOT NULL,
    heading_path  text[] NOT NULL,
    text          text NOT NULL CHECK (text <> ''),
    -- What the embedder sees, and the key under which its vector is kept.
    embedding_text text NOT NULL,
    text_hash     bytea NOT NULL,
    PRIMARY KEY (tenant_id, chunk_id),
    UNIQUE (tenant_id, document_id, lineage, version, ordinal),
    FOREIGN KEY (tenant_id, document_id) REFERENCES corpus.documents ON DELETE CASCADE
);

-- Vectors by text, paid for once: every version, duplicate and generation of the tenant takes them from here.
CREATE TABLE corpus.chunk_embeddings (
    tenant_id   integer NOT NULL REFERENCES prodgen.tenants ON DELETE CASCADE,
    model       text NOT NULL,      -- model and revision
    text_hash   bytea NOT NULL,
    precision   text NOT NULL,
    embedding   halfvec NOT NULL,
    PRIMARY KEY (tenant_id, model, text_hash)
);

-- Where and when the pipeline ran; a document version points here, and Dagster's run has the same id.
CREATE TABLE corpus.runs (
    tenant_id   integer NOT NULL REFERENCES prodgen.tenants ON DELETE CASCADE,
    run_id      text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('sync', 'dagster')),
    actor       text NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT now(),
    ended_at    timestamptz,
    state       text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'failed')),
    counts      jsonb NOT NULL DEFAULT '{}',
    error       text,
    PRIMARY KEY (tenant_id, run_id)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA corpus TO prodgen_pipeline;
GRANT USAGE ON SEQUENCE corpus.due_seq TO prodgen_pipeline;
