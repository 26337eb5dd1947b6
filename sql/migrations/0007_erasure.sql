-- What must be kept (holds), what must go (retention, erasure), and what must not come back (suppressions).

-- How long the tenant's documents are kept; null: for ever. A source may say less or more for its own.
ALTER TABLE prodgen.tenants ADD COLUMN retention_days integer CHECK (retention_days > 0);

-- When an erasure took the bytes of a version, and what parsing and cleaning made of them; its redacted text is all there is.
ALTER TABLE corpus.raw_documents ADD COLUMN erased_at timestamptz;

-- Legal holds. Several may lie on one object; each has its own reason and is released for itself.
CREATE TABLE corpus.holds (
    tenant_id    integer NOT NULL REFERENCES prodgen.tenants ON DELETE CASCADE,
    hold_id      bigint GENERATED ALWAYS AS IDENTITY,
    kind         text NOT NULL CHECK (kind IN ('document', 'subject', 'source')),
    document_id  bigint,
    source_id    integer,
    -- A subject: keyed hash of what it was called when the hold was placed, and the tokens that stand for it. Never the text.
    subject_key  bytea,
    tokens       text[] NOT NULL DEFAULT '{}',
    reason       text NOT NULL CHECK (reason <> ''),
    placed_by    text NOT NULL,
    placed_at    timestamptz NOT NULL DEFAULT now(),
    released_by  text,
    released_at  timestamptz,
    PRIMARY KEY (tenant_id, hold_id),
    CHECK ((kind = 'document') = (document_id IS NOT NULL)),
    CHECK ((kind = 'source') = (source_id IS NOT NULL)),
    CHECK ((kind = 'subject') = (subject_key IS NOT NULL))
);
CREATE INDEX holds_living ON corpus.holds (tenant_id, kind) WHERE released_at IS NULL;

-- Documents that named a subject when the hold on it was placed; those that come later are known by its tokens.
CREATE TABLE corpus.hold_documents (
    tenant_id    integer NOT NULL,
    hold_id      bigint NOT NULL,
    document_id  bigint NOT NULL,
    PRIMARY KEY (tenant_id, hold_id, document_id),
    FOREIGN KEY (tenant_id, hold_id) REFERENCES corpus.holds ON DELETE CASCADE
);
CREATE INDEX hold_documents_document ON corpus.hold_documents (tenant_id, document_id);

-- Documents that would be gone but for a hold: hidden from searches, kept whole, removed when the last hold goes.
CREATE TABLE corpus.deferred_removals (
    tenant_id    integer NOT NULL,
    document_id  bigint NOT NULL,
    cause        text NOT NULL CHECK (cause IN ('source_delete', 'retention', 'erasure')),
    since        timestamptz NOT NULL DEFAULT now(),
    erasure_id   text,
    PRIMARY KEY (tenant_id, document_id),
    FOREIGN KEY (tenant_id, document_id) REFERENCES corpus.documents ON DELETE CASCADE
);

-- What is not stored again though a store still offers it, as keyed hashes.
-- value: a form of an erased value. content: bytes of an erased document. address: where it lay, whatever lies there now, until
-- a complete listing lacks it. offer: one address under one sign, looked at and not taken.
CREATE TABLE corpus.suppressions (
    tenant_id   integer NOT NULL REFERENCES prodgen.tenants ON DELETE CASCADE,
    kind        text NOT NULL CHECK (kind IN ('value', 'content', 'address', 'offer')),
    key         bytea NOT NULL,
    -- Of a value: how many words it has; 0 for a number that is read without its separators.
    n_words     integer,
    source_id   integer,
    cause       text NOT NULL CHECK (cause IN ('erasure', 'retention')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, kind, key),
    CHECK ((kind = 'value') = (n_words IS NOT NULL)),
    CHECK ((kind IN ('address', 'offer')) = (source_id IS NOT NULL))
);

-- Erasures: begun, gone on with after an interruption, and proven. No value of a person is here.
CREATE TABLE prodgen.erasures (
    tenant_id     integer NOT NULL REFERENCES prodgen.tenants ON DELETE CASCADE,
    erasure_id    text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('document', 'subject')),
    -- Keyed hash of the subject's text or of the document's address: an interrupted erasure is found again by it.
    target_key    bytea NOT NULL,
    state         text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'failed')),
    actor         text NOT NULL,
    started_at    timestamptz NOT NULL DEFAULT now(),
    ended_at      timestamptz,
    n_resumed     integer NOT NULL DEFAULT 0,
    -- What was found: ids of documents and versions, tokens; and by step what was done so far.
    found         jsonb NOT NULL DEFAULT '{}',
    steps         jsonb NOT NULL DEFAULT '{}',
    -- json, not jsonb: the signature is over these very characters.
    receipt       json,
    PRIMARY KEY (tenant_id, erasure_id)
);
CREATE UNIQUE INDEX erasures_running ON prodgen.erasures (tenant_id, target_key) WHERE state = 'running';

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['corpus.holds', 'corpus.hold_documents', 'corpus.deferred_removals', 'corpus.suppressions',
                             'prodgen.erasures'] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON %s TO prodgen_pipeline, prodgen_schema '
                       'USING (tenant_id = prodgen.current_tenant()) WITH CHECK (tenant_id = prodgen.current_tenant())', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO prodgen_pipeline', t);
    END LOOP;
END
$$;
